"""Which engine serves a problem: quadrature wherever it can, sampling for the rest."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError
from orderparams.expectations import Engine, Moments
from orderparams.expectations.bayes import BayesRisk, bayes_risk
from orderparams.expectations.joint import JointQuadrature
from orderparams.expectations.quadrature import Quadrature
from orderparams.expectations.sampling import Sampling
from orderparams.models.single_location.sections import Problem, TaskConfig
from orderparams.models.single_location.setup import build_activation, build_task

Array = NDArray[np.float64]


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
        """See :class:`~orderparams.expectations.Engine`."""
        moments = self.drift.evaluate(weights, bias, head_weights)
        if not gradient_covariance:
            return moments
        noise = self.noise.evaluate(weights, bias, head_weights, gradient_covariance=True)
        return dataclasses.replace(
            moments,
            gradient_covariance=noise.gradient_covariance,
            gradient_covariance_error=noise.gradient_covariance_error,
        )


@functools.lru_cache(maxsize=64)
def known_bayes_risk(task: TaskConfig) -> BayesRisk:
    """Bayes risk of a configured task (theory 5c) and its error, computed once.

    Both are NaN where it takes more memory than there is: all else can be had without it.
    """
    try:
        return bayes_risk(build_task(task))
    except MemoryError:
        return BayesRisk(np.nan, np.nan)


def bayes_risk_of(task: TaskConfig) -> float:
    """The value of :func:`known_bayes_risk`."""
    return known_bayes_risk(task).value


def make_engine(problem: Problem) -> Engine:
    """The engine that ``expectation.engine`` asks for.

    "auto" takes quadrature for risk and gradient, and for V where it serves; elsewhere sampling.

    :class:`ConfigurationError` if quadrature is asked for where it cannot serve.
    """
    settings = problem.expectation
    task, activation = build_task(problem.task), build_activation(problem.attention)
    heads = problem.attention.heads

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
