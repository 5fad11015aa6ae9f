"""Risk, gradient and velocity at one point, the initial condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config.toml import Settings
from orderparams.config.unused import heed
from orderparams.expectations.auto import known_bayes_risk, make_engine
from orderparams.flow import Flow
from orderparams.models.vectors import Velocity
from orderparams.problem import Heads
from orderparams.sources import Source, load

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The flow at one point.

    overlap_gradient is P = ∂E/∂m at fixed q, (H, F); self_overlap_gradient is Γ = ∂E/∂q, symmetric
    with all entries independent, (H, H); both are total derivatives, the norm bias is
    differentiated through. ``error_estimate`` is that of risk, P and Γ, ``covariance_error`` that
    of V where SGD has noise, else None; ``bayes_error`` that of the Bayes risk, both NaN where it
    cannot be had. ``tolerance`` is what was asked for, None for sampling.
    """

    heads: Heads
    risk: float
    bayes_risk: float
    bayes_error: float
    overlap_gradient: Array
    self_overlap_gradient: Array
    velocity: Velocity
    engine: str
    error_estimate: float
    covariance_error: float | None
    tolerance: float | None

    def document(self) -> dict[str, Any]:
        """What ``orderparams evaluate --json`` prints; velocities of what is learned among it."""
        return {
            "risk": self.risk,
            "bayes_risk": None if np.isnan(self.bayes_risk) else self.bayes_risk,
            "bayes_error": None if np.isnan(self.bayes_error) else self.bayes_error,
            "gradient": {
                "overlap": self.overlap_gradient.tolist(),
                "self_overlap": self.self_overlap_gradient.tolist(),
            },
            "velocity": {
                "overlap": self.velocity.overlap.tolist(),
                "self_overlap": self.velocity.self_overlap.tolist(),
            },
            "engine": self.engine,
            "error_estimate": self.error_estimate,
            "covariance_error": self.covariance_error,
            "tolerance": self.tolerance,
        }


def evaluate(source: Source, *, settings: Settings | None = None) -> Evaluation:
    """Risk, gradient and velocity of a problem at its initial condition (theory 3, 4).

    ``source`` and ``settings`` are what :func:`orderparams.load` takes.
    """
    problem = heed(load(source, settings=settings), "evaluate")
    engine = make_engine(problem)
    flow = Flow(problem, engine)
    moments = flow.moments_at_start(gradient_covariance=flow.rule.stochastic)
    best = known_bayes_risk(problem.task)
    gradient = flow.gradient_of(moments)
    return Evaluation(
        heads=flow.start,
        risk=moments.risk,
        bayes_risk=best.value,
        bayes_error=best.error,
        overlap_gradient=moments.overlap_gradient,
        self_overlap_gradient=gradient.self_overlap,
        velocity=flow.velocity(flow.initial_state, gradient),
        engine=engine.name,
        error_estimate=moments.error,
        covariance_error=moments.gradient_covariance_error if flow.rule.stochastic else None,
        tolerance=None if flow.tolerance == np.inf else flow.tolerance,
    )
