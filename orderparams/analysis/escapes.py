"""The law of the times at which SGD leaves symmetric states (docs/fluctuations.md).

Along a direction the vectors are split into what they have in common and what they differ by. Where
that part v (k,) is zero in the flow and grows, v = (S/D)^½ Z with Z normal, and afterwards grows as
it did, so that P(T < t) = P(|v(t)| > δ). With a part μ of the flow's own it is |μ + v| that leaves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import helmert
from scipy.special import digamma, gammaincinv, ndtri

from orderparams.expectations.sampling.nodes import uniforms
from orderparams.models.vectors.geometry import Direction, Vectors, geometry_of, residual_factor
from orderparams.results.analyzed.escapes import PROBABILITIES, SHARE, Escape
from orderparams.results.analyzed.rests import SAME
from orderparams.results.analyzed.stages import Plateau
from orderparams.results.fluctuations import Fluctuations
from orderparams.results.trajectory import Trajectory

Array = NDArray[np.float64]

DRAWS = 8192
"""Normal numbers of which a law is made, always the same: Sobol' points, by which probabilities are
right to half a percent or better."""

GROWN = 1.0
"""Factors of e by which the flow has to stretch fluctuations before they leave."""

ALIKE = 0.25
"""Of the largest variance in any dimension, that of others which grow alike."""

HEARD = 100.0
"""How many times the dimension may be above that in which the start decides and noise still be
heard of."""

NONE = 1e-12
"""Of the variance of everything after the first stored time: what is rounding, which grows, too."""

SURE = 1e12
"""Dimension from which on the start would have to decide to be one that does not."""


@dataclass(frozen=True, eq=False)
class Part:
    """A part of the vectors along a direction, of k coordinates; ``rows`` (k, n, d) take it from
    overlaps."""

    direction: str
    common: bool
    rows: Array

    def of(self, overlaps: Array) -> Array:
        """(…, k) of overlaps (…, n, d)."""
        part: Array = np.einsum("knd,...nd->...k", self.rows, overlaps)
        return part


@dataclass(frozen=True, eq=False)
class Motion:
    """A part in time (T,): ``mean`` (T, k) of the flow, ``covariance`` S (T, k, k), and the factors
    of e by which the flow has stretched fluctuations (T,)."""

    time: Array
    mean: Array
    covariance: Array
    stretched: Array

    @property
    def variance(self) -> Array:
        """S of one dimension of several, (T,)."""
        found: Array = np.trace(self.covariance, axis1=1, axis2=2) / self.mean.shape[1]
        return found

    def growing(self, index: int) -> Motion:
        """The same in the dimensions that have grown until a time: fluctuations in the others are
        smaller there."""
        sizes, ways = np.linalg.eigh(self.covariance[index])
        ways = ways[:, sizes > ALIKE * sizes[-1]]
        mean, covariance = self.mean @ ways, ways.T @ self.covariance @ ways
        return dataclasses.replace(self, mean=mean, covariance=covariance)

    def rate_at(self, index: int) -> float:
        """The growth rate over the last GROWN factors of e before a time."""
        before = np.flatnonzero(self.stretched[index] - self.stretched[:index] >= GROWN)
        start = int(before[-1]) if len(before) else 0
        risen = self.stretched[index] - self.stretched[start]
        return float(risen / (self.time[index] - self.time[start]))


def parts_of(directions: tuple[Direction, ...], count: int) -> Iterator[Part]:
    """What so many vectors have in common, and what they differ by, along each direction."""
    for direction in directions:
        along = direction.basis.T
        for common in (False, True):
            rows = np.full((1, count), count**-0.5) if common else helmert(count)
            part = np.einsum("an,bd->abnd", rows, along).reshape(-1, count, along.shape[1])
            if len(part):
                yield Part(direction.name, common, part)


def motion_of(part: Part, found: Fluctuations) -> Motion:
    """A part along fluctuations."""
    geometry = geometry_of(found.problem)
    unit = geometry.positions(found.by_name(np.eye(len(found.parameter))))
    view = part.of(unit).T
    covariance = view @ found.covariance @ view.T
    grown = view @ found.propagator @ found.covariance[:-1]
    grown = np.einsum("tkj,tij,ki->t", grown, found.propagator, view)
    before = np.trace(covariance[:-1], axis1=1, axis2=2)
    ratio = np.divide(grown, before, out=np.ones_like(grown), where=before > 0)
    stretched = np.append(0.0, 0.5 * np.log(np.maximum(ratio, 1e-300)).cumsum())
    mean = part.of(geometry.positions(found.by_name(found.flow)))
    return Motion(found.time, mean, covariance, stretched)


def escape_of(part: Part, motion: Motion, threshold: float, dimension: int) -> Escape | None:
    """The law of a part; None where it has left from the start, and where nothing grows."""
    mean = np.square(motion.mean).sum(axis=1)
    total = np.trace(motion.covariance, axis1=1, axis2=2)
    left = np.flatnonzero(mean + total / dimension >= threshold**2)
    index = int(left[0]) if len(left) else len(motion.time) - 1
    if index == 0 or motion.stretched[index] < GROWN:
        return None
    grown = motion.growing(index)
    k, noise, rate = grown.mean.shape[1], grown.variance[index], motion.rate_at(index)
    with np.errstate(divide="ignore"):
        crossover = float(np.divide(k * noise, np.square(grown.mean[index]).sum()))
    if rate <= 0:
        return None
    times = law(motion, threshold, dimension, rate)
    amplitude = float(noise * np.exp(-2 * rate * motion.time[index]))
    ratio = np.log(threshold**2 / amplitude)
    return Escape(
        name=part.direction,
        common=part.common,
        multiplicity=k,
        threshold=threshold,
        rate=rate,
        noise=amplitude,
        constant=float(ratio - np.log(2) - digamma(0.5 * k)),
        crossover=crossover if crossover < SURE else np.inf,
        plateau=0,
        dimension=dimension,
        mean=float(times.mean()),
        deviation=float(times.std()),
        quantile=np.quantile(times, PROBABILITIES),
    )


def heard(escape: Escape) -> bool:
    """Whether noise is heard of beside the start, in the dimension of the law."""
    return escape.crossover >= escape.dimension / HEARD


def guessed(escape: Escape, escapes: Sequence[Escape], found: Fluctuations) -> bool:
    """Whether SGD has left otherwise before, so that linear theory holds no more at the mean time
    of an escape."""
    return escape is not escapes[0] and escape.mean > found.linear_until(escape.dimension)


def law_of(
    escape: Escape, run: Trajectory, directions: tuple[Direction, ...]
) -> Callable[[int], Escape | None]:
    """The law of an escape of a run with fluctuations in any dimension."""
    assert run.fluctuations is not None
    count = len(geometry_of(run.problem).positions(run.state(0)))
    part = next(
        one
        for one in parts_of(directions, count)
        if (one.direction, one.common) == (escape.name, escape.common)
    )
    motion = motion_of(part, run.fluctuations)
    return lambda dimension: escape_of(part, motion, escape.threshold, dimension)


def draw(k: int) -> Array:
    """Normal numbers (DRAWS, k): their lengths, which matter most, evenly in the first uniform."""
    uniform = uniforms(1 + k, 0)(DRAWS)
    ways = ndtri(uniform[:, 1:])
    lengths = np.sqrt(2 * gammaincinv(0.5 * k, uniform[:, :1]))
    normals: Array = lengths * ways / np.linalg.norm(ways, axis=1, keepdims=True)
    return normals


def law(motion: Motion, threshold: float, dimension: int, rate: float) -> Array:
    """Times of escape (DRAWS,) of equal probability."""
    normals = draw(motion.mean.shape[1])
    length = [
        np.linalg.norm(mean + normals @ residual_factor(covariance / dimension), axis=1)
        for mean, covariance in zip(motion.mean, motion.covariance, strict=True)
    ]
    return leaving(motion.time, np.stack(length, axis=1), threshold, rate)


def leaving(time: Array, length: Array, threshold: float, rate: float = 0.0) -> Array:
    """First times (N,) at which lengths (N, T) reach a threshold; what grows between two times does
    so exponentially, and at a ``rate`` after the last. NaN without one where it is not reached."""
    beyond = length >= threshold
    after = beyond.argmax(axis=1)
    some = np.arange(len(length))
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(length / threshold)
        low, high = logs[some, np.maximum(after - 1, 0)], logs[some, after]
        between = time[after] - np.diff(time, prepend=time[0])[after] * high / (high - low)
        later = time[-1] - logs[:, -1] / rate if rate > 0 else np.full(len(length), np.nan)
    found: Array = np.where(beyond.any(axis=1), np.where(after > 0, between, time[0]), later)
    return found


def find_escapes(
    run: Trajectory,
    target: Vectors,
    directions: tuple[Direction, ...],
    plateaus: tuple[Plateau, ...],
) -> tuple[Escape, ...]:
    """The laws of escape of a run with fluctuations, in order of their means, in the dimension of
    its simulation. A part has left at SHARE of its length at ``target``, the optimum."""
    if run.fluctuations is None:
        return ()
    found = []
    positions = target.weights[:, : len(directions[0].basis)]
    for part in parts_of(directions, target.count):
        length = float(np.linalg.norm(part.of(positions)))
        motion = motion_of(part, run.fluctuations)
        noisy = motion.variance[1] > NONE * np.trace(run.fluctuations.covariance[1])
        if noisy and length > SAME * np.linalg.norm(positions):
            dimension = run.problem.simulation.dimension
            escape = escape_of(part, motion, SHARE * length, dimension)
            if escape is not None and heard(escape):
                found.append(escape)
    known = sorted(found, key=lambda one: one.mean)
    return tuple(dataclasses.replace(one, plateau=plateau_of(one, plateaus)) for one in known)


def plateau_of(escape: Escape, plateaus: tuple[Plateau, ...]) -> int:
    """The number, from 1, of the plateau in which the mean time of an escape lies, or that begins
    last before; 0 if there is none."""
    return sum(plateau.start <= escape.mean for plateau in plateaus)
