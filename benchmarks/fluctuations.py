"""Seconds of fluctuations of SGD, beside the run that they are of, and of a verdict from them.

Run as ``python benchmarks/fluctuations.py``: kernels cached, every number the least of three.

n = 5      preset finite-learning-rate with the shift b; at most 3 s
n = 22     preset two-stage as SGD with learning rate 1, covariances alone; at most 10 s
verdict    validate --test innovations, one replica at D = 1000, whole process; at most 10 s
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from orderparams.processors import spare_threads_of_blas

spare_threads_of_blas()

import orderparams as op  # noqa: E402 - BLAS counts its threads when it is loaded

SGD = {"training.rule": "sgd", "training.learning_rate": 1.0}
COVARIANCES = {"fluctuations": {"enabled": True, "bias": False}}


def least(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds, each the least of three."""
    walls, processors = [], []
    for _ in range(3):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return min(walls), min(processors)


def verdict() -> None:
    """A verdict from one replica, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["validate", "finite-learning-rate", "--test", "innovations", "--dimensions"]
        words += ["1000", "-s", "simulation.replicas=1", "-o", str(Path(folder) / "a.h5"), "-q"]
        subprocess.run([sys.executable, "-m", "orderparams", *words], check=True)


def main() -> None:
    """Print the table."""
    works: dict[str, Callable[[], object]] = {
        "n = 5, run": lambda: op.solve("finite-learning-rate"),
        "n = 5, with S and b": lambda: op.solve(
            "finite-learning-rate", settings={"fluctuations.enabled": True}
        ),
        "n = 22, run": lambda: op.solve("two-stage", settings=SGD),
        "n = 22, with S": lambda: op.solve("two-stage", settings=SGD | COVARIANCES),
    }
    print(f"{'':<24}{'wall':>10}{'processor':>12}")
    for name, work in works.items():
        wall, processor = least(work)
        print(f"{name:<24}{wall:8.2f} s{processor:10.2f} s", flush=True)
    print(f"{'verdict, one replica':<24}{least(verdict)[0]:8.2f} s")


if __name__ == "__main__":
    main()
