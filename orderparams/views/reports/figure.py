"""The figure of a page, where there is one."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

from orderparams import interruption
from orderparams.errors import FileError
from orderparams.views.plots import drawing, plot_file, save_figure


def figure_of(file: Path) -> bytes | None:
    """The figure of a result file as SVG, None where there is nothing to draw.

    :class:`~orderparams.errors.ConfigurationError` where it cannot be drawn, such as a scan over
    more than a figure shows.
    """
    try:
        with (
            drawing(),
            tempfile.TemporaryDirectory() as folder,
            interruption.undoing(partial(shutil.rmtree, folder, ignore_errors=True)),
        ):
            picture = Path(folder) / "figure.svg"
            save_figure(plot_file(file), picture)
            return picture.read_bytes()
    except FileError:  # what cannot be read is refused with the page
        return None
