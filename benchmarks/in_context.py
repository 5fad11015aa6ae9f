"""In-context regression: what a right-hand side, a table, a pair of heads and a flow take.

Run ``python benchmarks/in_context.py``; processor time of one thread, medians of several calls.

tables        risk and gradient, interpolated; and what it takes to make the tables
quadrature    a pair of heads with its derivatives, to the default tolerance
flow          ``orderparams solve in-context-pairs`` as a whole process
SGD           microseconds a prompt of the reduced simulation
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

import orderparams as op
from orderparams.models.in_context import kept, tables
from orderparams.models.in_context.integrals import pair
from orderparams.models.in_context.risk import by_tables
from orderparams.models.in_context.setup import Prompts

FLOORS = {"one task": 0.5, "two blocks": 5.0, "a pair": 3.0, "flow": 3.0}
"""What is asked for at most: milliseconds; seconds of the flow."""

DIGITS = 21.0
"""Of quadrature at the default tolerance."""


def milliseconds(call: Callable[[], object], times: int = 21) -> float:
    """Median processor time of a call."""
    call()
    taken = []
    for _ in range(times):
        begin = time.process_time()
        call()
        taken.append(time.process_time() - begin)
    return 1e3 * statistics.median(taken)


def law(length: int, size: int, tasks: int) -> Prompts:
    """So many equal tasks on blocks of their own."""
    blocks = np.full(tasks, float(size))
    return Prompts(length, blocks, np.eye(tasks), np.full(tasks, 0.1**0.5))


def of_tables(length: int, size: int, tasks: int, heads: int) -> tuple[float, float]:
    """Milliseconds of a risk with its gradient, and seconds to make the tables."""
    drawn = np.random.default_rng(1)
    prompts, scale = law(length, size, tasks), 0.25 * (5 / size) ** 0.5
    at = scale * drawn.standard_normal((heads, tasks)), drawn.standard_normal((heads, tasks))
    tables.built.cache_clear()
    kept.cache_root = lambda: None  # not from disk
    begin = time.process_time()
    by_tables(prompts, *at, error=False)
    made = time.process_time() - begin
    return milliseconds(lambda: by_tables(prompts, *at, error=False)), made


def of_flow() -> float:
    """Processor seconds of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        before = spent(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "orderparams", "solve", "in-context-pairs", "-q"],
            cwd=folder,
            check=True,
        )
        return spent(resource.RUSAGE_CHILDREN) - before


def spent(whose: int) -> float:
    """Processor seconds so far."""
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def of_prompts(size: int) -> float:
    """Microseconds of processors a prompt, two heads."""
    settings = {
        "attention.heads": 2,
        "task.blocks": [size],
        "training.duration": 20,
        "training.batch_size": 4,
        "output.points": 2,
        "simulation.replicas": 2,
    }
    op.simulate("in-context-pairs", settings=settings, risks=False)
    before = spent(resource.RUSAGE_SELF)
    op.simulate("in-context-pairs", settings=settings, risks=False)
    return 1e6 * (spent(resource.RUSAGE_SELF) - before) / (20 / 0.02 * 4 * 2)


def main() -> None:
    """Print the table."""
    print(f"load {os.getloadavg()[0]:.1f}")
    print("risk and gradient by tables, and the tables themselves")
    for name, heads, tasks in (("one task", 4, 1), ("two blocks", 3, 2)):
        for length, size in ((2, 5), (40, 5), (40, 500), (10**6, 5)):
            taken, made = of_tables(length, size, tasks, heads)
            about = f"{name}, H = {heads}, N = {length}, d = {size}"
            print(f"  {about:<40}{taken:8.2f} ms of {FLOORS[name]:g}; tables {made:6.2f} s")
    print("quadrature of a pair of heads, with derivatives")
    for length in (2, 40, 10**6):
        for deviation in (0.5, 1.5):
            at = np.array([1.0, -1.0, 1.0]) * deviation**2
            taken = milliseconds(lambda at=at, n=length: pair(n, at, np.zeros(2), DIGITS))
            about = f"N = {length}, deviation {deviation}"
            print(f"  {about:<40}{taken:8.2f} ms of {FLOORS['a pair']:g}")
    flows = [of_flow() for _ in range(3)]
    print(
        f"{'flow of in-context-pairs':<42}{statistics.median(flows):8.2f} s of {FLOORS['flow']:g}"
    )
    print("SGD, reduced, two heads")
    for size in (5, 5000):
        print(f"  {f'd = {size}':<40}{of_prompts(size):8.2f} microseconds a prompt")


if __name__ == "__main__":
    main()
