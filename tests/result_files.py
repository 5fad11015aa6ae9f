"""One small file of every kind that the program writes."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import pickle
from pathlib import Path
from typing import Any

import numpy as np

import orderparams as op
from orderparams.analysis.stages import stages_of
from orderparams.results.analyzed.escapes import PROBABILITIES, Escape, Escaped
from orderparams.results.analyzed.trees import of_stages
from orderparams.results.evidence import Evidence, Panel, above
from orderparams.results.scan import save_scan
from orderparams.results.unfinished import Unfinished
from orderparams.scans.collect import collect
from orderparams.scans.folder import Folder
from orderparams.scans.plan import make_plan
from orderparams.scans.worker import Task, perform

TABLE: dict[str, Any] = {
    "title": "Small",
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0, 2.0]}},
    "attention": {"heads": 2},
    "training": {"duration": 4.0, "learning_rate": 2.0},
    "expectation": {"engine": "sampling", "samples": 256},
    "output": {"points": 5},
    "simulation": {"dimension": 100, "replicas": 3},
}
LEARNED = [
    "attention={heads=2, bias='learned', head_weights='learned'}",
    "initial={kind='explicit', overlap=[[0.8, 0.1], [0.1, 0.6]]}",
]
PROBLEM = op.load(TABLE, LEARNED)
HEADS = {"attention.activation": ["softmax", "softmax-1"], "attention.heads": [1, 2]}
SCANS: dict[str, dict[str, Any]] = {
    "solve": {"vary": HEADS},
    "random": {"vary": HEADS | {"training.weight_decay": "0:1"}, "mode": "random", "points": 2},
    "evaluate": {"vary": HEADS, "action": "evaluate"},
    "optimum": {"vary": {"attention.heads": [1]}, "action": "optimum"},
    "simulate": {"vary": {"simulation.dimension": [50, 100]}, "action": "simulate"},
    "validate": {"vary": {"training.rule": ["sgd", "gradient-flow"]}, "action": "validate"},
}

PARTED = [
    "task.signal.strengths=[4.0, 2.0]",
    "attention.heads=2",
    "training.duration=60",
    "output.points=40",
    "expectation.tolerance=1e-5",
]
"""Two heads, of which an analysis is quick."""

FLUCTUATING = {
    "training.rule": "sgd",
    "fluctuations": {"enabled": True, "nodes": 64, "points": 6},
}
"""Few nodes and states, which are quick."""

NAMES = (
    *("run", "simulation", "unfinished", "direct", "validation", "evaluation", "claim", "stages"),
    *("analysis", "fluctuations", "innovations", "begun", *SCANS),
)


def interrupt(*_: object) -> None:
    """What Ctrl-C does at the first report."""
    raise KeyboardInterrupt


def evidence() -> Evidence:
    """A check and a panel beside a run."""
    panel = Panel(
        "growth",
        "strength",
        "signal strength ν",
        np.array([1.0, 4.0]),
        "growth rate",
        {"predicted": np.array([0.1, 0.3]), "observed": np.array([0.1, np.nan])},
    )
    return Evidence(PROBLEM, (above("growth rate", 0.3, 0.0),), (panel,), op.solve(PROBLEM))


def analysis() -> op.Analysis:
    """An analysis with an optimum of the objective, which it would have with weight decay, and with
    an escape, which it would have with fluctuations."""
    found = op.analyze("flipped-spikes", settings=PARTED)
    times = np.linspace(1.0, 9.0, len(PROBABILITIES))
    replicas = Escaped(
        np.array([2.0, np.nan]), 2.0, 0.1, 5.0, 2.0, 0.5, 0.5, "inconclusive", "1 of 2 left"
    )
    escape = Escape(
        found.directions[0].name, False, 1, 0.2, 0.4, 0.05, 1.5, np.inf, 1, 100, 5.0, 2.3, times
    )
    return dataclasses.replace(
        found, penalised=found.optimum, escapes=(escape.with_simulated(replicas),)
    )


def begun() -> Unfinished:
    """A validation that is interrupted in its second dimension."""
    kept: list[Unfinished] = []

    def progress(fraction: float, words: str) -> None:
        if words == "simulation, D = 100":
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        op.validate(PROBLEM, dimensions=[50, 100], progress=progress, checkpoint=kept.append)
    return kept[-1]


def results() -> dict[str, Any]:
    """A result of every class, and an unfinished simulation of each backend."""
    direct = op.load(TABLE, [*LEARNED, "simulation={backend='direct', dimension=20, replicas=2}"])
    return {
        "run": op.solve(PROBLEM),
        "simulation": op.simulate(PROBLEM),
        "unfinished": op.simulate(PROBLEM, progress=interrupt),
        "direct": op.simulate(direct, progress=interrupt),
        "validation": op.validate(PROBLEM, dimensions=[50, 100]),
        "evaluation": op.evaluate(PROBLEM, settings={"training.rule": "sgd"}),
        "claim": evidence(),
        "analysis": analysis(),
        "fluctuations": op.solve(PROBLEM, settings=FLUCTUATING),
        "innovations": op.validate(
            PROBLEM, settings={"simulation.replicas": 1}, test="innovations"
        ),
        "begun": begun(),
    }


def write_scan(name: str, folder: Path) -> Path:
    """A scan of SCANS, run in this process, with all that its points store inside."""
    plan = make_plan(TABLE, SCANS[name] | {"trajectories": True})
    points = Folder(folder / f"{name}.points")
    points.start(plan)
    for point in plan.points:
        reply = perform(Task(plan.settings.action, point.config, point.hash, keep=True))
        points.write(point.number, reply.image)
    path = folder / f"{name}.h5"
    save_scan(collect(plan, points), path, folder=points.path)
    points.remove()
    return path


def write(made: dict[str, Any], folder: Path) -> dict[str, Path]:
    """The files by their names: those of :func:`results`, a run with its stages, and SCANS."""
    files = {name: folder / f"{name}.h5" for name in [*made, "stages"]}
    for name, result in made.items():
        result.save(files[name])
    run = made["run"]
    run.save(files["stages"], more={"stages": of_stages(run.problem, stages_of(run))})
    return files | {name: write_scan(name, folder) for name in SCANS}


def shared(folder: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    """Results and files, made by the first process that asks for those of this folder."""
    stored = folder / "results.pickle"
    with (folder / "results.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stored.exists():
            made = results()
            (folder / "results").mkdir()
            stored.write_bytes(pickle.dumps((made, write(made, folder / "results"))))
    found: tuple[dict[str, Any], dict[str, Path]] = pickle.loads(stored.read_bytes())
    return found
