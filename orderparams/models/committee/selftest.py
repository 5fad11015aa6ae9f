"""A second of arithmetic with known results: the symmetric plateau, perfect students, SGD.

Libraries and engines are loaded by the tests themselves, so that what does not load is a test that
fails and not the end of the program.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from orderparams.models.committee.sections import Problem
    from orderparams.models.interface import Flow

Numbers = tuple[float, float, float]
"""Expected, tolerance, found."""


def configured(overlap: float, self_overlap: float, **sections: dict[str, Any]) -> Problem:
    """Two students with these overlaps with two teachers, and with each other and themselves."""
    from orderparams.config import parse

    start = {"overlap": [[overlap] * 2] * 2, "self_overlap": [[self_overlap] * 2] * 2}
    problem: Any = parse(
        {
            "model": "committee",
            "task": {"teachers": 2},
            "initial": {"kind": "explicit", **start},
            **sections,
        }
    )
    return cast("Problem", problem)


def at_start(problem: Problem) -> tuple[Flow, Any]:
    """The flow, and what it is at its start."""
    from orderparams.models.committee.model import flow

    found = flow(problem)
    return found, found.evaluate(found.initial_state)


def on_the_plateau(what: str) -> Numbers:
    """Students at rest with R = 1/√6 and Q = 1/3, and their risk (Saad and Solla 1995)."""
    found = at_start(configured(1 / math.sqrt(6), 1 / 3))[1]
    if what == "risk":
        return 2 / math.pi * (math.pi / 6 - 2 * math.asin(1 / 4)), 1e-12, found.risk
    return 0.0, 1e-12, float(abs(found.velocity["overlap"]).max())


def relu_noise() -> Numbers:
    """V of ReLU students that are half the sum of the teachers: 2 E[ν₂²; ν₁ > −ν₂ > 0]."""
    problem = configured(0.5, 0.5, network={"activation": "relu"}, training={"rule": "sgd"})
    return 1 / 4 - 1 / (2 * math.pi), 1e-9, float(at_start(problem)[1].noise[0, 0])


def sgd() -> Numbers:
    """SGD leaves R = Q = 0 with dR/dt = E[φ* ν] g′(0) = 2/(π√2) (erf), here at D = 10⁶."""
    from orderparams.models.committee.model import simulator

    problem = configured(0.0, 0.0, simulation={"dimension": 10**6, "replicas": 4})
    moved = simulator(problem, [0.0, 0.02]).run()["overlap"][:, -1]
    return 2 / (math.pi * math.sqrt(2)), 0.02, float(moved.mean()) / 0.02


TESTS: dict[str, Callable[[], Numbers]] = {
    "erf: risk of the symmetric plateau": lambda: on_the_plateau("risk"),
    "erf: students at rest on it": lambda: on_the_plateau("velocity"),
    "ReLU: noise of SGD": relu_noise,
    "SGD of students: velocity at Q = 0": sgd,
}
