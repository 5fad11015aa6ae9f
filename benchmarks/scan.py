"""Points per second of a scan against a plain loop, and what a point costs beside its own work.

python benchmarks/scan.py [POINTS]
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

import orderparams as op

PRESET, SETTINGS = "flipped-spikes", ["attention.heads=2", "training.duration=50"]


def loop(problems: list[op.Problem]) -> tuple[float, float]:
    """Points per second and wall time of ``[op.solve(p) for p in problems]``, kernels loaded."""
    op.solve(problems[0])
    started = time.perf_counter()
    for problem in problems:
        op.solve(problem)
    wall = time.perf_counter() - started
    return len(problems) / wall, wall


def timed(action: str, points: int, machine: dict[str, Any]) -> tuple[float, float, float]:
    """Seconds a point from the first point's end to the last's, seconds of all, and the mean of the
    points' own seconds."""
    ends = []
    started = time.perf_counter()
    result = op.scan(
        op.load(PRESET, SETTINGS),
        {"initial.seed": list(range(points))},
        action=action,
        on_point=lambda point, reply: ends.append(time.perf_counter()),
        **machine,
    )
    wall = time.perf_counter() - started
    assert result.count("finished") == points
    return (ends[-1] - ends[0]) / (points - 1), wall, float(np.mean(result["seconds"]))


def report(name: str, points: int, processes: int, **machine: Any) -> None:
    """One row: solve for the speed, and evaluate, which takes next to no time, for the overhead."""
    each, wall, _ = timed("solve", points, machine)
    short, _, own = timed("evaluate", 5 * points, machine)
    print(f"{name:24}{1 / each:10.2f}{wall:10.1f}{1e3 * (processes * short - own):20.1f}")


def main() -> None:
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    problems = [op.load(PRESET, [*SETTINGS, f"initial.seed={i}"]) for i in range(points)]
    print(f"{points} points of {PRESET}, {', '.join(SETTINGS)}\n")
    print(f"{'':24}{'points/s':>10}{'s in all':>10}{'overhead, ms/point':>20}")
    rate, wall = loop(problems)
    print(f"{'plain loop over solve':24}{rate:10.2f}{wall:10.1f}{0:20.1f}")
    report("scan, 1 process", points, 1, workers=1)
    report("scan, 2 processes", points, 2, workers=2)
    import distributed

    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster:
        report("scan, Dask, 2 workers", points, 2, scheduler=cluster.scheduler_address)


if __name__ == "__main__":
    main()
