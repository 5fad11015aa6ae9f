"""Wall time of whole shell commands: help, the default problem uncached, and cached.

Run ``python benchmarks/shell.py`` with the program installed. Commands run in a temporary folder
with an empty kernel cache of its own. The first row imports Python alone, for scale.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 5


def seconds(command: list[str], folder: str) -> float:
    """Wall time of a command whose kernels are cached in the folder."""
    environment = os.environ | {"NUMBA_CACHE_DIR": os.path.join(folder, "cache")}
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Print the table."""
    program = [sys.executable, "-m", "orderparams"]
    with tempfile.TemporaryDirectory() as folder:
        rows = {
            "python -c pass": [seconds([sys.executable, "-c", "pass"], folder)],
            "solve, first time (compiles)": [seconds([*program, "solve", "-q"], folder)],
        }
        for name, command in {
            "python -c pass": [sys.executable, "-c", "pass"],
            "--help": [*program, "--help"],
            "presets": [*program, "presets"],
            "solve": [*program, "solve", "-q"],
        }.items():
            rows[name] = [seconds(command, folder) for _ in range(RUNS)]
    print(f"{'command':<32}{'min':>8}{'median':>8}{'max':>8}   seconds")
    for name, times in rows.items():
        figures = (min(times), statistics.median(times), max(times))
        print(f"{name:<32}" + "".join(f"{figure:8.2f}" for figure in figures))


if __name__ == "__main__":
    main()
