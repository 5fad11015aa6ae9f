"""The output file of a run that is written more than once: checkpoints, then the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from orderparams import interruption
from orderparams.cli import options
from orderparams.errors import FileError

if TYPE_CHECKING:
    from orderparams.progress import ProgressLine

interval = click.option(
    "--checkpoint",
    "interval",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Seconds between checkpoints in the output file.",
)


class Run(Protocol):
    """What can be saved."""

    def save(self, path: Path, *, force: bool, command: str) -> None: ...


class OutputFile:
    """A file that is new, or is to be replaced, at first, and the run's own from then on."""

    def __init__(
        self, path: Path, line: ProgressLine, *, replace: bool, resumed: bool = False
    ) -> None:
        self.path, self.line, self.replace = path, line, replace
        self.told = False
        interruption.advise(f"{path} is as it was" if resumed else "nothing was kept yet")

    def save(self, run: Run) -> None:
        """Write the end of a run; where that fails, elsewhere."""
        options.save(run.save, self.path, force=self.replace)
        interruption.advise(f"{self.path} holds what was done")

    def checkpoint(self, run: Run, go_on: str = "") -> None:
        """Write a run so far; where that fails it goes on, and that is said once. ``go_on`` is the
        command that goes on with it, if the message of an interruption is to say so."""
        try:
            run.save(self.path, force=self.replace, command=options.command_line())
            self.replace = True
            advice = f"; go on with: {go_on}" if go_on else ""
            interruption.advise(f"{self.path} holds the last checkpoint{advice}")
        except FileError as error:
            if not self.told:
                self.line.note(f"orderparams: no checkpoint: {error}; the run goes on")
            self.told = True


def file_to_resume(config: str, output: Path | None) -> Path:
    """The file with the run that --resume goes on with."""
    from orderparams.errors import ConfigurationError

    if output is None and not config.endswith((".h5", ".hdf5")):
        raise ConfigurationError("--resume needs the file to go on with; name it with -o")
    return output or Path(config)
