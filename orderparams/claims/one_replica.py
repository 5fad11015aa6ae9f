"""N2: one replica of SGD in one dimension is enough for a verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.claims.fluctuations import entries, replicas, solved, whitened
from orderparams.config import Problem
from orderparams.results.evidence import Evidence, Panel, above, below
from orderparams.results.trajectory import Trajectory
from orderparams.run.restarts import Restarts
from orderparams.run.whiteness import pvalue

Array = NDArray[np.float64]

DIMENSION, REPLICAS = 1000, 200
LEVEL = 0.01


def shifts(run: Trajectory, theory: Problem, strength: float = 1.0) -> Array:
    """How far a wrong theory, with V of that strength, ends from the right one (T−1, N) over each
    interval of the run."""
    states = [run.state(index) for index in range(len(run.time))]
    wrong = Restarts(theory, states[-1], strength, lambda _: None)
    ends = [
        wrong.predicted(state, float(begin), float(end))
        for state, begin, end in zip(states, run.time, run.time[1:], strict=False)
    ]
    return np.array(ends) - entries(run, run.parameters)[1:]


def alarms(innovation: Array) -> float:
    """The part of replicas (R, T, N) that are rejected, each judged alone."""
    return float(np.mean([pvalue(one[None]) < LEVEL for one in innovation]))


def one_is_enough() -> Evidence:
    """Preset `finite-learning-rate`, single replicas of SGD at D = 1000 over ten intervals to
    t = 10, each judged alone by its innovations at the level 0.01, whitened around the flow. The
    right theory is rejected in no more than 2 % of 200 replicas; wrong ones, without V, with twice
    or half the learning rate, or without a weight decay that SGD has, in more than 90 %. A wrong
    theory has flows of its own from the right one's states, and a variance in proportion to γ.
    """
    found: dict[str, float] = {}
    for rate in (5.0, 2.0, 0.5):
        run = solved(training__learning_rate=rate)
        found[f"γ = {rate:g}: right"] = alarms(innovation := of(run))
        if rate == 0.5:
            moved = innovation - off(run, shifts(run, run.problem, 0.0))
            found[f"γ = {rate:g}: no V"] = alarms(moved)
            for name, factor in (("twice", 2.0), ("half", 0.5)):
                other = op.load(run.problem, {"training.learning_rate": factor * rate})
                moved = innovation - off(run, shifts(run, other))
                found[f"γ = {rate:g}: {name} γ"] = alarms(moved / factor**0.5)
    for decay in (0.03, 0.01):
        run = solved(training__learning_rate=2.0, training__weight_decay=decay)
        without = op.load(run.problem, {"training.weight_decay": 0.0})
        found[f"γ = 2: no λ = {decay:g}"] = alarms(of(run) - off(run, shifts(run, without)))
    checks = tuple(
        below(f"{name}: rejected", part, 0.0201)
        if name.endswith("right")
        else above(f"{name}: rejected", part, 0.9)
        for name, part in found.items()
    )
    panel = Panel(
        "rejected",
        "theory",
        "theory",
        np.arange(float(len(found))),
        "part of replicas rejected",
        {"innovations": np.array(list(found.values()))},
        ticks=tuple(found),
    )
    return Evidence(run.problem, checks, (panel,))


def of(run: Any) -> Array:
    """Innovations of single replicas."""
    return whitened(run.fluctuations, replicas(run, DIMENSION, REPLICAS), DIMENSION)


def off(run: Any, ends: Array) -> Array:
    """What a theory that ends elsewhere (T−1, N) adds to innovations."""
    factors = np.linalg.cholesky(run.fluctuations.innovation_covariance)
    return np.asarray(np.sqrt(DIMENSION) * np.linalg.solve(factors, ends[..., None])[..., 0])
