"""How far a run is: one rewritten line on a terminal, a line now and then in a log."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

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
    """Call it with the fraction done and a short text; ``close`` clears what a terminal shows."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.terminal = self.stream.isatty()
        self.started = self.shown = time.monotonic()
        self.fraction = 0.0
        if self.terminal:
            self.shown -= SCREEN_INTERVAL

    def __call__(self, fraction: float, text: str) -> None:
        now = time.monotonic()
        if fraction < self.fraction:  # something else begins
            self.started = now
        self.fraction = fraction
        if now - self.shown < (SCREEN_INTERVAL if self.terminal else LOG_INTERVAL):
            return
        self.shown = now
        left = ""
        if 0 < fraction < 1:
            left = f"  {duration((now - self.started) * (1 - fraction) / fraction)} left"
        if self.terminal:
            filled = round(20 * fraction)
            line = f"[{'#' * filled}{'.' * (20 - filled)}] {fraction:4.0%}  {text}{left}"
            width = shutil.get_terminal_size().columns - 1
            self.stream.write("\r" + line[:width].ljust(width))
        else:
            self.stream.write(f"{fraction:4.0%}  {text}{left}\n")
        self.stream.flush()

    def close(self) -> None:
        """Remove the line from a terminal."""
        if self.terminal:
            self.stream.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            self.stream.flush()
