"""Which engine serves a problem: quadrature wherever it can, sampling for the rest."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from orderparams.config.words import counted
from orderparams.errors import ConfigurationError
from orderparams.models.single_location.engines import Engine, Moments, OffsetEngine, Risk
from orderparams.models.single_location.engines.curved import CurvedSampling
from orderparams.models.single_location.engines.elementwise import Elementwise
from orderparams.models.single_location.engines.joint import JointQuadrature
from orderparams.models.single_location.engines.sampling import Sampling
from orderparams.models.single_location.engines.scored import ScoredQuadrature
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


@dataclasses.dataclass(frozen=True)
class At:
    """An engine of an element-wise activation at one offset."""

    engine: OffsetEngine
    offset: float

    @property
    def name(self) -> str:
        """That of the engine."""
        return self.engine.name

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`."""
        return self.engine.evaluate(
            weights,
            bias,
            head_weights,
            gradient_covariance=gradient_covariance,
            offset=self.offset,
        )

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """See :class:`~orderparams.models.single_location.engines.Engine`."""
        return self.engine.risk(weights, bias, head_weights, offset=self.offset)


@dataclasses.dataclass(frozen=True)
class OffsetCombined:
    """The same as :class:`Combined` of element-wise activations."""

    drift: OffsetEngine
    noise: OffsetEngine

    @property
    def name(self) -> str:
        """Both names."""
        return self._at(0.0).name

    def evaluate(
        self,
        weights: Array,
        bias: Array,
        head_weights: Array,
        *,
        gradient_covariance: bool = False,
        offset: float = 0.0,
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.OffsetEngine`."""
        engine = self._at(offset)
        return engine.evaluate(weights, bias, head_weights, gradient_covariance=gradient_covariance)

    def risk(
        self, weights: Array, bias: Array, head_weights: Array, *, offset: float = 0.0
    ) -> Risk:
        """See :class:`~orderparams.models.single_location.engines.OffsetEngine`."""
        return self._at(offset).risk(weights, bias, head_weights)

    def _at(self, offset: float) -> Combined:
        return Combined(At(self.drift, offset), At(self.noise, offset))


def make_engine(problem: Problem, setup: Setup) -> Engine:
    """The engine that ``expectation.engine`` asks for, of what the problem was built into.

    "auto" takes quadrature for risk and gradient, and for V where it serves; elsewhere sampling.

    :class:`ConfigurationError` if quadrature is asked for where it cannot serve.
    """
    settings = problem.expectation
    task, activation, heads = setup.task, setup.activation, problem.attention.heads

    kind = Sampling if activation.curve is None else CurvedSampling

    def sampling() -> Sampling | CurvedSampling:
        return kind(task, activation, heads, samples=settings.samples, seed=settings.seed)

    if settings.engine == "sampling":
        return sampling()
    quadrature = make_quadrature(setup, heads, settings.tolerance)
    if problem.training.rule != "sgd" or quadrature.serves_gradient_covariance:
        return quadrature
    if settings.engine == "quadrature":
        raise ConfigurationError(
            "expectation.engine = 'quadrature' has no rule for the gradient covariance V of "
            f"{activation.name} with {counted(heads, 'head')} and the {task.target} target, "
            "which training.rule = 'sgd' needs; use 'auto' (V by sampling, the rest by quadrature) "
            "or 'sampling'"
        )
    sampled = sampling()
    if isinstance(quadrature, Elementwise):
        assert isinstance(sampled, CurvedSampling)
        return OffsetCombined(quadrature, sampled)
    return Combined(quadrature, sampled)


def make_quadrature(
    setup: Setup, heads: int, tolerance: float
) -> Quadrature | JointQuadrature | Elementwise | ScoredQuadrature:
    """The engine of quadrature, or of closed forms, that serves an activation."""
    task, activation = setup.task, setup.activation
    if activation.elementwise:
        return Elementwise(task, activation, tolerance=tolerance)
    if activation.curve is not None:
        return ScoredQuadrature(task, activation, tolerance=tolerance)
    kind = JointQuadrature if activation.joint else Quadrature
    return kind(task, activation, heads, tolerance=tolerance)
