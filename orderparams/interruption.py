"""Signals that stop the program: when they are answered, and what is kept.

A signal may come in the middle of a kernel, of a callback of SciPy or of the writing of a file,
where an exception would get lost or do damage. So none is raised there. While something is worth
keeping (:func:`keeping`), a signal is noted, and :func:`check`, called between one right-hand side
and the next, raises KeyboardInterrupt; while a result is written (:func:`writing`) it waits. At all
other times a command ends at once, for nothing would be lost, and in Python KeyboardInterrupt is
raised as ever.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

EXIT_STATUS = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

PATIENCE = 3.0
"""Seconds after which a second signal no longer waits for the next check."""


@dataclass
class _State:
    """What stands between a signal and its answer.

    ``command``: signals are answered for a whole command. ``sections`` that keep something, and
    whether a first check has ``begun`` them; ``writers`` of results. ``since``: when the signal
    came that has not been answered. ``received``: whether one came at all. ``undo``: what leaving
    at once must not leave behind.
    """

    command: bool = False
    sections: int = 0
    begun: bool = False
    writers: int = 0
    since: float | None = None
    received: bool = False
    advice: str = ""
    undo: list[Callable[[], object]] = field(default_factory=list)


_state = _State()


def _receive(*_: object) -> None:
    now = time.monotonic()
    patient = _state.since is None or now - _state.since < PATIENCE
    _state.since = now if _state.since is None else _state.since
    _state.received = True
    if _state.writers or (_state.begun and patient):
        return
    if _state.command:
        leave()
    _state.since = None
    raise KeyboardInterrupt


def leave() -> NoReturn:
    """End the process here and now, from wherever it is, without a trace but one message."""
    for undo in reversed(_state.undo):
        with contextlib.suppress(Exception):
            undo()
    with contextlib.suppress(OSError):
        os.write(2, f"orderparams: interrupted{_state.advice}\n".encode())
    os._exit(EXIT_STATUS)


def _elsewhere() -> bool:
    """Whether this is not the thread that signals come to."""
    return threading.current_thread() is not threading.main_thread()


@contextlib.contextmanager
def handled(*, last: bool = False) -> Iterator[None]:
    """Answer signals for a command; ``last``: the process ends with it, and ignores them then.

    Signals that are ignored, as by ``nohup``, stay so.
    """
    global _state
    if _state.command or _elsewhere():
        yield
        return
    previous: dict[int, Any] = {
        number: signal.signal(number, _receive)
        for number in SIGNALS
        if signal.getsignal(number) not in (signal.SIG_IGN, None)
    }
    _state = _State(command=True)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_IGN if last else handler)
        _state = _State()


@contextlib.contextmanager
def _in_python() -> Iterator[None]:
    """Outside of commands: take over Ctrl-C where Python would answer it."""
    if _state.command or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _receive)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def keeping(*, command: bool = False) -> Iterator[None]:
    """From the first :func:`check` in it on, signals wait for the next.

    In a command this counts only inside a section that the command itself has opened with
    ``command``: the others keep nothing, and end at once.
    """
    if _elsewhere() or (_state.command and not _state.sections and not command):
        yield
        return
    with _in_python():
        _state.sections += 1
        try:
            yield
        finally:
            _state.sections -= 1
            if not _state.sections:  # what came too late to be answered has nothing to stop
                _state.begun, _state.since = False, None


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Signals wait until what is inside has been written, however often they come."""
    if _elsewhere():
        yield
        return
    with _in_python():
        _state.writers += 1
        try:
            yield
        finally:
            _state.writers -= 1
    if not (_state.command or _state.sections or _state.writers):
        check()


def check() -> None:
    """KeyboardInterrupt if a signal has come: called where it does no harm."""
    if _elsewhere():
        return
    _state.begun = bool(_state.sections)
    if _state.since is not None:
        _state.since = None
        raise KeyboardInterrupt


def received() -> bool:
    """Whether a signal has come since the command began."""
    return _state.received


def advice() -> str:
    """What was last advised."""
    return _state.advice


def advise(text: str) -> None:
    """What follows "interrupted" in the message of a command that ends at once."""
    _state.advice = f"; {text}" if text else ""


@contextlib.contextmanager
def undoing(undo: Callable[[], object]) -> Iterator[None]:
    """Call ``undo`` if the process leaves at once while in here."""
    _state.undo.append(undo)
    try:
        yield
    finally:
        _state.undo.remove(undo)
