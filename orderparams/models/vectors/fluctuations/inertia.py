"""The fluctuations of vectors with inertia: velocities p beside vectors k, stacked rows T = [k; p].

A step of length γ/D moves p by ηA − ζp, A what it would do to vectors without inertia, and then k
by the new p. But for that the rows have a step like any others: a gradient η𝒢 of the velocities
alone, and a restraint under which k moves by p, and p by −ζp and what draws the vectors, η times.
That k moves by the new p adds to the drift, with the mean Ā_p of the step of p,

    γ Ā_m,p in m,    γ (k Ā_pᵀ + Ā_p kᵀ) in q,    γ (p Ā_pᵀ + (γ/B) η² V) in p·k.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.models.interface import State
from orderparams.models.vectors.flow import Gradient, Parts, VectorFlow
from orderparams.models.vectors.fluctuations.noise import VectorNoise
from orderparams.models.vectors.fluctuations.responses import Responder, Response, Sequences
from orderparams.models.vectors.fluctuations.step import Step
from orderparams.models.vectors.geometry import Vectors, residual_factor
from orderparams.models.vectors.inertial_flow import InertialFlow

Array = NDArray[np.float64]


class StackedFlow(VectorFlow):
    """The flow of SGD with inertia as that of 2n rows, the y of which is that of ``moving``."""

    def __init__(self, moving: InertialFlow) -> None:
        self.moving, self.inner, self.inertia = moving, moving.inner, moving.inertia
        self.half = self.inner.start.count
        inner = self.inner
        start = self.unpack(moving.initial_state)[0]
        super().__init__(
            start,
            self.of_positions,
            inner.rule,
            tolerance=inner.tolerance,
            scales=inner.scales,
            frame=inner.frame,
        )

    def grouped(self, start: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each is one; equal ones are known to ``moving``."""
        every = np.arange(start.count)
        return every, every

    @property
    def initial_state(self) -> Array:
        """y at t = 0."""
        return self.moving.initial_state

    def unpack(self, y: Array) -> tuple[Vectors, Array]:
        """The rows at y, and their residual (2n, 2n)."""
        vectors, residual, (overlap, own, crossed) = self.moving.unpack(y)
        square = np.block([[residual, crossed], [crossed.T, own]])
        rows = np.vstack([vectors.overlap, overlap])
        return self.dressed(rows, residual_factor(square), vectors.numbers), square

    def pack(self, overlap: Array, residual: Array, numbers: Mapping[str, Array]) -> Array:
        """y of the rows."""
        inner, k, p = self.inner, slice(self.half), slice(self.half, None)
        position = inner.pack(overlap[k], residual[k, k], numbers)
        velocity = inner.pack(overlap[p], residual[p, p], numbers)
        return self.moving.pack(position, velocity, residual[k, p])

    def positions(self, rows: Vectors) -> Vectors:
        """The vectors k, with the residual that they have among the rows (n, 2n)."""
        k = slice(self.half)
        return self.inner.dressed(rows.overlap[k], rows.residual[k], rows.numbers)

    def of_positions(self, rows: Vectors, covariance: bool) -> Gradient:
        """The gradient by the vectors k."""
        own = rows.residual[: self.half]
        overlap = rows.overlap[: self.half]
        vectors = self.inner.dressed(overlap, residual_factor(own @ own.T), rows.numbers)
        return self.inner.gradient(vectors, covariance=covariance)

    def rates(
        self, vectors: Vectors, residual: Array, gradient: Gradient, t: float = 0.0
    ) -> tuple[Array, Array, dict[str, Array]]:
        """Time derivatives of the rows."""
        half, gain = self.half, self.inertia.gain
        pull = self.moving.pull(self.positions(vectors), gradient)
        drawn = self.drawn(gain * pull)
        overlap = drawn @ vectors.overlap
        overlap[half:] -= gain * gradient.overlap
        drift = drawn @ residual
        drift = drift + drift.T
        drift[half:, half:] += self.moving.noise(gradient, t)
        return overlap, drift, {}

    def drawn(self, pull: Array) -> Array:
        """[[0, 1], [−ηA, −ζ]] of ηA (n, n)."""
        one = np.eye(self.half)
        return np.block([[0 * one, one], [-pull, -self.inertia.friction * one]])

    def restraint(self, vectors: Vectors) -> Array:
        """As above (2n, 2n)."""
        own = self.inner.restraint(self.positions(vectors))
        return -self.drawn(self.inertia.gain * own)

    def moved(self, here: Parts, change: Parts) -> State:
        """See :class:`VectorFlow`; velocities by their names."""
        (overlap, square, _), k, p = change, slice(self.half), slice(self.half, None)
        speed = self.measured(overlap[p]), square[k, p], square[p, p]
        known = self.inner.moved(here, Parts(overlap[k], square[k, k], change.numbers))
        return {**known, **dict(zip(self.moving.names, speed, strict=True))}


@dataclasses.dataclass(frozen=True)
class Pushed:
    """A :class:`Responder` of the vectors for the rows of a flow: velocities get its answer."""

    of_vectors: Responder
    flow: StackedFlow

    @property
    def directions(self) -> int:
        """Those of the vectors."""
        return self.of_vectors.directions

    @property
    def read(self) -> int:
        """Those of the vectors."""
        return self.of_vectors.read

    @property
    def longest(self) -> int:
        """That of the vectors."""
        return self.of_vectors.longest

    @property
    def own(self) -> int:
        """That of the vectors."""
        return self.of_vectors.own

    def draw(self, uniform: Array) -> Sequences:
        """Those of the vectors."""
        return self.of_vectors.draw(uniform)

    def respond(self, vectors: Vectors, fields: Array, read: Array, drawn: Sequences) -> Response:
        """η times the answer, in the rows of velocities; nothing else learns."""
        half, gain = self.flow.half, self.flow.inertia.gain
        known = self.flow.positions(vectors)
        found = self.of_vectors.respond(known, fields[:, :half], read, drawn)
        push = gain * found.gradient
        gradient = np.concatenate([np.zeros_like(push), push], axis=1)
        radial = np.zeros((len(push), 2 * half, 2 * half))
        each = np.arange(half)
        radial[:, half + each, each] = gain * found.radial
        return Response(gradient, radial, {}, found.loss)


class InertialNoise(VectorNoise):
    """Of rows of vectors and velocities."""

    flow: StackedFlow

    def step(self, vectors: Vectors, hidden: Array, rate: float) -> Step:
        """See :class:`VectorNoise`, with the drift that semi-implicit steps have."""
        found = super().step(vectors, hidden, rate)
        whole, half = self.whole, self.flow.half
        weights = np.hstack([vectors.overlap, hidden, vectors.residual])
        pushed = found.average[half:]
        overlap, square = np.zeros_like(weights[:, : whole.directions]), np.zeros(2 * (2 * half,))
        overlap[:half] = pushed[:, : whole.directions]
        both = pushed @ weights.T
        square[:half, :half] = both[:, :half] + both[:, :half].T
        noise = whole.unpack(found.noise).self_overlap[half:, half:]
        square[half:, :half] = both[:, half:].T + rate / self.batch * noise
        square[:half, half:] = square[half:, :half].T
        more = whole.pack(overlap, square, {})
        return dataclasses.replace(found, drift=found.drift + rate * more)


def noise_of_inertia(
    problem: Any, own: InertialFlow, gentle: InertialFlow, responder: Responder, workers: int
) -> InertialNoise:
    """The fluctuations around a flow; from random starts vectors are at rest."""
    stacked = StackedFlow(own)
    shares = np.repeat([1.0, 0.0], stacked.half)
    pushed = Pushed(responder, stacked)
    return InertialNoise(problem, stacked, StackedFlow(gentle), pushed, workers, shares)
