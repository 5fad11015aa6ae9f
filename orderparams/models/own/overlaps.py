"""What there is to say of a run of a model of which nothing but overlaps is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.models.findings import Column, Course, Finding, texts
from orderparams.models.parameters import OrderParameter

Array = NDArray[np.float64]


def of_overlaps(parameter: OrderParameter, run: Course) -> Finding:
    """Where the overlaps with the hidden directions end, and when half of the way was done."""
    courses = run.parameters[parameter.name]
    entries = list(parameter.entries(courses.shape[1:]))
    lines = [np.array([overlap[entry] for overlap in courses]) for entry in entries]
    columns = {
        "label": Column("overlap", "which", texts([parameter.label(entry) for entry in entries])),
        "initial": Column("start", "value at the start", np.array([line[0] for line in lines])),
        "final": Column("end", "value at the end", np.array([line[-1] for line in lines])),
        "half_time": Column(
            "half-time",
            "when half of the change was first done",
            np.array([half_time(run.time, line) for line in lines]),
        ),
    }
    fall = f"The risk goes from {run.risk[0]:.4g} to {run.risk[-1]:.4g}."
    return Finding("overlaps", "Overlaps", "entry", "overlaps", (fall,), columns)


def half_time(time: Array, values: Array) -> float:
    """The first time at which half of the change from the first to the last value is done; NaN
    where there is none."""
    change = values[-1] - values[0]
    if change == 0:
        return float("nan")
    done = (values - values[0]) / change
    k = int((done >= 0.5).argmax())
    return float(np.interp(0.5, done[k - 1 : k + 1], time[k - 1 : k + 1]))
