"""The checksum at the end of a file, behind what HDF5 reads.

HDF5 crashes or hangs on some damaged files before it notices the damage, so they must not reach it.
A file without a seal, such as one that another program has repacked, is read all the same.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO

from orderparams.errors import FileError

MARK = b"\norderparams sha256 "
LENGTH = len(MARK) + 2 * hashlib.sha256().digest_size
CHUNK = 2**20


def seal_of(file: IO[bytes], size: int) -> bytes:
    """The seal of the first ``size`` bytes of an open file."""
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(min(CHUNK, size)):
        digest.update(chunk)
        size -= len(chunk)
    return MARK + digest.hexdigest().encode()


def seal(file: IO[bytes]) -> None:
    """Append the seal to a file that is complete, open for reading and writing."""
    size = file.seek(0, 2)
    mark = seal_of(file, size)
    file.seek(size)
    file.write(mark)


def check_seal(path: Path) -> None:
    """:class:`FileError` for a file that does not have the content that was sealed."""
    with path.open("rb") as file:
        size = max(0, file.seek(0, 2) - LENGTH)
        file.seek(size)
        found = file.read()
        if found.startswith(MARK) and found != seal_of(file, size):
            raise FileError(
                f"{path} is damaged: its content is not what was written; take another copy of it"
            )
