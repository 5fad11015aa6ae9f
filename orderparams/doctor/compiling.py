"""Every kernel compiled ahead, as for an image or a cluster: by what needs kernels of its own.

Several processes rehearse one thing after the other: what Numba makes for all kernels is made once
in each, and what one has compiled the others load.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from orderparams.ahead import started
from orderparams.errors import ConfigurationError, SolverError
from orderparams.processors import MOST_PROCESSES, processors

DIRECT: dict[str, Any] = {"simulation.backend": "direct", "simulation.dimension": 100}
SAMPLED: dict[str, Any] = {"expectation.engine": "sampling", "expectation.samples": 256}
LINEAR: dict[str, Any] = {"attention.activation": "linear"}
WHOLE: dict[str, Any] = LINEAR | {"simulation.backend": "full"}
RELU: dict[str, Any] = {"network.activation": "relu"}
ERF: dict[str, Any] = {"attention.activation": "erf"}
NOISY: dict[str, Any] = {"training.rule": "sgd", "expectation.samples": 256}
APART: dict[str, Any] = {"initial": {"variance": 0.0}}
MANY: dict[str, Any] = {
    "attention.heads": 10,
    "initial": {"variance": 1.0},
    "expectation.tolerance": 0.001,
}
SOFTPLUS: dict[str, Any] = {"attention.activation": "softplus"}

REHEARSALS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "softmax": ("evaluate", "two-stage", {}),
    "SGD of attention": ("simulate", "two-stage", {}),
    "SGD of committees": ("simulate", "saad-solla", {}),
    "SGD of linear attention": ("simulate", "two-stage", LINEAR),
    "SGD of erf attention": ("simulate", "two-stage", ERF),
    "SGD of softplus attention": ("simulate", "two-stage", SOFTPLUS),
    "SGD of attention in R^D": ("simulate", "two-stage", DIRECT),
    "SGD of committees in R^D": ("simulate", "saad-solla", DIRECT),
    "SGD of values": ("simulate", "learned-values", {}),
    "SGD of values in R^D": ("simulate", "learned-values", DIRECT),
    "SGD of shared keys": ("simulate", "shared-keys", {}),
    "SGD of shared keys in R^D": ("simulate", "shared-keys", DIRECT),
    "SGD in context": ("simulate", "in-context-pairs", LINEAR),
    "SGD of matrices in context": ("simulate", "in-context-pairs", WHOLE),
    "in context": ("evaluate", "in-context-pairs", {}),
    "sampling": ("evaluate", "two-stage", SAMPLED),
    "Bayes-softmax": ("evaluate", "bayes-softmax", {}),
    "Bayes-softmax of many heads": ("evaluate", "bayes-softmax", MANY),
    "mass on nothing": ("evaluate", "softmax-1", {}),
    "softplus": ("evaluate", "two-stage", SOFTPLUS),
    "sampling of softplus": ("evaluate", "two-stage", SOFTPLUS | SAMPLED),
    "values": ("evaluate", "learned-values", {}),
    "noise of values": ("evaluate", "learned-values", NOISY),
    "noise of values apart from keys": ("evaluate", "learned-values", NOISY | APART),
    "SGD of erf values": ("simulate", "erf-sphere", {}),
    "noise of erf values": ("evaluate", "erf-sphere", NOISY),
    "sampling of erf values": ("evaluate", "erf-sphere", NOISY | SAMPLED),
    "committees": ("evaluate", "saad-solla", {}),
    "committees of ReLU": ("evaluate", "saad-solla", RELU),
}
"""What needs kernels of its own: action, preset and settings. The longest come first."""


def rehearse(what: str) -> None:
    """Have all kernels of one rehearsal, compiled or loaded."""
    from orderparams.scans.actions import perform, rehearsal
    from orderparams.sources import load

    action, preset, settings = REHEARSALS[what]
    outcome = perform(*rehearsal(action, load(preset, settings=settings)))
    if outcome.status != "finished":
        raise SolverError(outcome.message)


def kept(folder: Path) -> list[Path]:
    """Files of compiled kernels."""
    return list(folder.rglob("*.nbc"))


def writable_folder() -> Path:
    """Where kernels are kept; :class:`ConfigurationError` where none can be."""
    from orderparams.compiled import cache_root, is_writable

    folder = cache_root()
    if folder is None or not is_writable(folder):
        where = "no folder" if folder is None else f"{folder} is read-only: no folder"
        raise ConfigurationError(
            f"{where} can be written to keep compiled kernels in; set NUMBA_CACHE_DIR to one that "
            "can, here and wherever they are to be loaded"
        )
    return folder


def rehearse_for(process: subprocess.Popen[bytes], what: str) -> None:
    """Have another process rehearse; :class:`SolverError` with what it says went wrong."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(OSError):  # it is gone
        process.stdin.write(json.dumps(what).encode() + b"\n")
        process.stdin.flush()
    answer = process.stdout.readline()
    wrong = json.loads(answer) if answer else f"exit status {process.wait()}"
    if wrong:
        raise SolverError(f"the kernels of {what} could not be compiled: {wrong}")


def help_out() -> None:
    """What such a process does: rehearse what is named to it, line by line."""
    for line in sys.stdin:
        wrong = ""
        try:
            rehearse(json.loads(line))
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        print(json.dumps(wrong), flush=True)


def compile_all(progress: Callable[[float, str], None]) -> dict[str, Any]:
    """Compile what is not kept yet: folder, kernels before and after, and bytes.

    ``progress`` is called with the fraction done and what was finished. :class:`SolverError` for
    what could not be compiled.
    """
    folder = writable_folder()
    before = len(kept(folder))
    count = min(processors(), MOST_PROCESSES, len(REHEARSALS))
    processes = [started(__name__) for _ in range(count)]
    idle = SimpleQueue[subprocess.Popen[bytes]]()
    for process in processes:
        idle.put(process)

    def compiled(what: str) -> str:
        process = idle.get()
        try:
            rehearse_for(process, what)
        finally:
            idle.put(process)
        return what

    with ThreadPoolExecutor(count) as threads:
        futures = [threads.submit(compiled, what) for what in REHEARSALS]
        try:
            progress(0.0, f"compiling kernels of {len(futures)} kinds")
            for done, future in enumerate(as_completed(futures), start=1):
                what = future.result()
                progress(
                    done / len(futures), f"kernels of {what} are there, {done} of {len(futures)}"
                )
        finally:
            for future in futures:
                future.cancel()
            for process in processes:
                process.kill()
                with contextlib.suppress(OSError), process:
                    pass
    files = kept(folder)
    size = sum(path.stat().st_size for path in files)
    return {"folder": str(folder), "before": before, "after": len(files), "bytes": size}


if __name__ == "__main__":
    help_out()
