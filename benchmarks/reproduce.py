"""Processor time of ``orderparams reproduce``, claim by claim.

Run as ``python benchmarks/reproduce.py [CLAIM]...``: all claims in one process whose kernels are
cached, as the command runs them, without files and figures. The whole should stay below 45 s.
"""

from __future__ import annotations

import sys
import time

from orderparams.processors import spare_threads_of_blas

spare_threads_of_blas()

from orderparams.claims import select  # noqa: E402 - BLAS counts its threads when it is loaded


def main(names: list[str]) -> None:
    """Print the table."""
    print(f"{'claim':<44}{'processor':>10}{'wall':>8}")
    for claim in select(tuple(names)):
        spent, started = time.process_time(), time.perf_counter()
        holds = claim.run().holds
        spent, wall = time.process_time() - spent, time.perf_counter() - started
        verdict = "" if holds else "  fails"
        print(f"{claim.name}  {claim.title:<40}{spent:8.2f} s{wall:6.1f} s{verdict}", flush=True)
    print(f"{'whole process':<44}{time.process_time():8.2f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
