"""Points are run by child processes that can hang, crash or be killed without harm to the scan.

A child reads one JSON line a point from its standard input and answers with a JSON line and the
HDF5 image of the point. Its numerical libraries have one thread each, and it leaves as soon as its
parent does.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from orderparams.models import registry
from orderparams.processors import THREADS
from orderparams.streams import steady_streams

COMPILATION = 120.0
"""Seconds that a process may take to start and to compile its kernels, beside a point's time."""

BEGINS, COMPILES = b"begins\n", b"compiles"
"""What a child says before the reply: that it has its libraries and kernels, or that it has to
compile so many of them first."""

LOOK_INTERVAL = 1.0
"""Seconds between looks of a child at its parent."""

OnCompiling = Callable[[int], None]
"""Called with the number of kernels that are known to be missing."""


@dataclass(frozen=True)
class Task:
    """A point to run: what to do, its configuration as TOML text and the hash of that, whether to
    keep more than its values, the seconds it may take, the end of a neighbour to start from, and
    the Python file of a model of the user's own."""

    action: str
    config: str
    hash: str
    keep: bool = False
    timeout: float | None = None
    start: dict[str, list[Any]] | None = None
    model_file: str | None = None


@dataclass(frozen=True)
class Reply:
    """How a point ended, in how many seconds, and its file."""

    status: str
    message: str
    seconds: float
    image: bytes


class Child:
    """One child process, from the caller's side; ``on_compiling`` is called when it has to."""

    def __init__(self, on_compiling: OnCompiling) -> None:
        self.on_compiling = on_compiling
        # Out of reach of the terminal: Ctrl-C is answered by the parent alone.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | dict.fromkeys(THREADS, "1"),
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests, self.replies = self.process.stdin, self.process.stdout
        self.expired = False

    def run(self, task: Task) -> Reply:
        """Run a point; one that takes too long or kills the process becomes a failed one."""
        started = time.monotonic()
        try:
            with self.limit(None if task.timeout is None else task.timeout + COMPILATION):
                self.requests.write(json.dumps(asdict(task)).encode() + b"\n")
                self.requests.flush()
                said = self.replies.readline()
                if said.startswith(COMPILES):
                    self.on_compiling(int(said.removeprefix(COMPILES)))
                    self.replies.readline()
            started = time.monotonic()
            with self.limit(task.timeout):
                header = json.loads(self.replies.readline())
                size = header.pop("size")
                image = self.replies.read(size)
            if len(image) < size:
                raise EOFError
            return Reply(**header, image=image)
        except (OSError, EOFError, ValueError):  # the pipe ended
            return self.lost(task, time.monotonic() - started)

    @contextlib.contextmanager
    def limit(self, seconds: float | None) -> Iterator[None]:
        """End the process if what is inside takes longer."""
        if seconds is None:
            yield
            return
        timer = threading.Timer(seconds, self.expire)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def expire(self) -> None:
        """End the process because its point takes too long."""
        self.expired = True
        self.process.kill()

    def lost(self, task: Task, seconds: float) -> Reply:
        """The reply for a point that took the process with it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)  # it may be about to leave with a status of its own
        self.close()
        code = self.process.returncode
        if self.expired:
            message = f"stopped after the limit of {task.timeout:g} seconds"
        elif code < 0:
            message = f"the worker process was killed by {signal.Signals(-code).name}"
        else:
            message = f"the worker process ended with exit status {code}"
        return failed(task, message, seconds)

    @property
    def alive(self) -> bool:
        return not self.expired and self.process.poll() is None

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        self.replies.close()
        with contextlib.suppress(OSError):  # what was buffered has no reader any more
            self.requests.close()


class Crew:
    """Child processes for callers in several threads: as many as run at the same time.

    ``on_compiling`` is called once, from any of the threads, when kernels have to be compiled.
    """

    def __init__(self, on_compiling: OnCompiling | None = None) -> None:
        self.on_compiling = on_compiling
        self.lock = threading.Lock()
        self.idle: list[Child] = []
        self.busy: set[Child] = set()
        self.closed = False

    def start(self, count: int) -> None:
        """Start children ahead of the first points, so that they load their libraries together."""
        self.idle += [Child(self.compiling) for _ in range(count)]

    def compiling(self, count: int) -> None:
        """Say that kernels are compiled, once."""
        with self.lock:
            say, self.on_compiling = self.on_compiling, None
        if say is not None:
            say(count)

    def run(self, task: Task) -> Reply:
        """Run a point in an idle child, or in a new one."""
        with self.lock:
            if self.closed:
                raise RuntimeError("the crew has left")
            while self.idle and not self.idle[0].alive:
                self.idle.pop(0).close()
            child = self.idle.pop(0) if self.idle else Child(self.compiling)
            self.busy.add(child)
        reply = child.run(task)
        with self.lock:
            self.busy.remove(child)
            if child.alive and not self.closed:
                self.idle.append(child)
            else:
                child.close()
        return reply

    def close(self) -> None:
        """End all children, busy or not."""
        with self.lock:
            self.closed = True
            idle, self.idle = self.idle, []
            for child in self.busy:  # closed by the thread that waits for it
                child.process.kill()
        for child in idle:
            child.close()


def failed(task: Task, message: str, seconds: float) -> Reply:
    """The reply for a point that could not answer itself."""
    from orderparams.scans.actions import Outcome, image

    outcome = Outcome("failed", message)
    return Reply("failed", message, seconds, image(outcome, task, seconds))


def perform(task: Task) -> Reply:
    """Run a point in this process."""
    from orderparams.config import parse, parse_toml
    from orderparams.scans.actions import image, perform

    started = time.monotonic()
    outcome = perform(task.action, parse(parse_toml(task.config)), task.start)
    seconds = time.monotonic() - started
    return Reply(outcome.status, outcome.message, seconds, image(outcome, task, seconds))


def serve() -> None:
    """The child: answer requests until the parent is gone, who alone answers signals."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not stand between the replies
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen(lines: Iterable[bytes]) -> None:
        for line in lines:
            requests.put(line)
        os._exit(0)  # also in the middle of a point: nobody waits for it

    def watch(parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_INTERVAL)
        os._exit(0)

    # What a parent has forked keeps its end of the pipe open: that it is gone is seen twice.
    threading.Thread(target=listen, args=(sys.stdin.buffer,), daemon=True).start()
    threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()

    # What every action needs is imported while the parent still makes its plans.
    with contextlib.suppress(Exception):  # the first point will say why it cannot be
        import orderparams.run.solve
        import orderparams.scans.actions  # noqa: F401

    def answer(*parts: bytes) -> None:
        try:
            replies.writelines(parts)
            replies.flush()
        except BrokenPipeError:
            os._exit(0)

    def say_compiling(count: int) -> None:
        answer(b"%b %d\n" % (COMPILES, count))

    rehearsed: set[tuple[Any, ...]] = set()
    while True:
        task = Task(**json.loads(requests.get()))
        refusal = guarded(task, partial(rehearse, task, rehearsed, say_compiling))
        answer(BEGINS)
        reply = refusal or guarded(task, partial(perform, task))
        assert reply is not None
        header = {"status": reply.status, "message": reply.message, "seconds": reply.seconds}
        answer(json.dumps(header | {"size": len(reply.image)}).encode() + b"\n", reply.image)


def guarded(task: Task, step: Callable[[], Reply | None]) -> Reply | None:
    """What a step returns; if it breaks off, a reply that says why."""
    try:
        return step()
    except Exception as error:
        return failed(task, f"{type(error).__name__}: {error}", 0.0)


def rehearse(task: Task, rehearsed: set[tuple[Any, ...]], on_compiling: OnCompiling) -> None:
    """Get the kernels of a task, compiled or from the cache, outside of its time."""
    from orderparams import compiled
    from orderparams.config import parse, parse_toml
    from orderparams.scans.actions import kernels, perform, rehearsal

    if task.model_file is not None and task.model_file not in registry.FILES.values():
        from orderparams.models.own.register import register

        register(task.model_file)
    problem = parse(parse_toml(task.config))
    needed = kernels(task.action, problem)
    if needed not in rehearsed:
        compiled.on_compiling[:] = [on_compiling]
        with one_compiles():
            perform(*rehearsal(task.action, problem))
        compiled.on_compiling.clear()
        rehearsed.add(needed)


@contextlib.contextmanager
def one_compiles() -> Iterator[None]:
    """Of the processes that come here together the first goes ahead, and fills the cache of
    kernels; the others wait for it, then load at the same time."""
    from orderparams.compiled import cache_root

    root = cache_root()
    try:
        lock = None if root is None else (root / "compiling").open("w")
    except OSError:
        lock = None
    if lock is None:
        yield
        return
    with lock:
        with contextlib.suppress(OSError):  # where there are no locks, each compiles for itself
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fcntl.flock(lock, fcntl.LOCK_EX)
                fcntl.flock(lock, fcntl.LOCK_UN)
        yield


if __name__ == "__main__":
    with steady_streams():
        serve()
