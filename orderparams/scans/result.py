"""What came out of a scan: arrays over the varied parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem


@dataclass(frozen=True, eq=False)
class Scan:
    """A scan, finished or not.

    ``dimensions`` are the leading axes of every array and the values along them: one for each
    varied key in a product, ``point`` (1, 2, …) for paired or random values. ``parameters`` are the
    values of the varied keys, and ``keys`` what these names stand for in the configuration.
    ``arrays`` are the results (names and further axes in ``storage.schema.POINT``; NaN where a
    point did not finish or has fewer heads or features than others) and ``status``, ``message``,
    ``seconds``, ``hash`` of each point. ``problem`` is the configuration before it was varied,
    ``config`` the same as TOML text with the table ``[scan]``.
    """

    problem: Problem
    config: str
    action: str
    keys: Mapping[str, str]
    dimensions: Mapping[str, NDArray[Any]]
    parameters: Mapping[str, NDArray[Any]]
    arrays: Mapping[str, NDArray[Any]]

    def __getitem__(self, name: str) -> NDArray[Any]:
        """An array or the values of a parameter by its name."""
        return self.arrays[name] if name in self.arrays else self.parameters[name]

    def count(self, status: str) -> int:
        """Number of points that are "finished", "failed" or "missing"."""
        return int(np.count_nonzero(self["status"] == status))

    @property
    def failures(self) -> dict[int, str]:
        """Messages of the failed points by their number, from 1."""
        rows = zip(self["status"].ravel(), self["message"].ravel(), strict=True)
        return {i: message for i, (status, message) in enumerate(rows, 1) if status == "failed"}

    def save(self, path: str | Path, *, force: bool = False, command: str = "") -> None:
        """Write an HDF5 file (docs/file-format.md).

        :class:`~orderparams.errors.FileError` if it exists and ``force`` is not given.
        """
        from orderparams.storage.scans import save_scan

        save_scan(self, Path(path), force=force, command=command)
