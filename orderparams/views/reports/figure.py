"""The figure of a page, where there is one, as wide as a page and as wide as a phone."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import NamedTuple

from orderparams import interruption
from orderparams.errors import FileError
from orderparams.views.plots import drawing, plot_file, save_figure


class Pictures(NamedTuple):
    """One figure twice, as SVG; the second is for screens on which the first could not be read."""

    wide: bytes
    slim: bytes


def figure_of(file: Path) -> Pictures | None:
    """The figure of a result file, None where there is nothing to draw.

    :class:`~orderparams.errors.ConfigurationError` where it cannot be drawn, such as a scan over
    more than a figure shows.
    """
    with (
        drawing(),
        tempfile.TemporaryDirectory() as folder,
        interruption.undoing(partial(shutil.rmtree, folder, ignore_errors=True)),
    ):
        pictures = []
        for size in ("page", "column"):
            picture = Path(folder) / f"{size}.svg"
            try:
                save_figure(plot_file(file, size), picture)
            except FileError:  # what cannot be read is refused with the page
                return None
            pictures.append(picture.read_bytes())
        return Pictures(*pictures)
