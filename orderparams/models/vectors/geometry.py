"""Learned vectors in R^D against hidden directions: overlaps, self-overlaps, residuals.

n vectors k_i and d orthonormal directions (times √D) have the overlaps m (n, d), the self-overlaps
q = k_i·k_j/D and the residual S = q − m mᵀ, the Gram matrix of what lies outside the directions;
W with S = W Wᵀ makes the reduced weights K = [m W].

What vectors can turn to, and what else they could be, is a model's :class:`Geometry`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.expectations.laws import Mixture
from orderparams.models.interface import model_of

Array = NDArray[np.float64]

SAME = 1e-9
"""Relative difference up to which two variances are one."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """overlap m (n, d), residual W (n, n), and further numbers (n,) by name, one a vector."""

    overlap: Array
    residual: Array
    numbers: Mapping[str, Array] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many vectors there are."""
        return len(self.overlap)

    @property
    def weights(self) -> Array:
        """Reduced weights K = [m W], (n, d+n)."""
        return np.concatenate([self.overlap, self.residual], axis=1)

    @property
    def self_overlap(self) -> Array:
        """q = K Kᵀ, (n, n)."""
        weights = self.weights
        q: Array = weights @ weights.T
        return q

    @property
    def state(self) -> dict[str, Array]:
        """Overlap, self-overlap and all numbers by name."""
        return {"overlap": self.overlap, "self_overlap": self.self_overlap, **self.numbers}

    @property
    def learners(self) -> int:
        """How many they are called: each of them one."""
        return self.count

    @property
    def shared(self) -> bool:
        """Whether learners are made of vectors of which none is one's own."""
        return False

    def without(self, removed: tuple[int, ...]) -> Vectors:
        """Those that are left when some are removed."""
        return select(self, np.delete(np.arange(self.count), removed))

    def with_residual(self, residual: Array) -> Vectors:
        """The same but for the residual W (n, n)."""
        return Vectors(self.overlap, residual, self.numbers)


def draw_vectors(
    seed: int, variance: float, dimension: int, count: int, directions: int
) -> tuple[Array, Array]:
    """Overlap (n, d) and residual (n, n) of i.i.d. Gaussian vectors in dimension D.

    k_i ~ N(0, variance·I_D) has m_if ~ N(0, variance/D), and the part orthogonal to the hidden
    directions has a Gram matrix that is Wishart with D − d degrees of freedom: Bartlett's factor.
    """
    generator = np.random.default_rng(seed)
    overlap = generator.standard_normal((count, directions))
    factor = np.tril(generator.standard_normal((count, count)), -1)
    degrees = dimension - directions - np.arange(count)
    factor[np.diag_indices(count)] = np.sqrt(generator.chisquare(degrees))
    scale = np.sqrt(variance / dimension)
    return scale * overlap, scale * factor


def residual_factor(covariance: Array) -> Array:
    """The symmetric square root of a residual q − m mᵀ (n, n); rounding below zero is cut off."""
    eigenvalues, axes = np.linalg.eigh(covariance)
    floor = 1e-14 * max(1.0, float(np.abs(eigenvalues).max()))
    roots = np.sqrt(np.where(eigenvalues > floor, eigenvalues, 0.0))
    factor: Array = (axes * roots) @ axes.T
    return factor


def equal_vectors(vectors: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the distinct vectors (G,), and for every vector which of them it equals (n,)."""
    rows = np.column_stack([vectors.weights, *vectors.numbers.values()])
    equal = np.abs(rows[:, None] - rows[None]).max(axis=2) <= 1e-14 * max(1.0, np.abs(rows).max())
    first, group = np.unique(equal.argmax(axis=1), return_inverse=True)
    return first, group


def squares(parameters: Mapping[str, Array]) -> Array:
    """Squared lengths (…, n) of vectors with such order parameters."""
    diagonal: Array = np.einsum("...ii->...i", parameters["self_overlap"])
    return diagonal


def parted(geometry: Geometry, parameters: Mapping[str, Array]) -> tuple[Array, Array]:
    """Overlaps m (…, n, d) with the hidden directions, and the residual S (…, n, n)."""
    m = geometry.positions(parameters)
    return m, parameters["self_overlap"] - m @ np.swapaxes(m, -1, -2)


def distances(
    geometry: Geometry, parameters: Mapping[str, Array], state: Mapping[str, Array]
) -> Array:
    """Distances (T,) of vectors with order parameters (T, …) from those of one state."""
    return separations(*parted(geometry, parameters), *parted(geometry, state))


def separations(m: Array, s: Array, there: Array, residual: Array) -> Array:
    """Distances (T,) of vectors with overlaps m (T, n, d) and residual S (T, n, n) from others.

    As far as these tell: of what lies outside the hidden directions only the Gram matrix
    S is known, and the distance is the least that vectors with it can have,
    tr S + tr S₀ − 2 tr (S₀^½ S S₀^½)^½ (Procrustes).
    """
    factor = residual_factor(residual)
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(factor @ s @ factor), 0.0)).sum(axis=1)
    outside = np.trace(s, axis1=1, axis2=2) + np.trace(residual) - 2 * shared
    squared = ((m - there) ** 2).sum(axis=(1, 2)) + np.maximum(outside, 0.0)
    distance: Array = np.sqrt(squared)
    return distance


def distances_from(there: Vectors, course: Sequence[Vectors]) -> Array:
    """The same (T,) of the vectors of a course from some others."""
    m = np.array([vectors.overlap for vectors in course])
    residual = np.array([vectors.residual @ vectors.residual.T for vectors in course])
    return separations(m, residual, there.overlap, there.residual @ there.residual.T)


def select(vectors: Vectors, chosen: NDArray[np.int64]) -> Vectors:
    """Some of the vectors, possibly repeated, in the given order."""
    rows = vectors.residual[chosen]
    numbers = {name: values[chosen] for name, values in vectors.numbers.items()}
    return Vectors(vectors.overlap[chosen], residual_factor(rows @ rows.T), numbers)


def resized(vectors: Vectors, count: int) -> Vectors:
    """As many vectors: the first ones, or copies in turn."""
    return select(vectors, np.arange(count) % vectors.count)


@dataclass(frozen=True, eq=False)
class Direction:
    """A subspace of the d hidden directions: basis (d, k), orthonormal columns; ``variance`` is
    that of the signal in it. k > 1 where nothing singles a direction out."""

    name: str
    basis: Array
    variance: float

    def part(self, overlap: Array) -> Array:
        """Coordinates (..., k) of overlaps (..., d)."""
        coordinates: Array = overlap @ self.basis
        return coordinates

    def side(self, sign: float) -> str:
        """Its name, and before it the side of it that is meant: none of more than one direction."""
        if self.basis.shape[1] > 1:
            return self.name
        return f"{'+' if sign > 0 else '-'}{self.name}"


def eigenspaces(covariance: Array, axes: Array) -> tuple[Direction, ...]:
    """The eigenspaces of a covariance (d, d), strongest first.

    An eigenspace spanned by some of the orthogonal ``axes`` (M, d), unit vectors, is named by them
    ("2" or "2+3"), another one by its rank ("p1").
    """
    variances, vectors = np.linalg.eigh(covariance)
    variances, vectors = variances[::-1], vectors[:, ::-1]
    starts = np.flatnonzero(np.diff(variances, prepend=np.inf) < -SAME * abs(variances[0]))
    directions: list[Direction] = []
    for space in np.split(np.arange(len(variances)), starts[starts > 0]):
        basis, name = vectors[:, space], f"p{len(directions) + 1}"
        inside = np.isclose(((axes @ basis) ** 2).sum(axis=1), 1.0, rtol=0, atol=1e-12)
        if inside.sum() == len(space) and orthonormal(axes[inside]):
            basis = axes[inside].T.copy()
            name = "+".join(str(f + 1) for f in np.flatnonzero(inside))
        directions.append(Direction(name, basis, float(variances[space].mean())))
    return tuple(directions)


def orthonormal(axes: Array) -> bool:
    """Whether the rows of (k, d) are orthogonal unit vectors."""
    return bool(np.allclose(axes @ axes.T, np.eye(len(axes)), rtol=0, atol=1e-9))


@dataclass(frozen=True)
class Floor:
    """A risk that nothing is below: its name in files, in words, and its value, NaN where it is not
    known."""

    name: str
    words: str
    value: float


@dataclass(frozen=True)
class Smaller:
    """A problem in fewer numbers whose least risk is that of another; its vectors as vectors of
    that, and those nearest to vectors of that; and in words which vectors these are."""

    problem: Problem
    lifted: Callable[[Vectors], Vectors]
    lowered: Callable[[Vectors], Vectors]
    words: str


class Geometry(Protocol):
    """What the vectors of a problem can turn to, and what else they could be."""

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Orthogonal subspaces that together are all hidden directions, strongest first. Modes of
        the Hessian are named by them."""
        ...

    @property
    def targets(self) -> tuple[Direction, ...]:
        """What a vector can specialize on."""
        ...

    @property
    def support(self) -> Mixture:
        """Where what is hidden lies among the hidden directions."""
        ...

    @property
    def support_words(self) -> str:
        """What that is: "support of the signal"."""
        ...

    @property
    def floor(self) -> Floor:
        """What no state can be below."""
        ...

    @property
    def word(self) -> str:
        """What a vector is called: "head"."""
        ...

    @property
    def numbers(self) -> str:
        """What vectors learn beside themselves, in words: "bias or weights"."""
        ...

    @property
    def weights(self) -> str | None:
        """The numbers that weigh what vectors do, in which the risk is quadratic."""
        ...

    def positions(self, parameters: Mapping[str, Array]) -> Array:
        """Overlaps m (…, n, d) with the hidden directions, of order parameters (…)."""
        ...

    def measured(self, positions: Array) -> Array:
        """Overlaps (…, M) as the model measures them, of positions (…, d)."""
        ...

    def starts(self) -> Iterator[Vectors]:
        """Random starts of a search for the least risk, without end."""
        ...

    def smaller(self) -> Smaller | None:
        """A problem of fewer numbers to search for the least risk; None where there is none."""
        ...

    def without(self, vectors: Vectors, removed: tuple[int, ...]) -> Problem:
        """The problem that is left when some of its vectors, which have come here, are removed."""
        ...


@runtime_checkable
class OfKinds(Geometry, Protocol):
    """The geometry of vectors of several kinds, which learn at rates of their own."""

    @property
    def rates(self) -> Array:
        """Those rates (n,)."""
        ...

    def shares(self, block: Array) -> dict[str, float]:
        """The parts of an eigenspace (k, n, d+R) that each kind takes along each kind of hidden
        directions, and outside of all, by words; of its whole squared length."""
        ...


def geometry_of(problem: Problem) -> Geometry:
    """What the vectors of a problem can turn to."""
    geometry: Geometry = model_of(problem).geometry(problem)
    return geometry


def with_lengths(problem: Any, geometry: Geometry, vectors: Vectors) -> Problem:
    """A problem, started at some vectors of a geometry if they are to keep their lengths."""
    if problem.training.constraint == "none":
        return cast(Problem, problem)
    known = {name: of for name, of in vectors.state.items() if name not in vectors.numbers}
    state = {**known, "overlap": geometry.measured(known["overlap"])}
    return model_of(problem).starting_at(problem, state)
