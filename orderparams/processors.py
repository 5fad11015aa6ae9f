"""Processors that this process may use, and what decides how many threads libraries take."""

from __future__ import annotations

import os

THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that hold the number of threads of a library."""

MOST_PROCESSES = 4
"""Processes that compile kernels at the same time, where there are so many processors."""

OF_BLAS = THREADS[1:]


def spare_threads_of_blas() -> None:
    """Let BLAS, once it is loaded, work in the thread that calls it, unless the user chose else.

    Matrices here are small: its own threads only wait for each other, and take the processors from
    those that are put to work.
    """
    if not any(name in os.environ for name in OF_BLAS):
        os.environ.update(OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")


def processors() -> int:
    """Number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads() -> int:
    """Number of threads that kernels may take: all processors, or what NUMBA_NUM_THREADS says."""
    allowed = os.environ.get(THREADS[0], "")
    return max(1, min(processors(), int(allowed))) if allowed.isdecimal() else processors()
