"""The risk as a function of what is learned: value, gradient and Hessian at any point.

The point x holds the reduced weights K = [m W] (theory 4) and the numbers that are learned beside
them, in units in which gradient flow is steepest descent, dx/dt = −∇E(x).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.models.interface import State, model_of
from orderparams.models.vectors.flow import Gradient, VectorFlow
from orderparams.models.vectors.geometry import Geometry, Vectors, geometry_of

Array = NDArray[np.float64]

TOLERANCE = 1e-10
"""Of the expectations; tighter than for a flow, since they are differenced."""

ROUGH = 1e-6
"""The same where many points compete, or differences only lead the way."""

STEP = 1e-3
"""Of central differences: errors of STEP² and TOLERANCE/STEP are both below 1e-6."""


class Landscape:
    """E(x) of a problem of n vectors and d directions, and with weight decay λ or a repulsion
    E + λ|K|²/2 + R.

    x is K (n, d+R) row by row, then each learned number over the root of its rate. R = ``residual``
    is the number of directions outside the hidden ones in which the vectors may have a part: n if
    it is not given, 0 where the residual is known to vanish. All other such directions are
    equivalent, and :meth:`transverse` is the Hessian in any of them. What was set up for the
    expectations is shared by all landscapes that stem from one.

    On spheres E is that of the vectors in their lengths, whatever lengths are in x.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        residual: int | None = None,
        tolerance: float = TOLERANCE,
        flows: dict[float, VectorFlow] | None = None,
    ) -> None:
        self.problem, self.tolerance = problem, tolerance
        self.flows = {} if flows is None else flows
        self.flow = self._flow()
        self.count, self.directions = self.flow.start.overlap.shape
        self.residual = self.count if residual is None else residual
        self.weights_shape = (self.count, self.directions + self.residual)
        self.lengths = np.sqrt(np.diag(self.flow.start.self_overlap))
        self.units = {name: rate**0.5 for name, rate in self.flow.rule.rates.items() if rate > 0}

    def _flow(self) -> VectorFlow:
        """The flow to this tolerance; one without any serves all."""
        for flow in self.flows.values():
            if np.isinf(flow.tolerance):
                return flow
        if self.tolerance not in self.flows:
            model = model_of(self.problem)
            self.flows[self.tolerance] = model.descent(self.problem, self.tolerance)
        return self.flows[self.tolerance]

    def with_residual(self, residual: int | None = None) -> Landscape:
        """The same with other directions outside the hidden ones."""
        return Landscape(
            self.problem, residual=residual, tolerance=self.tolerance, flows=self.flows
        )

    def to(self, tolerance: float) -> Landscape:
        """The same with its expectations to another tolerance."""
        return Landscape(
            self.problem, residual=self.residual, tolerance=tolerance, flows=self.flows
        )

    @functools.cached_property
    def rough(self) -> Landscape:
        """The same for less work, to lead the way."""
        return self.to(max(ROUGH, self.tolerance))

    @functools.cached_property
    def geometry(self) -> Geometry:
        """What the vectors can turn to."""
        return geometry_of(self.problem)

    def _join(self, weights: Array, numbers: Mapping[str, Array], power: int) -> Array:
        """Weights, and numbers times a power of their units."""
        own = [numbers[name].ravel() * unit**power for name, unit in self.units.items()]
        return np.concatenate([weights.ravel(), *own])

    def point(self, vectors: Vectors) -> Array:
        """x of some vectors; of a residual with more than R directions the largest are kept."""
        left, sizes, _ = np.linalg.svd(vectors.residual)
        residual = (left * sizes)[:, : self.residual]
        weights = np.concatenate([vectors.overlap, residual], axis=1)
        return self._join(weights, vectors.numbers, -1)

    def vectors(self, x: Array) -> Vectors:
        """The vectors at x; what is not learned is as at the problem's start."""
        weights = self.weights(x)
        residual = np.zeros((self.count, self.count))
        residual[:, : self.residual] = weights[:, self.directions :]
        own = {name: self.units[name] * values for name, values in self.numbers(x).items()}
        residual *= self.stretch(x)
        overlap = np.ascontiguousarray(weights[:, : self.directions]) * self.stretch(x)
        return self.flow.dressed(overlap, residual, {**self.flow.start.numbers, **own})

    def stretch(self, x: Array) -> Array:
        """What x is to be multiplied with so that vectors have their lengths (n, 1); ones where
        they are free."""
        if not self.flow.rule.sphere:
            return np.ones((self.count, 1))
        stretch: Array = (self.lengths / np.linalg.norm(self.weights(x), axis=1))[:, None]
        return stretch

    def normed(self, x: Array) -> Array:
        """x of vectors in their lengths; x itself where they are free."""
        weights = self.weights(x) * self.stretch(x)
        return np.concatenate([weights.ravel(), x[self.size :]])

    @property
    def equal(self) -> Vectors:
        """Equal vectors at K = 0, or at the mean of the problem's start where there is no velocity
        at K = 0; their numbers are those of the start."""
        start, overlap = self.flow.start, np.zeros((self.count, self.directions))
        if self.flow.rule.singular:
            overlap += start.overlap.mean(axis=0)
        return Vectors(overlap, np.zeros((self.count, self.count)), start.numbers)

    @property
    def size(self) -> int:
        """Entries of K."""
        rows, columns = self.weights_shape
        return int(rows * columns)

    def weights(self, x: Array) -> Array:
        """K (…, n, d+R) of x (…, N)."""
        return x[..., : self.size].reshape(*x.shape[:-1], *self.weights_shape)

    def numbers(self, x: Array) -> dict[str, Array]:
        """The learned numbers in units of x (N,), in their own shapes."""
        like = [self.flow.start.numbers[name] for name in self.units]
        ends = self.size + np.cumsum([values.size for values in like])
        parts = np.split(x, [self.size, *ends])[1:-1]
        shaped = (part.reshape(of.shape) for part, of in zip(parts, like, strict=True))
        return dict(zip(self.units, shaped, strict=True))

    def split(self, x: Array) -> tuple[Array, Array]:
        """K (…, n, d+R) and the learned numbers in units of x (…, numbers, n), of x (…, N); where
        all of them are one a vector."""
        learned = x[..., self.size :].reshape(*x.shape[:-1], len(self.units), self.count)
        return self.weights(x), learned

    def state(self, vectors: Vectors) -> State:
        """The order parameters of some vectors, and what is not learned."""
        numbers = self.flow.shown(vectors.numbers)
        return {**vectors.state, **numbers, **self.flow.named(vectors)}

    def vectors_near(self, state: State) -> Vectors | None:
        """Vectors with a neighbouring problem's order parameters, as many as here; None where their
        directions are others."""
        if state["overlap"].shape[1] != self.state(self.flow.start)["overlap"].shape[1]:
            return None
        return self.flow.resized(self.flow.vectors_at(state))

    def gradient_at(self, x: Array) -> Gradient:
        """Risk and derivatives at x."""
        return self.flow.gradient(self.vectors(x), covariance=False)

    def risk(self, x: Array) -> float:
        """The population risk, without penalties."""
        return self.flow.risk_of(self.vectors(x))

    def penalty(self, x: Array) -> float:
        """λ|K|²/2 + R, what weight decay and a repulsion add to the risk."""
        vectors, rule = self.vectors(x), self.flow.rule
        decay = 0.5 * rule.weight_decay * float((vectors.weights**2).sum())
        return decay + self.flow.penalty(vectors)

    def risk_and_gradient(self, x: Array) -> tuple[float, Array]:
        """The population risk and ∇E(x)."""
        vectors = self.vectors(x)
        found = self.flow.gradient(vectors, covariance=False)
        overlap, residual, _ = self.flow.rates(vectors, vectors.residual, found)
        weights = np.concatenate([overlap, residual[:, : self.residual]], axis=1)
        return found.risk, self._join(-weights * self.stretch(x), found.numbers, 1)

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """E(x) and ∇E(x)."""
        risk, gradient = self.risk_and_gradient(x)
        return risk + self.penalty(x), gradient

    def gradient(self, x: Array) -> Array:
        """∇E(x)."""
        return self.value_and_gradient(x)[1]

    def held_gradient(self, x: Array) -> Array:
        """The same for a search on spheres, where E does not change with the lengths in x and falls
        off with none: with that of ½ Σ_h (|x_h|/l_h − 1)², which is zero at the lengths l_h."""
        gradient = self.gradient(x)
        if self.flow.rule.sphere:
            stretch = self.stretch(x)
            pull = (1.0 - stretch) / self.lengths[:, None] ** 2 * self.weights(x)
            gradient[: self.size] += pull.ravel()
        return gradient

    def hessian(self, x: Array) -> Array:
        """∇²E(x), (n, n)."""
        return differentiate(self.gradient, x)

    def transverse(self, x: Array) -> Array:
        """Hessian (n, n) along any one direction orthogonal to all the vectors: 2Γ + λ, with the Γ
        of a repulsion in it."""
        vectors, found, rule = self.vectors(x), self.gradient_at(x), self.flow.rule
        gamma = rule.pull(vectors, found)
        bend = np.full(len(gamma), rule.weight_decay)
        if rule.sphere:
            along = np.einsum("ij,ij->i", found.overlap, vectors.overlap)
            along += 2 * np.einsum("ij,ji->i", gamma, vectors.self_overlap)
            bend = -along / np.diag(vectors.self_overlap)
        return 2 * gamma + np.diag(bend)


def differentiate(gradient: Callable[[Array], Array], x: Array) -> Array:
    """Symmetric part of the Jacobian (n, n) of a gradient by central differences."""
    rows = [
        (gradient(x + step) - gradient(x - step)) / (2 * STEP) for step in STEP * np.eye(len(x))
    ]
    jacobian = np.array(rows).reshape(len(x), len(x))
    symmetric: Array = 0.5 * (jacobian + jacobian.T)
    return symmetric
