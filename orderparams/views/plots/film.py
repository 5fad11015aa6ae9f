"""Figures that move, as GIF or MP4."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from orderparams.errors import ConfigurationError
from orderparams.storage.files import atomic
from orderparams.storage.suffixes import FILMS, check_suffix
from orderparams.views.plots.style import settle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATE = 12
"""Frames a second."""

DOTS = 100
"""Of an inch."""


class Film(NamedTuple):
    """A figure, how many frames there are, and what makes it show one of them."""

    figure: Figure
    frames: int
    show: Callable[[int], None]


def writer_for(path: Path) -> Any:
    """What writes films with this ending; :class:`ConfigurationError` where it is missing."""
    from matplotlib.animation import FFMpegWriter, PillowWriter

    check_suffix(path, FILMS, "a film")
    if path.suffix.lower() == ".gif":
        return PillowWriter(fps=RATE)
    if not FFMpegWriter.isAvailable():
        raise ConfigurationError(
            f"{path}: films with the ending .mp4 are written by the program ffmpeg, which is not "
            f"found; install it, or name the film {path.with_suffix('.gif').name}"
        )
    return FFMpegWriter(fps=RATE, codec="h264", extra_args=["-pix_fmt", "yuv420p"])


def save_film(film: Film, path: Path, writer: Any, *, force: bool = True) -> None:
    """Write a film with what :func:`writer_for` found. The bytes of a GIF depend on the film alone.

    An existing file is replaced by the whole film or, with a :class:`FileError`, not at all.
    """
    film.show(0)
    settle(film.figure)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / f"film{path.suffix.lower()}"
        with writer.saving(film.figure, str(whole), dpi=DOTS):
            for number in range(film.frames):
                film.show(number)
                writer.grab_frame()
        with atomic(path, force=force) as temporary:
            temporary.write_bytes(whole.read_bytes())
