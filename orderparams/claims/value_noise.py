"""X4: the noise of SGD in keys and in values."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import scipy.integrate
from numpy.typing import NDArray

import orderparams as op
from orderparams.claims.learned_values import STARTS
from orderparams.config import Problem
from orderparams.models.interface import model_of
from orderparams.models.single_location.engines import Engine, Moments, Risk
from orderparams.results.evidence import Evidence, Panel, above, below

Array = NDArray[np.float64]

TIMES = (0.0, 1.0, 2.0, 3.0)
ACCEPTED, REJECTED = 4.5, 7.0
"""Standard errors: seven order parameters at three times stay below, a missing block is above."""

SETTINGS: dict[str, Any] = {
    "training.rule": "sgd",
    "training.learning_rate": 2.0,
    "training.value_rate": 0.25,
    "training.duration": TIMES[-1],
    **STARTS["a little of both"],
    "expectation.samples": 8192,
    "simulation.dimension": 1000,
    "simulation.replicas": 192,
}


@dataclasses.dataclass(frozen=True)
class Blocks:
    """An engine whose V has some of its blocks alone: ``mask`` (n, n) of ones and zeros."""

    whole: Engine
    mask: Array

    @property
    def name(self) -> str:
        """That of the engine."""
        return self.whole.name

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """Moments of the engine."""
        found = self.whole.evaluate(
            weights, bias, head_weights, gradient_covariance=gradient_covariance
        )
        covariance = found.gradient_covariance
        assert covariance is not None
        return dataclasses.replace(found, gradient_covariance=covariance * self.mask)

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """The risk of the engine."""
        return self.whole.risk(weights, bias, head_weights)


MASKS = {
    "all of V": [[1.0, 1.0], [1.0, 1.0]],
    "no V of keys": [[0.0, 1.0], [1.0, 1.0]],
    "no V of values": [[1.0, 1.0], [1.0, 0.0]],
    "no V": [[0.0, 0.0], [0.0, 0.0]],
}


def noise_in_every_block() -> Evidence:
    """One head that learns key and value (preset `learned-values` from a start with a little of
    everything), SGD with γ = 2 for keys and 1/2 for values, 192 replicas at D = 1000, to t = 3.
    The theory with V agrees with the simulation; it does not without the noise of keys, nor without
    that of values.
    """
    problem = op.load("learned-values", SETTINGS)
    records = model_of(problem).simulator(problem, TIMES).run()
    names = list(op.evaluate(problem).parameters)
    worst: dict[str, float] = {}
    curves: dict[str, Array] = {}
    for words, mask in MASKS.items():
        theory = course(problem, np.array(mask))
        deviations = []
        for name in names:
            found = records[name][:, 1:].reshape(len(records[name]), len(TIMES) - 1, -1)
            error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
            own = theory[name][1:].reshape(len(TIMES) - 1, -1)
            deviations.append((found.mean(axis=0) - own) / error)
        curves[words] = np.abs(np.concatenate(deviations, axis=1)).max(axis=1)
        worst[words] = float(curves[words].max())
    checks = tuple(
        (below if words == "all of V" else above)(
            f"{words}: largest deviation, standard errors",
            value,
            ACCEPTED if words == "all of V" else REJECTED,
        )
        for words, value in worst.items()
    )
    panel = Panel(
        "deviations",
        "time",
        "time t",
        np.array(TIMES[1:]),
        "largest |deviation| in standard errors",
        curves,
        ("linear", "log"),
    )
    return Evidence(problem, checks, (panel,))


def course(problem: Problem, mask: Array) -> dict[str, Array]:
    """Order parameters (T, …) in theory, with these blocks of V."""
    theory: Any = model_of(problem).flow(problem)
    theory.engine = Blocks(theory.engine, mask)
    run = scipy.integrate.solve_ivp(
        theory.derivative,
        (0.0, TIMES[-1]),
        theory.initial_state,
        t_eval=TIMES,
        rtol=1e-4,
        atol=1e-5,
    )
    states = [theory.state(y) for y in run.y.T]
    return {name: np.array([state[name] for state in states]) for name in states[0]}
