"""The risk as a function of what is learned: value, gradient and Hessian at any point.

The point x holds the reduced weights K = [m W] (theory 4) and, where they are learned, the bias and
the head weights, in units in which gradient flow is steepest descent, dx/dt = −∇E(x).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.config.sections import TrainingConfig
from orderparams.expectations import Moments
from orderparams.expectations.auto import make_engine
from orderparams.flow import Flow
from orderparams.problem import Heads, build_task

Array = NDArray[np.float64]

TOLERANCE = 1e-10
"""Of the expectations; tighter than for a flow, since they are differenced."""

STEP = 1e-3
"""Of central differences: errors of STEP² and TOLERANCE/STEP are both below 1e-6."""


class Landscape:
    """E(x) of a problem of H heads and F features; with weight decay λ, E + λ|K|²/2.

    x is K (H, F+R) row by row, then β/√η_b and u/√η_u where they are learned. R = ``residual`` is
    the number of directions outside the hidden ones in which the heads may have a part: up to H,
    and 0 where the residual is known to vanish. All other such directions are equivalent, and
    :meth:`transverse` is the Hessian in any of them.
    """

    def __init__(self, problem: Problem, *, residual: int, tolerance: float = TOLERANCE) -> None:
        training = problem.training
        self.problem = dataclasses.replace(
            problem,
            training=TrainingConfig(weight_decay=training.weight_decay),
            expectation=dataclasses.replace(problem.expectation, tolerance=tolerance),
        )
        self.task = build_task(problem.task)
        self.engine = make_engine(self.problem)
        self.flow = Flow(self.problem, self.engine)
        self.residual = residual
        self.weights_shape = (self.flow.heads, self.flow.features + residual)
        self.bias_unit = training.bias_rate**0.5 * self.flow.learns_bias
        self.head_weight_unit = training.head_weight_rate**0.5 * self.flow.learns_head_weights

    def _join(self, weights: Array, bias: Array, head_weights: Array) -> Array:
        parts = [weights.ravel()]
        parts += [bias] * (self.bias_unit > 0) + [head_weights] * (self.head_weight_unit > 0)
        return np.concatenate(parts)

    def point(self, heads: Heads) -> Array:
        """x of some heads; of a residual with more than R directions the largest are kept."""
        left, sizes, _ = np.linalg.svd(heads.residual)
        residual = (left * sizes)[:, : self.residual]
        return self._join(
            np.concatenate([heads.overlap, residual], axis=1),
            heads.bias / (self.bias_unit or 1.0),
            heads.head_weights / (self.head_weight_unit or 1.0),
        )

    def heads(self, x: Array) -> Heads:
        """The heads at x; what is not learned is as at the problem's start."""
        features, start = self.flow.features, self.flow.start
        size = int(np.prod(self.weights_shape))
        weights = x[:size].reshape(self.weights_shape)
        learned = x[size:].reshape(-1, self.flow.heads)
        residual = np.zeros((self.flow.heads, self.flow.heads))
        residual[:, : self.residual] = weights[:, features:]
        bias, head_weights = start.bias, start.head_weights
        if self.flow.norm_bias:
            bias = -0.5 * (weights**2).sum(axis=1)
        if self.bias_unit > 0:
            bias = self.bias_unit * learned[0]
        if self.head_weight_unit > 0:
            head_weights = self.head_weight_unit * learned[-1]
        return Heads(np.ascontiguousarray(weights[:, :features]), residual, bias, head_weights)

    def moments(self, x: Array) -> Moments:
        """Expectations at x."""
        return self.flow.moments(self.heads(x))

    def risk(self, x: Array) -> float:
        """The population risk, without weight decay."""
        return self.moments(x).risk

    def penalty(self, x: Array) -> float:
        """λ|K|²/2, what weight decay adds to the risk."""
        return 0.5 * self.flow.rule.weight_decay * float((self.heads(x).weights ** 2).sum())

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """E(x) and ∇E(x)."""
        heads = self.heads(x)
        moments = self.flow.moments(heads)
        found = self.flow.gradient_of(moments)
        overlap, residual, numbers = self.flow.rates(heads, heads.residual, found)
        weights = np.concatenate([overlap, residual[:, : self.residual]], axis=1)
        none = np.zeros(0)
        gradient = -self._join(
            weights,
            self.bias_unit * numbers.get("bias", none),
            self.head_weight_unit * numbers.get("head_weight", none),
        )
        return moments.risk + self.penalty(x), gradient

    def gradient(self, x: Array) -> Array:
        """∇E(x)."""
        return self.value_and_gradient(x)[1]

    def hessian(self, x: Array) -> Array:
        """∇²E(x), (n, n)."""
        return differentiate(self.gradient, x)

    def transverse(self, x: Array) -> Array:
        """Hessian (H, H) along any one direction orthogonal to all the heads: 2Γ + λ."""
        gamma = self.flow.gradient_of(self.moments(x)).self_overlap
        return 2 * gamma + self.flow.rule.weight_decay * np.eye(self.flow.heads)


def differentiate(gradient: Callable[[Array], Array], x: Array) -> Array:
    """Symmetric part of the Jacobian (n, n) of a gradient by central differences."""
    rows = [
        (gradient(x + step) - gradient(x - step)) / (2 * STEP) for step in STEP * np.eye(len(x))
    ]
    jacobian = np.array(rows).reshape(len(x), len(x))
    symmetric: Array = 0.5 * (jacobian + jacobian.T)
    return symmetric
