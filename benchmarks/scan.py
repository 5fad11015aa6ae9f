"""Points per second of a scan against a plain loop, and what a point costs beside its own work.

python benchmarks/scan.py [POINTS]
"""

from __future__ import annotations

import sys
import time

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


def scan(points: int, **machine: object) -> tuple[float, float, float]:
    """Points per second from the first point's end to the last's, wall time of all, and
    milliseconds a point costs one process beside its own work."""
    ends = []
    started = time.perf_counter()
    result = op.scan(
        op.load(PRESET, SETTINGS),
        {"initial.seed": list(range(points))},
        on_point=lambda point, reply: ends.append(time.perf_counter()),
        **machine,  # type: ignore[arg-type]
    )
    wall = time.perf_counter() - started
    assert result.count("finished") == points
    rate = (points - 1) / (ends[-1] - ends[0])
    processes = machine.get("workers", 2)
    assert isinstance(processes, int)
    return rate, wall, 1e3 * (processes / rate - float(np.mean(result["seconds"])))


def main() -> None:
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    problems = [op.load(PRESET, [*SETTINGS, f"initial.seed={i}"]) for i in range(points)]
    print(f"{points} points of {PRESET}, {', '.join(SETTINGS)}\n")
    print(f"{'':24}{'points/s':>10}{'s in all':>10}{'overhead, ms/point':>20}")
    rate, wall = loop(problems)
    print(f"{'plain loop over solve':24}{rate:10.2f}{wall:10.1f}{0:20.1f}")
    for workers in (1, 2):
        rate, wall, overhead = scan(points, workers=workers)
        print(f"{f'scan, {workers} processes':24}{rate:10.2f}{wall:10.1f}{overhead:20.1f}")
    import distributed

    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster:
        rate, wall, overhead = scan(points, scheduler=cluster.scheduler_address)
    print(f"{'scan, Dask, 2 workers':24}{rate:10.2f}{wall:10.1f}{overhead:20.1f}")


if __name__ == "__main__":
    main()
