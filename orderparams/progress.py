"""How far a run is: one rewritten line on a terminal, a line now and then in a log."""

from __future__ import annotations

import contextlib
import math
import shutil
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

from orderparams import interruption

LOG_INTERVAL = 60.0  # seconds between lines where the output is not a terminal
SCREEN_INTERVAL = 0.1


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
        self.terminal = not self.quiet and self.stream.isatty()
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
        left = ""
        if 0 < fraction < 1:
            left = f"  {duration((now - self.started) * (1 - fraction) / fraction)} left"
        if self.terminal:
            filled = round(20 * fraction)
            line = f"[{'#' * filled}{'.' * (20 - filled)}] {fraction:4.0%}  {text}{left}"
            self.show(line)
        else:
            self.write(f"{fraction:4.0%}  {text}{left}\n")

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
                self.write(f"{self.last}  {duration(now - self.started)} so far\n")

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


def shown_on(line: ProgressLine, duration: float) -> Callable[[float, float], None]:
    """The progress of a flow on a line: the time, and the risk once it is known."""

    def progress(fraction: float, risk: float) -> None:
        known = "" if math.isnan(risk) else f"  risk {risk:.6f}"
        line(fraction, f"t = {fraction * duration:.4g}{known}")

    return progress
