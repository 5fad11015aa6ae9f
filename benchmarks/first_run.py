"""The first run and the next: what compiling, loading and stored times take.

Run ``python benchmarks/first_run.py`` with the program installed. Kernels are compiled in a
temporary folder, by as many processes as the program starts. Seconds of a processor count what this
process and all that it starts use; they hardly depend on what else the machine does, unlike those
of the clock.

first run           the default command with an empty cache, and with kernels from it
before the first    imports and loading, until the first right-hand side
stored times        of a solve with cached kernels: how long it waits for the risks at stored times,
                    and what they take, which runs beside it, as shares of the whole
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time

RUNS = 3
PRESETS = ("two-stage", "softmax-1", "bayes-softmax", "saad-solla")

START = """
import os, time
from orderparams.models.vectors.flow import VectorFlow

def first(*arguments):
    print(time.process_time(), flush=True)
    os._exit(0)

VectorFlow.derivative = first
from orderparams.run.solve import solve
solve("two-stage")
"""

STORED = """
import json, sys, time
from orderparams.run import record
from orderparams.run.solve import solve

waited = 0.0
add, settle = record.Record.add, record.Record.settle

def timed(function):
    def call(*arguments):
        global waited
        begin, before = time.perf_counter(), waited
        try:
            return function(*arguments)
        finally:
            waited = before + time.perf_counter() - begin
    return call

record.Record.add, record.Record.settle = timed(add), timed(settle)
solve(sys.argv[1], settings={"training.duration": 1e-3})
waited, begin, used, own = 0.0, time.perf_counter(), time.process_time(), time.thread_time()
solve(sys.argv[1])
whole = time.perf_counter() - begin
used, own = time.process_time() - used, time.thread_time() - own
print(json.dumps([whole, waited / whole, (used - own) / used]))
"""


def measured(arguments: list[str], folder: str) -> tuple[float, float, str]:
    """Seconds of the clock and of processors of a command, and what it printed."""
    environment = os.environ | {"NUMBA_CACHE_DIR": os.path.join(folder, "kernels")}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, used, done.stdout


def main() -> None:
    """Print the tables."""
    solve = ["-m", "orderparams", "solve", "-q"]
    print(f"load {os.getloadavg()[0]:.1f} before\n{'':<28}{'clock':>8}{'processors':>12}   seconds")
    with tempfile.TemporaryDirectory() as folder:
        rows = {"solve, first run": [measured(solve, folder)[:2]]}
        rows["solve"] = [measured(solve, folder)[:2] for _ in range(RUNS)]
        starts = [measured(["-c", START], folder) for _ in range(RUNS)]
        rows["before the first"] = [(clock, float(out)) for clock, _, out in starts]
        for name, times in rows.items():
            clock, used = min(one for one, _ in times), min(one for _, one in times)
            print(f"{name:<28}{clock:8.2f}{used:12.2f}", flush=True)
        print(f"\n{'stored times of':<28}{'solve':>8}{'waited':>12}{'beside':>9}")
        for preset in PRESETS:
            found = [json.loads(measured(["-c", STORED, preset], folder)[2]) for _ in range(RUNS)]
            whole, waited, beside = (min(column) for column in zip(*found, strict=True))
            print(f"{preset:<28}{whole:8.2f}{waited:12.1%}{beside:9.1%}", flush=True)


if __name__ == "__main__":
    main()
