"""Files of points → one result."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import parse_toml
from orderparams.results import schema
from orderparams.results.scan import Scan
from orderparams.scans.folder import Folder
from orderparams.scans.plan import Plan
from orderparams.scans.points import REPORT_EVERY, Report
from orderparams.sources import load
from orderparams.storage.points import Record, point_name


def collect(plan: Plan, folder: Folder, report: Report | None = None) -> Scan:
    """All that is known of the points of a plan; those without a file are "missing".

    ``report`` is called with the points that are read and their number.
    """
    kept = folder.numbers()
    problem = load(parse_toml(plan.config))
    inside = schema.known(problem.model)
    records: list[Record | None] = []
    for point in plan.points:
        if report is not None and len(records) % REPORT_EVERY == 0:
            report(len(records), len(plan.points))
        records.append(folder.record(point, inside) if point.number in kept else None)
    names = schema.point(problem.model)
    arrays = {name: padded([known(record, name) for record in records]) for name in names}
    texts = {
        "status": [record.status if record else "missing" for record in records],
        "message": [record.message if record else "" for record in records],
        "hash": [point.hash for point in plan.points],
    }
    if plan.settings.trajectories:
        texts["group"] = [f"/points/{point_name(point.number)}" for point in plan.points]
    arrays["seconds"] = np.array([record.seconds if record else np.nan for record in records])
    arrays |= {name: np.array(text, dtype=object) for name, text in texts.items()}
    return Scan(
        problem=problem,
        config=plan.config,
        action=plan.settings.action,
        keys={axis.name: axis.key for axis in plan.axes},
        dimensions=plan.dimensions,
        parameters=plan.parameters,
        arrays={
            name: array.reshape(plan.shape + array.shape[1:])
            for name, array in arrays.items()
            if array is not None
        },
    )


def known(record: Record | None, name: str) -> NDArray[np.float64] | None:
    return record.values.get(name) if record else None


def padded(rows: list[NDArray[np.float64] | None]) -> Any:
    """Arrays of one rank as one, NaN where there is nothing; None if none is known."""
    given = [row for row in rows if row is not None]
    if not given:
        return None
    shape = np.max([row.shape for row in given], axis=0).astype(int)
    result = np.full((len(rows), *shape), np.nan)
    for i, row in enumerate(rows):
        if row is not None:
            result[i, ...][tuple(slice(size) for size in row.shape)] = row
    return result
