"""Kernels compiled before they are called: which are missing, in what order, on all processors.

What a kernel is called with stands in its annotations (:mod:`orderparams.arrays`); what it calls
is seen in its code. What has none, such as a kernel of vectors, is compiled when it is called.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import itertools
import json
import os
import subprocess
import sys
import threading
import typing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from types import CodeType, ModuleType, UnionType
from typing import Any

from numba import types
from numba.core.dispatcher import Dispatcher

from orderparams import compiled
from orderparams.phases import phase
from orderparams.processors import MOST_PROCESSES, THREADS, processors

numba_types: Any = types

Signature = tuple[Any, ...]
"""Numba's types of the arguments."""

PLAIN: dict[Any, Any] = {
    float: numba_types.float64,
    int: numba_types.int64,
    bool: numba_types.boolean,
}

FEW = 4
"""Missing kernels up to which no other process is started for them."""


def alternatives(hint: Any) -> list[Any]:
    """Numba's types for one annotation; :class:`TypeError` for one that names none."""
    if hint in PLAIN:
        return [PLAIN[hint]]
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        _, number, axes, order = parts
        return [numba_types.Array(getattr(numba_types, number), axes, order)]
    if origin in (UnionType, typing.Union):
        return [kind for part in parts for kind in alternatives(part)]
    if origin is list:
        return [numba_types.List(kind) for kind in alternatives(parts[0])]
    if origin is tuple:
        choices = itertools.product(*map(alternatives, parts))
        return [numba_types.BaseTuple.from_types(kinds) for kinds in choices]
    if hasattr(hint, "_fields"):
        fields = typing.get_type_hints(hint, include_extras=True)
        choices = itertools.product(*(alternatives(fields[name]) for name in hint._fields))
        return [numba_types.BaseTuple.from_types(kinds, hint) for kinds in choices]
    raise TypeError(hint)


def signatures(kernel: Any) -> list[Signature]:
    """What a kernel is compiled for by its annotations; nothing where they do not say."""
    code = kernel.py_func.__code__
    hints = typing.get_type_hints(kernel.py_func, include_extras=True)
    try:
        arguments = [alternatives(hints[name]) for name in code.co_varnames[: code.co_argcount]]
    except TypeError:
        return []
    return list(itertools.product(*arguments))


def is_kernel(value: Any) -> bool:
    return issubclass(type(value), Dispatcher)


def called_by(kernel: Any) -> list[Any]:
    """The kernels whose names stand in the code of one, also as those of a module."""
    found: list[Any] = []

    def look(code: CodeType) -> None:
        known = [kernel.py_func.__globals__.get(name) for name in code.co_names]
        modules = [vars(value) for value in known if isinstance(value, ModuleType)]
        known += [module.get(name) for module in modules for name in code.co_names]
        for value in known:
            if is_kernel(value) and value not in found:
                found.append(value)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                look(constant)

    look(kernel.py_func.__code__)
    return found


def with_called(kernels: Iterable[Any]) -> list[Any]:
    """Kernels and all that they call, those that are called first."""
    ordered: dict[Any, None] = {}

    def visit(kernel: Any) -> None:
        if kernel not in ordered:
            for other in called_by(kernel):
                visit(other)
            ordered[kernel] = None

    for kernel in kernels:
        visit(kernel)
    return list(ordered)


def kernels_in(modules: Iterable[ModuleType]) -> list[Any]:
    """The kernels that modules define."""
    return [
        value
        for module in modules
        for value in vars(module).values()
        if is_kernel(value) and value.__module__ == module.__name__
    ]


@dataclass(frozen=True, eq=False)
class Job:
    """One kernel to be compiled, those to be compiled before it, and how long a way to the last of
    its callers it begins."""

    kernel: Any
    signatures: list[Signature]
    after: list[Any]
    way: int


def missing(kernels: Iterable[Any]) -> list[Job]:
    """What is not compiled yet of kernels and of all that they call, the longest ways first."""
    needed = with_called(kernels)
    lacking: dict[Any, list[Signature]] = {}
    for kernel in needed:
        wanted = [kinds for kinds in signatures(kernel) if not is_compiled(kernel, kinds)]
        if wanted:
            lacking[kernel] = wanted
    way = dict.fromkeys(needed, 0)
    for kernel in reversed(needed):
        way[kernel] += len(kernel.py_func.__code__.co_code)
        for other in called_by(kernel):
            way[other] = max(way[other], way[kernel])
    jobs = [
        Job(
            kernel,
            wanted,
            [one for one in with_called([kernel])[:-1] if one in lacking],
            way[kernel],
        )
        for kernel, wanted in lacking.items()
    ]
    return sorted(jobs, key=lambda job: -job.way)


def is_compiled(kernel: Any, kinds: Signature) -> bool:
    """Whether this process or the cache has it."""
    found = kernel._cache
    return kinds in kernel.overloads or (
        isinstance(found, compiled.KernelCache) and found.holds(kinds, kernel.targetctx)
    )


class Work:
    """Jobs that several threads take, each when all before it are done."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.waiting = list(jobs)
        self.undone = {job.kernel for job in jobs}
        self.changed = threading.Condition()

    def take(self) -> Job | None:
        """The next job; None when all are done."""
        with self.changed:
            while self.undone:
                for job in self.waiting:
                    if self.undone.isdisjoint(job.after):
                        self.waiting.remove(job)
                        return job
                self.changed.wait()
        return None

    def put(self, job: Job, *, done: bool) -> None:
        """A job is done, or given back."""
        with self.changed:
            if done:
                self.undone.discard(job.kernel)
            else:
                self.waiting.append(job)
            self.changed.notify_all()


def compile_here(job: Job) -> None:
    for kinds in job.signatures:
        job.kernel.compile(kinds)


def compile_there(process: subprocess.Popen[bytes], work: Work) -> None:
    """Have another process fill the cache; what it cannot do is left to this one."""
    assert process.stdin is not None
    assert process.stdout is not None
    while (job := work.take()) is not None:
        function, answer = job.kernel.py_func, b""
        with contextlib.suppress(OSError, ValueError):  # it is gone
            process.stdin.write(json.dumps([function.__module__, function.__name__]).encode())
            process.stdin.write(b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        work.put(job, done=answer == DONE)
        if answer != DONE:
            return


DONE = b"done\n"


@contextlib.contextmanager
def helpers(count: int, work: Work) -> Iterator[None]:
    """Other processes that take their part of the work; they end with it."""
    processes: list[subprocess.Popen[bytes]] = []
    with contextlib.suppress(OSError):  # none can be started
        for _ in range(count):
            processes.append(started())
    threads = [threading.Thread(target=compile_there, args=(one, work)) for one in processes]
    try:
        for thread in threads:
            thread.start()
        yield
    finally:
        for process in processes:
            process.kill()
        for thread, process in zip(threads, processes, strict=True):
            thread.join()
            with contextlib.suppress(OSError), process:
                pass


def started(module: str = __name__) -> subprocess.Popen[bytes]:
    """A process of one thread that runs a module, and is spoken to line by line."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | dict.fromkeys(THREADS, "1"),
        start_new_session=True,  # out of reach of the terminal: Ctrl-C is for this process
    )


def help_out() -> None:
    """What a helper does: compile the kernels that are named to it, line by line."""
    for line in sys.stdin:
        module, name = json.loads(line)
        kernel = getattr(importlib.import_module(module), name)
        for kinds in signatures(kernel):
            kernel.compile(kinds)
        sys.stdout.buffer.write(DONE)
        sys.stdout.flush()


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Of several processes the first compiles, and the others find it done."""
    root = compiled.cache_root()
    with contextlib.ExitStack() as resources:
        with contextlib.suppress(OSError):  # where there are no locks, each compiles for itself
            if root is not None and compiled.is_writable(root):
                lock = resources.enter_context((root / "ahead").open("w"))
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@cache
def compile_missing(kernels: tuple[Any, ...]) -> int:
    """Compile what is not in the cache yet of kernels and of what they call; returns how many.

    On all processors, where there is a folder to hand kernels over in. The hooks of
    :data:`compiled.on_compiling` are called with the number before.
    """
    if all(is_compiled(kernel, kinds) for kernel in kernels for kinds in signatures(kernel)):
        return 0
    with one_at_a_time():
        jobs = missing(kernels)
        if jobs:
            compiled.say_compiling(len(jobs))
        work = Work(jobs)
        root = compiled.cache_root()
        alone = root is None or not compiled.is_writable(root) or len(jobs) <= FEW
        alone = alone or not sys.executable
        count = 0 if alone else min(processors(), MOST_PROCESSES) - 1
        what = f"compiling {len(jobs)} kernels in {count + 1} processes"
        with phase(what) if jobs else contextlib.nullcontext(), helpers(count, work):
            while (job := work.take()) is not None:
                try:
                    compile_here(job)
                except BaseException:
                    work.put(job, done=False)
                    raise
                work.put(job, done=True)
    return len(jobs)


if __name__ == "__main__":
    help_out()
