"""One result file into one of the formats."""

from __future__ import annotations

from pathlib import Path

from orderparams.errors import ConfigurationError
from orderparams.exports.archive import write_npz
from orderparams.exports.documents import write_json
from orderparams.exports.tidy import write_csv
from orderparams.results.files import read
from orderparams.storage.files import atomic, remove_leftovers
from orderparams.storage.netcdf import write_netcdf
from orderparams.storage.suffixes import EXPORTS, check_suffix

WRITERS = {"csv": write_csv, "npz": write_npz, "netcdf": write_netcdf, "json": write_json}
ENDINGS = {to: endings[0] for to, endings in EXPORTS.items()}


def export_file(source: Path, path: Path, to: str, *, force: bool = False) -> None:
    """Write the result file ``source`` as one of WRITERS (docs/export.md).

    :class:`~orderparams.errors.FileError` if it cannot be read, or ``path`` not be written.
    """
    check_suffix(path, EXPORTS[to], f"an export to {to}")
    with read(source) as file:
        if path.exists() and path.samefile(source):
            raise ConfigurationError(f"{path} is the file to export", "rename")
        remove_leftovers(path)
        with atomic(path, force=force) as temporary:
            WRITERS[to](file.group, temporary)
