"""X5: one vector as key and value."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize
from numpy.typing import NDArray

import orderparams as op
from orderparams.analysis.optimum import optimum
from orderparams.config import Problem
from orderparams.models.single_location.values.stability import conflict
from orderparams.results.evidence import Check, Evidence, Panel, above, below, close

Array = NDArray[np.float64]

CASES = ((3, 4.0, 0.194123974, 0.749623252), (4, 9.0, 0.065202217, 0.797207594))
"""Length, strength, and the least risks of a head with a value of its own, and of a tied one."""

CLOSE = 0.05
"""Part along ±v* of the two heads that together do what one with a value does."""


def tied(length: int, strength: float, **settings: Any) -> Problem:
    """Preset `tied-values` without label noise."""
    own = {"task.length": length, "task.signal.strengths": [strength], "task.noise": 0.0}
    return op.load("tied-values", own | {k.replace("__", "."): v for k, v in settings.items()})


def tying_hurts() -> Evidence:
    """One head on one spike, (L, ν) = (3, 4) and (4, 9). With a value of its own it attains the
    Bayes risk; tied, the part along k* that attention needs enters the prediction, and the stronger
    signal makes it worse. A short tied head of large weight attends uniformly, E = 1 − 1/L. Two
    tied heads a k* ± b v* of weights ±c/(2b), b → 0, are almost one head with a value. On the way
    from a small start (preset `tied-values`) key and value first ask for the same and then for the
    opposite.
    """
    checks: list[Check] = []
    pairs: list[float] = []
    for length, strength, apart, together in CASES:
        words = f"L = {length}, ν = {strength:g}"
        learned = op.load(
            "learned-values",
            {"task.length": length, "task.signal.strengths": [strength], "task.noise": 0.0},
        )
        bayes = op.evaluate(learned).references["bayes_risk"]
        both = pair(length, strength)
        pairs.append(both)
        checks += [
            close(f"{words}: value learned", apart, optimum(learned).risk, absolute=1e-6),
            close(f"{words}: its floor", apart, bayes, absolute=1e-6),
            close(f"{words}: tied", together, best_tied(length, strength), absolute=1e-6),
            close(
                f"{words}: short and heavy", 1 - 1 / length, short(length, strength), absolute=1e-5
            ),
            below(f"{words}: two tied heads − Bayes", both - bayes, 0.01),
            above(f"{words}: two tied heads − Bayes", both - bayes, 1e-3),
        ]
    run = op.solve("tied-values", settings={"task.noise": 0.0, "training.duration": 1.0})
    problem: Any = run.problem
    cosines = np.array([conflict(problem, run.state(i)) for i in range(0, len(run.time), 10)])
    checks += [
        close("two tied heads, L = 3, ν = 4", 0.2013, pairs[0], absolute=1e-3),
        above("cosine of key's and value's gradient at t = 0", float(cosines[0]), 0.9),
        below("the same at t = 1", float(cosines[-1]), -0.9),
    ]
    panel = Panel(
        "conflict",
        "time",
        "time t",
        run.time[::10],
        "cosine of the two gradients",
        {"one tied head": cosines},
        ("linear", "linear"),
    )
    return Evidence(run.problem, tuple(checks), (panel,))


def best_tied(length: int, strength: float) -> float:
    """The least risk of one tied head of weight one, at rest from two starts."""
    starts: tuple[dict[str, Any], ...] = (
        {},
        {"initial__overlap": [[1.0]], "initial__self_overlap": [[1.5]]},
    )
    ends = [op.solve(tied(length, strength, **start)).risk[-1] for start in starts]
    return float(max(ends))


def short(length: int, strength: float) -> float:
    """The risk of a head b v* of weight 1/b, b small."""
    part = 1e-3
    start = {
        "initial__overlap": [[0.0]],
        "initial__self_overlap": [[part**2]],
        "initial__key_target_overlap": [part],
        "attention__head_weights": [1 / part],
    }
    return op.evaluate(tied(length, strength, **start)).risk


def pair(length: int, strength: float) -> float:
    """The least risk of two heads a k* ± b v* of weights ±c/(2b), over a and c."""

    def risk(a: float, c: float) -> float:
        square = [[a**2 + CLOSE**2, a**2 - CLOSE**2], [a**2 - CLOSE**2, a**2 + CLOSE**2]]
        start = {
            "attention__heads": 2,
            "attention__head_weights": [0.5 * c / CLOSE, -0.5 * c / CLOSE],
            "initial__overlap": [[a], [a]],
            "initial__self_overlap": square,
            "initial__key_target_overlap": [CLOSE, -CLOSE],
            "expectation__tolerance": 1e-6,
        }
        return op.evaluate(tied(length, strength, **start)).risk

    def least(a: float) -> float:
        whole, half = risk(a, 1.0) - 1, risk(a, 0.5) - 1  # a parabola in c through E = 1 at c = 0
        square = 2 * whole - 4 * half
        linear = whole - square
        return 1 - linear**2 / (4 * square)

    found = scipy.optimize.minimize_scalar(
        least, bounds=(0.3, 3.0), method="bounded", options={"xatol": 0.05}
    )
    return float(found.fun)
