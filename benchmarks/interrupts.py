"""Stop commands by SIGINT and SIGTERM at random moments, again and again.

Prints for every command how often it ended by the signal and how often it was done before, and
everything that should not be: another exit status than 130, a traceback, more than one message, a
file that cannot be read or whose status says otherwise, a temporary file left behind.

    python benchmarks/interrupts.py [SIGNALS A COMMAND]
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orderparams as op

TINY = ["-s", "training.duration=2", "-s", "output.points=5", "-s", "expectation.tolerance=1e-6"]
SIMULATION = ["-s", "simulation={dimension=200, replicas=4}"]
COMMANDS = {
    "solve": ["solve", "two-stage", "-s", "training.duration=60", "-o", "out.h5"],
    "solve six heads": [
        *["solve", "two-stage", "-s", "attention.heads=6", "-s", "attention.activation=softmax-1"],
        *["-o", "out.h5"],
    ],
    "solve resumed": ["solve", "part.h5", "--resume", "-s", "training.duration=60"],
    "analyze": ["analyze", "single-head", *TINY, "-o", "out.h5"],
    "simulate": ["simulate", "single-head", *SIMULATION, "--checkpoint", "0.1", "-o", "out.h5"],
    "validate": ["validate", "single-head", *TINY, *SIMULATION, "-o", "out.h5"],
    "scan": ["scan", "single-head", *TINY, "--vary", "task.length=2:9:8", "-o", "out.h5"],
    "reproduce": ["reproduce", "C8", "C6", "-o", "claims"],
    "evaluate": ["evaluate"],
    "report": ["report", "run.h5"],
    "plot": ["plot", "run.h5"],
    "export": ["export", "run.h5", "--to", "csv"],
    "info": ["info", "run.h5"],
}
PROGRAM = [sys.executable, "-m", "orderparams"]


def faults(folder: Path, before: set[Path], status: int, err: str) -> list[str]:
    """What is wrong after a command was stopped."""
    found = []
    if status != 130:
        found.append(f"exit status {status}")
    if "Traceback" in err or "Exception ignored" in err:
        found.append("a traceback")
    if err.count("orderparams: ") != 1:
        found.append("not one message")
    for path in sorted(folder.rglob("*")):
        if path.name.endswith(".part"):
            found.append(f"{path.name} is left")
        elif path.suffix == ".h5" and path not in before and "points" not in path.parent.name:
            try:
                op.open(path)
            except OSError as error:
                found.append(str(error))
    return found


def stop(arguments: list[str], number: signal.Signals, delay: float, prepared: Path) -> list[str]:
    """Run a command, send it a signal, and see; None in words if it was faster."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in prepared.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        time.sleep(delay)
        process.send_signal(number)
        _, err = process.communicate(timeout=120)
        if process.returncode in (0, 4):
            return ["done before"]
        wrong = faults(folder, set(), process.returncode, err)
        return [f"{fault} after {delay:.3f} s ({number.name})\n{err}" for fault in wrong]


def main(count: int, names: list[str]) -> None:
    """Every command, first undisturbed to see how long it takes."""
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        prepared = Path(name)
        problem = op.load("two-stage", ["training.duration=5", "output.points=5"])
        run = op.solve(problem)
        run.save(prepared / "run.h5")
        run.save(prepared / "part.h5")
        for label in names or COMMANDS:
            arguments = COMMANDS[label]
            started = time.monotonic()
            with tempfile.TemporaryDirectory() as once:
                for path in prepared.iterdir():
                    (Path(once) / path.name).write_bytes(path.read_bytes())
                subprocess.run([*PROGRAM, *arguments], cwd=once, capture_output=True, check=False)
            seconds = time.monotonic() - started
            early, wrong = 0, []
            for i in range(count):
                delay = chance.uniform(0.08, 1.05 * seconds)
                found = stop(arguments, (signal.SIGINT, signal.SIGTERM)[i % 2], delay, prepared)
                early += found == ["done before"]
                wrong += [fault for fault in found if fault != "done before"]
            print(
                f"{label:<16}{seconds:6.1f} s  {count - early} stopped, {early} done before", end=""
            )
            print(f"  {len(wrong)} faults", *wrong, sep="\n" if wrong else "", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, sys.argv[2:])
