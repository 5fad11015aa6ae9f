"""How far a run is: one rewritten line on a terminal, a bar in a notebook, a line now and then in a
log."""

from __future__ import annotations

import contextlib
import html
import math
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO, TypeVar

from orderparams import interruption, notebook
from orderparams.config.values import shown
from orderparams.errors import ConfigurationError

LOG_INTERVAL = 60.0  # seconds between lines where the output is not a terminal
SCREEN_INTERVAL = 0.1
MOMENT = 0.5
"""Seconds of work before a notebook shows a bar."""

Listener = TypeVar("Listener", bound=Callable[..., object])


def duration(seconds: float) -> str:
    """Seconds as 12 s, 3 min 20 s or 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class ProgressLine:
    """Call it with the fraction done and a short text; ``close`` clears what a terminal shows.

    In a log the last text is repeated while nothing else is said. ``quiet``, and a stream that
    cannot be written to, show nothing: progress never fails the work.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.quiet = quiet or self.stream is None
        self.terminal = not self.quiet and self.rewrites()
        self.started = self.shown = time.monotonic()
        self.fraction = 0.0
        self.last = ""
        self.closed = threading.Event()
        self.resources = contextlib.ExitStack()
        if self.terminal:
            self.shown -= SCREEN_INTERVAL
            self.resources.enter_context(interruption.undoing(self.clear))
        elif not self.quiet:
            threading.Thread(target=self.repeat, daemon=True).start()

    def rewrites(self) -> bool:
        """Whether what is shown can be replaced."""
        return self.stream.isatty()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, fraction: float, text: str) -> None:
        now = time.monotonic()
        self.last = text
        if fraction < self.fraction:  # something else begins
            self.started = now
        self.fraction = fraction
        if self.quiet or now - self.shown < (SCREEN_INTERVAL if self.terminal else LOG_INTERVAL):
            return
        self.shown = now
        said = "  ".join(filter(None, [text, self.left(now)]))
        if self.terminal:
            self.draw(fraction, said)
        else:
            self.write(f"{fraction:4.0%}  {said}\n")

    def left(self, now: float) -> str:
        """The time that is left, empty where that cannot be told."""
        if not 0 < self.fraction < 1:
            return ""
        seconds = (now - self.started) * (1 - self.fraction) / self.fraction
        return f"{duration(seconds)} left"

    def draw(self, fraction: float, text: str) -> None:
        """Show a bar with a text."""
        filled = round(20 * fraction)
        self.show(f"[{'#' * filled}{'.' * (20 - filled)}] {fraction:4.0%}  {text}")

    def step(self, text: str) -> None:
        """What is done next, of a work whose length is not known."""
        self.last = text
        if self.terminal:
            self.show(f"{text} ...")

    def repeat(self) -> None:
        """Say in a log what is being done, whenever that was not said for a while."""
        while not self.closed.wait(LOG_INTERVAL / 4):
            now = time.monotonic()
            if now - self.shown >= LOG_INTERVAL and self.last:
                self.shown = now
                so_far = f"{duration(now - self.started)} so far"
                done = f"{self.fraction:.0%}" if self.fraction else ""
                said = filter(None, [done, self.last, so_far, self.left(now)])
                self.write("  ".join(said) + "\n")

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(text)
            self.stream.flush()

    def note(self, text: str) -> None:
        """A line that stays, also where no progress is shown."""
        self.clear()
        self.write(f"{text}\n")

    def show(self, line: str) -> None:
        """Rewrite the line of a terminal, and leave the cursor at its beginning: what the terminal
        writes of a Ctrl-C stays in it, and is cleared with it."""
        width = shutil.get_terminal_size().columns - 1
        self.write("\r" + line[:width].ljust(width) + "\r")

    def clear(self) -> None:
        """Remove the line from a terminal."""
        if self.terminal:
            self.show("")

    def close(self) -> None:
        """Say no more."""
        self.clear()
        self.closed.set()
        self.resources.close()


class NotebookLine(ProgressLine):
    """The same below the cell of a notebook, once a work takes longer than a moment."""

    def __init__(self) -> None:
        self.place: notebook.Place | None = None
        super().__init__()
        self.shown = self.started + MOMENT - SCREEN_INTERVAL

    def rewrites(self) -> bool:
        """Always."""
        return True

    def draw(self, fraction: float, text: str) -> None:
        """Show a bar with a text."""
        bar = f"<progress value='{fraction:.3f}' max='1'></progress>"
        self.put(f"{fraction:.0%}  {text}", f"{bar} <code>{html.escape(text)}</code>")

    def show(self, line: str) -> None:
        """Show a text, or with an empty one nothing."""
        self.put(line, f"<code>{html.escape(line)}</code>" if line else "")

    def put(self, text: str, page: str) -> None:
        """Replace what is shown; where nothing was, nothing is taken away."""
        if self.place is None and text:
            self.place = notebook.Place()
        if self.place is not None:
            self.place.put(text, page)


def shown_on(line: ProgressLine, duration: float) -> Callable[[float, float], None]:
    """The progress of a flow on a line: the time, and the risk once it is known."""

    def progress(fraction: float, risk: float) -> None:
        known = "" if math.isnan(risk) else f"  risk {risk:.6f}"
        line(fraction, f"t = {fraction * duration:.4g}{known}")

    return progress


def steps_on(line: ProgressLine) -> Callable[[int, int], None]:
    """The progress of a simulation on a line: the steps that are done."""

    def progress(done: int, total: int) -> None:
        line(done / total, f"step {done} of {total}")

    return progress


@contextlib.contextmanager
def heard(
    progress: bool | Listener | None, on: Callable[[ProgressLine], Listener]
) -> Iterator[Listener | None]:
    """Whom a verb tells how far it is: the function that was given as ``progress``; for True, what
    ``on`` makes of a line on the screen, which also says that kernels are compiled; else nobody.

    However the work ends, the line is gone then.
    """
    if not progress:
        yield None
    elif progress is not True:
        if not callable(progress):
            raise ConfigurationError(
                f"progress: expected True, False or a function to call, got {shown(progress)}"
            )
        yield progress
    else:
        from orderparams.compiled import on_compiling

        with NotebookLine() if notebook.shell() else ProgressLine() as line:
            on_compiling[:] = [lambda _: line.step("compiling kernels, once")]
            try:
                yield on(line)
            finally:
                on_compiling.clear()
