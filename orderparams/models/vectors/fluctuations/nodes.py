"""Sequences at fixed nodes, and what those do to some vectors.

With an orthonormal basis of the directions that are read and of the span of the vectors, only the
normals of a token in this basis decide its fields; those outside, w⊥, enter the gradient
Σ_ℓ g_ℓ X_ℓ linearly, so that their mean and covariance are known. The nodes have w⊥ = 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from orderparams import memory
from orderparams.expectations.sampling.nodes import uniforms
from orderparams.models.vectors.fluctuations.responses import Responder, Sequences, part
from orderparams.models.vectors.geometry import Vectors

Array = NDArray[np.float64]

AT_ONCE = 2**18
"""Fields that are worked with at a time."""


class Answers(NamedTuple):
    """What N nodes do to n vectors: the change A (N, n, d+n) of K by one sequence at w⊥ = 0,
    −Σ_ℓ g_ℓ x_ℓ + ρK − RK; Σ_ℓ σ_ℓ² g_ℓ g'_ℓ (N, n, n), σ_ℓ the noise of a token; derivatives by
    the numbers (N, …) by name; loss (N,)."""

    change: Array
    products: Array
    numbers: dict[str, Array]
    loss: Array


class Nodes:
    """``count`` sequences of a model, with the normals of their tokens: scrambled Sobol' points.

    ``count`` is a power of two. :class:`~orderparams.errors.ConfigurationError` if they do not fit
    into memory.
    """

    def __init__(self, responder: Responder, vectors: int, count: int, seed: int) -> None:
        self.responder, self.count = responder, count
        tokens = (responder.read + vectors) * responder.longest
        unknowns = vectors * (vectors + responder.directions)
        memory.require(
            8 * count * (2 * tokens + 4 * unknowns) + 64 * AT_ONCE,
            f"{count} nodes of {responder.longest} tokens",
            "lower fluctuations.nodes" + (", or task.length" if responder.longest > 1 else ""),
        )
        drawn = uniforms(responder.own + tokens, seed)(count)
        self.drawn: Sequences = responder.draw(drawn[:, : responder.own])
        shape = (count, responder.read + vectors, responder.longest)
        self.normals: Array = ndtri(drawn[:, responder.own :]).reshape(shape)
        self.normals[:, :, : self.drawn.shift.shape[1]] *= self.drawn.noise
        absent = np.arange(responder.longest) >= self.drawn.length[:, None]
        self.absent = absent if absent.any() else None

    @property
    def mass(self) -> Array:
        """Probabilities of the nodes (N,)."""
        return self.drawn.mass

    def answers(self, vectors: Vectors, restraint: Array) -> Answers:
        """What the nodes do to vectors whose overlaps are with all hidden directions, and which are
        drawn by −RK with a restraint R (n, n)."""
        size = vectors.count * self.responder.longest
        step = max(1, AT_ONCE // size)
        found = list(self._pieces(vectors, restraint @ vectors.weights, step))
        numbers = {
            name: np.concatenate([one.numbers[name] for one in found]) for name in found[0].numbers
        }
        change, products, loss = (
            np.concatenate([getattr(one, name) for one in found])
            for name in ("change", "products", "loss")
        )
        return Answers(change, products, numbers, loss)

    def _pieces(self, vectors: Vectors, drawn_by: Array, step: int) -> Iterator[Answers]:
        """The answers of so many nodes at a time."""
        read, weights = self.responder.read, vectors.weights
        basis = basis_of(weights, self.responder.directions, read)
        inside = weights @ basis
        for start in range(0, self.count, step):
            chosen = slice(start, start + step)
            drawn, normals = part(self.drawn, chosen), self.normals[chosen]
            shifted = drawn.shift.shape[1]
            along = weights[:, : self.responder.directions]
            fields = inside @ normals
            fields[:, :, :shifted] += along @ np.swapaxes(drawn.shift, 1, 2)
            seen = normals[:, :read].copy()
            if shifted and read:
                seen[:, :, :shifted] += np.swapaxes(drawn.shift[:, :, -read:], 1, 2)
            if self.absent is not None:
                np.copyto(fields, -np.inf, where=self.absent[chosen, None, :])
            g, radial, numbers, loss = self.responder.respond(vectors, fields, seen, drawn)
            change = -(g @ np.swapaxes(normals, 1, 2)) @ basis.T
            change[:, :, : along.shape[1]] -= g[:, :, :shifted] @ drawn.shift
            pull = radial @ weights if radial.ndim == 3 else radial[:, :, None] * weights
            change += pull - drawn_by
            g[:, :, :shifted] *= drawn.noise
            yield Answers(change, g @ np.swapaxes(g, 1, 2), dict(numbers), loss)


def basis_of(weights: Array, directions: int, read: int) -> Array:
    """Orthonormal columns (d+n, r+n): the directions that are read, then the span of the rest of
    the vectors K (n, d+n), or more where that is less than n-dimensional."""
    count, size = weights.shape
    known = np.zeros((size, read))
    known[directions - read : directions] = np.eye(read)
    rest = weights.copy()
    rest[:, directions - read : directions] = 0.0
    columns = np.delete(np.arange(size), np.arange(directions - read, directions))
    span = np.zeros((size, count))
    factor, triangle = np.linalg.qr(rest[:, columns].T)
    span[columns] = factor * np.where(np.diag(triangle) < 0, -1.0, 1.0)
    basis: Array = np.hstack([known, span])
    return basis
