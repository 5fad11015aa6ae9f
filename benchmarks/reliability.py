"""Kill ``orderparams simulate`` again and again while it writes, and let it go on each time.

Prints how many kills left a half-written temporary file, how many results could not be read
afterwards, and whether the end is that of a run that was never killed, bit for bit.

    python benchmarks/reliability.py [KILLS]
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import orderparams as op

SETTINGS = ["single-head", "-s", "output.points=100", "-s", "simulation.replicas=40"]
SETTINGS += ["-s", "training.duration=150", "-s", "expectation.engine=sampling", "-q"]
SETTINGS += ["--checkpoint", "0.001"]
PARTS = ".run.h5.*.part"


def simulate(output: Path) -> subprocess.Popen[bytes]:
    """Start the command, or let it go on where there is something to go on from."""
    going_on = [output.name, "--resume", "-q", "--checkpoint", "0.001"]
    arguments = going_on if output.exists() else [*SETTINGS, "-o", output.name]
    command = [sys.executable, "-m", "orderparams", "simulate", *arguments]
    return subprocess.Popen(command, cwd=output.parent)


def strike(process: subprocess.Popen[bytes], folder: Path, delay: float) -> bool:
    """Kill a process soon after it began to write; False if it ended before."""
    earlier = set(folder.glob(PARTS))
    while process.poll() is None:
        if set(folder.glob(PARTS)) - earlier:
            time.sleep(delay)
            process.kill()
            return process.wait() != 0
        time.sleep(0.0005)
    return False


def main(kills: int) -> None:
    """Run, kill, resume, compare."""
    chance = random.Random(0)
    killed = half_written = unreadable = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole, run = folder / "whole.h5", folder / "run.h5"
        simulate(whole).wait()
        while killed < kills:
            if not strike(simulate(run), folder, chance.uniform(0, 0.1)):
                run.unlink()  # it had finished: begin again
                continue
            killed += 1
            parts = list(folder.glob(PARTS))
            half_written += bool(parts)
            for part in parts:
                part.unlink()
            try:
                if run.exists():
                    op.open(run)
            except OSError as error:
                unreadable += 1
                print(error)
        simulate(run).wait()
        one, other = op.open(whole), op.open(run)
        same = all(
            np.array_equal(getattr(one.records, name), getattr(other.records, name), equal_nan=True)
            for name in ("overlap", "self_overlap", "loss")
        )
    print(f"{killed} kills, {half_written} of them with a file half written")
    print(f"{unreadable} unreadable results")
    print(f"the same bits as a run that was never killed: {'yes' if same else 'no'}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
