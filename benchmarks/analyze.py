"""Processor time of ``orderparams analyze`` for every preset, by works, and its wall time.

Run as ``python benchmarks/analyze.py [PRESET]...``: whole commands by one worker, in processes of
their own whose kernels are cached; medians of three.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time

from orderparams.shipped import preset_names

WORKS = ("flow", "stationary", "optimum", "pruning")
REPETITIONS = 3

SCRIPT = """
import sys, time
from orderparams.processors import spare_threads_of_blas

spare_threads_of_blas()
import orderparams as op

began, spent = time.process_time(), {}
work = "flow"

def progress(fraction, what):
    global began, work
    now = time.process_time()
    spent[work] = spent.get(work, 0.0) + now - began
    began = now
    work = next((name for name in sys.argv[2:] if name in what), work)

op.analyze(sys.argv[1], progress=progress)
print(*(spent.get(name, 0.0) for name in sys.argv[2:]))
"""


def seconds(preset: str) -> list[float]:
    """Processor seconds of each work, of the whole process, and its wall time."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, preset, *WORKS], capture_output=True, text=True, check=True
    )
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    whole = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return [*map(float, done.stdout.split()), whole, wall]


def main(presets: list[str]) -> None:
    """Print the table."""
    print("processor seconds of analyze by one worker; wall time as the machine's load lets it be")
    print(f"{'preset':<22}" + "".join(f"{name:>11}" for name in (*WORKS, "command", "wall")))
    for preset in presets or preset_names():
        seconds(preset)  # compiles what is not cached
        samples = [seconds(preset) for _ in range(REPETITIONS)]
        medians = [statistics.median(column) for column in zip(*samples, strict=True)]
        print(f"{preset:<22}" + "".join(f"{value:11.2f}" for value in medians), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
