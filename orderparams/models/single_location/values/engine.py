"""Which engine serves keys and values: quadrature wherever it can, sampling for the rest.

                        softmax, softmax-1                       Bayes-softmax
on the manifold         sums of theory 5b, seeded by values      scores weighted by values
elsewhere, and tied     one head and pairs (theory 11)           sampling
V                       sampling; on the manifold by Wick's theorem, of logits alone
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError
from orderparams.models.single_location.engines import Engine, Moments, Risk
from orderparams.models.single_location.engines.auto import Combined
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.setup import Setup
from orderparams.models.single_location.values.heads import Names
from orderparams.models.single_location.values.joint import JointManifold
from orderparams.models.single_location.values.manifold import ManifoldQuadrature, Reflected
from orderparams.models.single_location.values.quadrature import FullQuadrature
from orderparams.models.single_location.values.sampling import ValueSampling
from orderparams.models.single_location.values.wick import WickSampling

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Tied:
    """An engine of stacked rows for v = k: rows of keys and values are one."""

    stacked: Engine

    @property
    def name(self) -> str:
        """That of the engine."""
        return self.stacked.name

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`, for K (H, F+1+H)."""
        found = self.stacked.evaluate(
            twice(weights), bias, head_weights, gradient_covariance=gradient_covariance
        )
        heads, covariance = len(weights), found.gradient_covariance
        return dataclasses.replace(
            found,
            overlap_gradient=found.overlap_gradient[:heads] + found.overlap_gradient[heads:],
            self_overlap_gradient=folded(found.self_overlap_gradient),
            gradient_covariance=None if covariance is None else folded(covariance),
        )

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """The risk alone."""
        return self.stacked.risk(twice(weights), bias, head_weights)


def twice(weights: Array) -> Array:
    """Stacked reduced weights (2H, F+1+2H) of keys (H, F+1+H) that are their own values."""
    heads, directions = weights.shape
    found = np.zeros((2 * heads, directions + heads))
    found[:heads, :directions] = found[heads:, :directions] = weights
    return found


def folded(square: Array) -> Array:
    """The sum (H, H) of the four blocks of a matrix (2H, 2H)."""
    heads = len(square) // 2
    total: Array = square.reshape(2, heads, 2, heads).sum(axis=(0, 2))
    return total


def make_value_engine(problem: Problem, setup: Setup, names: Names) -> Engine:
    """The engine that ``expectation.engine`` asks for, in the system of equations of ``names``.

    :class:`ConfigurationError` if quadrature is asked for where it cannot serve.
    """
    settings, activation = problem.expectation, setup.activation
    noisy, manifold = problem.training.rule == "sgd", names.system == "manifold"
    kind = settings.engine
    sampled = kind == "sampling" or (activation.joint and not manifold)
    if kind == "quadrature" and (sampled or noisy):
        what = "of V, which training.rule = 'sgd' needs" if noisy else f"for {activation.name}"
        mixed = " and keys and values have overlaps" * (names.system == "full" and not noisy)
        raise ConfigurationError(
            f"expectation.engine = 'quadrature' has no rule {what} where attention.value = "
            f"{problem.attention.value!r}{mixed}; use 'auto' (sampling for what has no quadrature) "
            "or 'sampling'"
        )
    task, heads = setup.task, names.heads

    def sampling(covariance: bool) -> ValueSampling:
        return ValueSampling(
            task, activation, heads, samples=settings.samples, seed=settings.seed,
            covariance=covariance,
        )  # fmt: skip

    engine: Engine
    if sampled:
        engine = sampling(noisy)
        engine = Reflected(engine, heads) if manifold else engine
    elif manifold and activation.joint:
        engine = JointManifold(task, activation, heads, tolerance=settings.tolerance)
    elif manifold:
        engine = ManifoldQuadrature(task, activation, heads, settings.tolerance)
    else:
        engine = FullQuadrature(task, activation, heads, settings.tolerance)
    if noisy and manifold:
        noise = WickSampling(task, activation, heads, samples=settings.samples, seed=settings.seed)
        engine = Combined(engine, noise)
    elif noisy and not sampled:
        engine = Combined(engine, sampling(True))
    return Tied(engine) if names.system == "tied" else engine
