"""Which engine serves a problem: quadrature wherever it can, sampling for the rest."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError
from orderparams.models.single_location.engines import Engine, Moments, Risk
from orderparams.models.single_location.engines.joint import JointQuadrature
from orderparams.models.single_location.engines.sampling import Sampling
from orderparams.models.single_location.engines.separate import Quadrature
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.setup import Setup

Array = NDArray[np.float64]
Found = TypeVar("Found", Moments, Risk)


@dataclasses.dataclass(frozen=True)
class Combined:
    """Risk and gradients from one engine, the gradient covariance V from another."""

    drift: Engine
    noise: Engine

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.drift.name}, {self.noise.name} for V"

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`."""
        moments = self._named(self.drift.evaluate(weights, bias, head_weights))
        if not gradient_covariance:
            return moments
        noise = self.noise.evaluate(weights, bias, head_weights, gradient_covariance=True)
        return dataclasses.replace(
            moments,
            gradient_covariance=noise.gradient_covariance,
            gradient_covariance_error=noise.gradient_covariance_error,
        )

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """See :class:`~orderparams.models.single_location.engines.Engine`."""
        return self._named(self.drift.risk(weights, bias, head_weights))

    def _named(self, found: Found) -> Found:
        """A result of the first engine, with both names in it."""
        return dataclasses.replace(found, engine=f"{found.engine}, {self.noise.name} for V")


def make_engine(problem: Problem, setup: Setup) -> Engine:
    """The engine that ``expectation.engine`` asks for, of what the problem was built into.

    "auto" takes quadrature for risk and gradient, and for V where it serves; elsewhere sampling.

    :class:`ConfigurationError` if quadrature is asked for where it cannot serve.
    """
    settings = problem.expectation
    task, activation, heads = setup.task, setup.activation, problem.attention.heads

    def sampling() -> Engine:
        return Sampling(task, activation, heads, samples=settings.samples, seed=settings.seed)

    if settings.engine == "sampling":
        return sampling()
    kind = JointQuadrature if activation.joint else Quadrature
    quadrature = kind(task, activation, heads, tolerance=settings.tolerance)
    if problem.training.rule != "sgd" or quadrature.serves_gradient_covariance:
        return quadrature
    if settings.engine == "quadrature":
        raise ConfigurationError(
            "expectation.engine = 'quadrature' has no rule for the gradient covariance V of "
            f"{activation.name} with {heads} heads and the {task.target} target, which "
            "training.rule = 'sgd' needs; use 'auto' (V by sampling, the rest by quadrature) or "
            "'sampling'"
        )
    return Combined(quadrature, sampling())
