"""Risk, gradient and velocity at one point, the initial condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config.toml import Settings
from orderparams.config.unused import heed
from orderparams.expectations.auto import bayes_risk_of, make_engine
from orderparams.flow import Flow, Velocity
from orderparams.problem import Heads
from orderparams.sources import Source, load

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The flow at one point.

    overlap_gradient is P = ∂E/∂m at fixed q, (H, F); self_overlap_gradient is Γ = ∂E/∂q, symmetric
    with all entries independent, (H, H); both are total derivatives, the norm bias is
    differentiated through. ``error_estimate`` is that of risk, P and Γ, ``covariance_error`` that
    of V where SGD has noise, else None.
    """

    heads: Heads
    risk: float
    bayes_risk: float
    overlap_gradient: Array
    self_overlap_gradient: Array
    velocity: Velocity
    engine: str
    error_estimate: float
    covariance_error: float | None

    def document(self) -> dict[str, Any]:
        """What ``orderparams evaluate --json`` prints; velocities of what is learned among it."""
        return {
            "risk": self.risk,
            "bayes_risk": self.bayes_risk,
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
        }


def evaluate(source: Source, *, settings: Settings | None = None) -> Evaluation:
    """Risk, gradient and velocity of a problem at its initial condition (theory 3, 4).

    ``source`` and ``settings`` are what :func:`orderparams.load` takes.
    """
    problem = heed(load(source, settings=settings), "evaluate")
    engine = make_engine(problem)
    flow = Flow(problem, engine)
    moments = flow.moments_at_start(gradient_covariance=flow.stochastic)
    return Evaluation(
        heads=flow.start,
        risk=moments.risk,
        bayes_risk=bayes_risk_of(problem.task),
        overlap_gradient=moments.overlap_gradient,
        self_overlap_gradient=flow.self_overlap_gradient(moments),
        velocity=flow.velocity(flow.initial_state, moments),
        engine=engine.name,
        error_estimate=moments.error,
        covariance_error=moments.gradient_covariance_error if flow.stochastic else None,
    )
