"""Order parameters in time: the one result of theory and simulation."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class State:
    """Where a run goes on: the time, the vector y (N,) that is integrated, and the next time step
    (0 where the method finds its own). ``extra``: the last stored time is this one, and stands
    there only because the run stopped.
    """

    time: float
    y: Array
    step: float = 0.0
    extra: bool = False


COMPLETE = ("finished", "at rest")
"""What the status of a run is whose order parameters are known at all times."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A solved flow; T stored times, H heads, F features.

    time (T,); overlap m (T, H, F); self_overlap q (T, H, H); risk (T,); bias (T, H) and
    head_weight (T, H) where they are learned, else None. ``bayes_risk`` is NaN where it was not
    computed. ``status`` is "finished", "at rest" (from some time on the state no longer moves, and
    is stored at all times), "failed" or "interrupted"; of a run that stopped early the times that
    were reached are kept, the last of them where it stopped. ``message`` says why. ``engine`` names
    how the expectations were taken; ``statistics`` counts the integrator's work; ``seconds`` is
    wall time. ``state`` is what the run goes on from, None where it is not known.
    """

    problem: Problem
    time: Array
    overlap: Array
    self_overlap: Array
    risk: Array
    bias: Array | None = None
    head_weight: Array | None = None
    bayes_risk: float = np.nan
    status: str = "finished"
    message: str = ""
    engine: str = ""
    statistics: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    state: State | None = None

    @property
    def complete(self) -> bool:
        """Whether all times of the run are known."""
        return self.status in COMPLETE

    def save(self, path: str | Path, *, force: bool = False, command: str = "") -> None:
        """Write an HDF5 file (docs/file-format.md).

        :class:`~orderparams.errors.FileError` if it exists and ``force`` is not given.
        """
        from orderparams.storage import hdf5

        hdf5.save_trajectory(self, Path(path), force=force, command=command)
