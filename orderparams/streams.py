"""Standard streams that may be closed, full, without a reader, or unable to encode what is said.

What is told on the way to a result must not cost the result: a stream that fails is remembered, and
the work goes on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import TextIO


class Bytes:
    """The same stream for UTF-8."""

    def __init__(self, steady: Steady) -> None:
        self.steady = steady

    def write(self, data: bytes) -> int:
        self.steady.write(bytes(data).decode())
        return len(data)

    def flush(self) -> None:
        self.steady.flush()


class Steady:
    """A text stream that never raises; ``error`` keeps what went wrong first."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.error: OSError | None = None
        if stream is None:
            self.error = OSError(errno.EBADF, "it is closed")
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    @property
    def encoding(self) -> str:
        return getattr(self.stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:
        """What click looks at to see that it need not wrap a stream in one of its own."""
        return "backslashreplace"

    @property
    def buffer(self) -> Bytes:
        """Where click writes what TAB offers."""
        return Bytes(self)

    def write(self, text: str) -> int:
        if not isinstance(text, str):  # click tries whether a stream takes bytes
            raise TypeError("a text is expected")
        with self.remembering():
            if self.stream is not None and self.error is None:
                self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self.remembering():
            if self.stream is not None and self.error is None:
                self.stream.flush()

    def isatty(self) -> bool:
        with contextlib.suppress(OSError, ValueError):
            return self.stream is not None and self.stream.isatty()
        return False

    @contextlib.contextmanager
    def remembering(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: Python closed it
            self.error = error if isinstance(error, OSError) else OSError(errno.EBADF, str(error))

    def forget(self) -> None:
        """After a failure, let what is left in the buffer go nowhere instead of failing at exit."""
        if self.error is not None and self.stream is not None:
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())


@contextlib.contextmanager
def steady_streams() -> Iterator[tuple[Steady, Steady]]:
    """Standard output and standard error that never raise; the old ones come back in the end."""
    open_descriptors()
    before = sys.stdout, sys.stderr
    out, err = steady = Steady(sys.stdout), Steady(sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        yield steady
    finally:
        for stream in steady:
            stream.flush()
            stream.forget()
        sys.stdout, sys.stderr = before


def open_descriptors() -> None:
    """Let the descriptors 0, 1 and 2 lead nowhere where they are closed.

    Otherwise the next file has one of them, and what a library prints goes into a result.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
