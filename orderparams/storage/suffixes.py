"""Which endings the names of files may have, by what is in the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orderparams.errors import ConfigurationError

RESULTS = (".h5", ".hdf5")
FIGURES = (".png", ".pdf", ".svg")
FILMS = (".gif", ".mp4")
PAGES = (".html", ".htm")
EXPORTS = {
    "csv": (".csv",),
    "npz": (".npz",),
    "netcdf": (".nc", ".nc4"),
    "json": (".json",),
}

STREAMS = ("/dev/std", "/dev/fd/", "/proc/")
"""Names of what a process has open already: a file behind them must not be replaced."""


def format_of(path: Path | None) -> str | None:
    """The format of EXPORTS that a name's ending says, or None."""
    suffix = "" if path is None else path.suffix.lower()
    return next((to for to, endings in EXPORTS.items() if suffix in endings), None)


def is_special(path: Path) -> bool:
    """Whether a name is that of a folder, a device or a stream, which is refused as such."""
    return str(path.absolute()).startswith(STREAMS) or (path.exists() and not path.is_file())


def check_suffix(path: Path, allowed: Sequence[str], what: str) -> None:
    """:class:`ConfigurationError` for a name whose ending belongs to something else.

    A name may have none, except of a figure, whose format it chooses.
    """
    if path.suffix.lower() in allowed or is_special(path):
        return
    if path.suffix or allowed == FIGURES:
        found = f"not {path.suffix}" if path.suffix else "and this has none"
        *others, last = allowed
        endings = f"{', '.join(others)} or {last}" if others else last
        raise ConfigurationError(
            f"{path}: {what} has the ending {endings}, {found}; "
            f"name it {path.with_suffix(allowed[0]).name}"
        )
