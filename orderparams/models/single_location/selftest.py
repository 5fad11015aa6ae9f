"""A few seconds of arithmetic with known results: engines, Bayes risk, flow, SGD.

Libraries and engines are loaded by the tests themselves, so that what does not load is a test that
fails and not the end of the program.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from orderparams.models.single_location.sections import Problem

Numbers = tuple[float, float, float]
"""Expected, tolerance, found."""


def configured(
    strengths: list[float],
    overlap: list[list[float]],
    *,
    kind: str = "spikes",
    length: int = 4,
    **sections: dict[str, Any],
) -> Problem:
    """A signal of strengths ν_f, heads at the overlaps (H, F), and what ``sections`` add."""
    from orderparams.config import parse

    attention = {"heads": len(overlap)} | sections.pop("attention", {})
    problem: Any = parse(
        {
            "task": {"length": length, "signal": {"kind": kind, "strengths": strengths}},
            "attention": attention,
            "initial": {"kind": "explicit", "overlap": overlap},
            **sections,
        }
    )
    return cast("Problem", problem)


def risk(
    strengths: list[float], overlap: list[list[float]], *, engine: str = "quadrature", **others: Any
) -> float:
    """Population risk of such a problem at its start."""
    from orderparams.models.single_location.model import flow

    found = flow(configured(strengths, overlap, expectation={"engine": engine}, **others))
    return found.risk(found.state(found.initial_state))


def at_the_origin(engine: str) -> Numbers:
    """K = 0, softmax: E = 1 − 1/L (theory 7)."""
    return 0.75, 1e-8, risk([4, 1], [[0, 0], [0, 0]], engine=engine)


def softmax_1_at_the_origin() -> Numbers:
    """K = 0, softmax-1 with U = Σu = 2: E = 1 − 2U/(L+1) + LU²/(L+1)² (theory 7)."""
    found = risk([4, 1], [[0, 0], [0, 0]], attention={"activation": "softmax-1"})
    return 1 - 4 / 5 + 4 * 4 / 25, 1e-8, found


def optimal_risk(strength: float) -> float:
    """Bayes risk of one spike for L = 2, where the log-odds of the position are N(ν, 2ν)."""
    import numpy as np

    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    wrong = 1 / (1 + np.exp(strength + math.sqrt(2 * strength) * nodes))
    return float(weights @ wrong / weights.sum())


def on_a_spike(engine: str, tolerance: float) -> Numbers:
    """One head on one spike attains the Bayes risk (theory 7)."""
    return optimal_risk(1.0), tolerance, risk([1], [[1]], engine=engine, length=2)


def bayes_risk() -> Numbers:
    """The Bayes risk of one spike for L = 2 (theory 5c)."""
    from orderparams.models.single_location.bayes.known import known_bayes_risk

    return optimal_risk(1.0), 1e-8, known_bayes_risk(configured([1], [[1]], length=2).task).value


def bayes_softmax() -> Numbers:
    """Bayes-softmax with its heads on the points of P_θ attains the Bayes risk (theory 5c)."""
    from orderparams.models.single_location.bayes.known import known_bayes_risk

    on_points = [[2.0, 0.0], [0.0, 1.0]]
    found = risk([4, 1], on_points, attention={"activation": "bayes-softmax"})
    return known_bayes_risk(configured([4, 1], on_points).task).value, 1e-7, found


def growth() -> Numbers:
    """Growth around K = 0 for E[θ] = 0, one head: m ~ exp(2(1−1/L)((1−3/L)ν−1)t/L) (theory 7)."""
    from orderparams.models.single_location.model import flow

    found = flow(configured([16], [[1e-4]], kind="flipped-spikes"))
    rate = found.evaluate(found.initial_state).velocity["overlap"][0, 0] / 1e-4
    return 2 * (1 - 1 / 4) * (16 / 4 - 1) / 4, 1e-4, float(rate)


def sgd() -> Numbers:
    """SGD leaves K = 0 with the velocity (2u/L)(1 − 1/L)E[θ] (theory 7), here at D = 10⁶."""
    from orderparams.models.single_location.model import simulator

    problem = configured(
        [4],
        [[0]],
        simulation={"dimension": 10**6, "replicas": 4},
    )
    moved = simulator(problem, [0.0, 0.02]).run()["overlap"][:, -1, 0, 0]
    return 2 / 4 * (1 - 1 / 4) * 2, 0.05, float(moved.mean()) / 0.02


TESTS: dict[str, Callable[[], Numbers]] = {
    "quadrature: risk at K = 0": lambda: at_the_origin("quadrature"),
    "sampling: risk at K = 0": lambda: at_the_origin("sampling"),
    "quadrature: softmax-1 at K = 0": softmax_1_at_the_origin,
    "quadrature: a head on a spike": lambda: on_a_spike("quadrature", 1e-8),
    "sampling: a head on a spike": lambda: on_a_spike("sampling", 2e-3),
    "Bayes risk of a spike": bayes_risk,
    "Bayes-softmax attains it": bayes_softmax,
    "flow: growth rate at K = 0": growth,
    "SGD: velocity at K = 0": sgd,
}
