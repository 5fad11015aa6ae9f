"""Processors that this process may use, and what decides how many threads libraries take."""

from __future__ import annotations

import os

THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that hold the number of threads of a library."""

MOST_PROCESSES = 4
"""Processes that compile kernels at the same time, where there are so many processors."""


def processors() -> int:
    """Number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
