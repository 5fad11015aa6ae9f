"""Minima of the risk over ω and μ, and the curvature at a state.

A point x holds √d ω and μ of all heads, in which the matrix metric is steepest descent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.in_context.flow import Flow
from orderparams.models.in_context.groups import Group
from orderparams.models.in_context.sections import Problem
from orderparams.models.interface import State

Array = NDArray[np.float64]

STEP = 1e-3
"""Of central differences of the gradient."""

FLAT = 1e-4
"""Curvatures below, in parts of the largest, are those of valleys."""

MOST_OUTPUT = 5.0
"""Largest |μ|/√d in a search: several heads gain a little without end as μ grows and ω falls."""

MOST_KEY_QUERY = 1.25
"""Largest |√d ω| of a head in a search; a single head is at 1 where N and d are large."""

SEARCHES = 4
"""Random starts of an optimum that is searched for by itself."""

ITERATIONS = 200

SEARCHED = 1e-5
"""Tolerance of searches by quadrature; the risk at their ends has that of the problem."""

CAREFUL = 0.02
"""Length of the first step of a descent, which shall not leave the valley where it begins."""

SPREAD = (0.3, 1.0)
"""Standard deviations of √d ω and of μ where searches begin."""


class Landscape:
    """E(x) of a flow's law of prompts; x (H, B+J) as a vector."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.noise = flow.tolerance if flow.engine == "quadrature" else 0.0
        self.blocks = len(flow.prompts.blocks)
        self.shape = (len(flow.start[0]), self.blocks + len(flow.prompts.strengths))
        ones = np.ones(self.shape[1] - self.blocks)
        self.scale = np.concatenate([flow.prompts.blocks**0.5, ones])
        self.bounds = np.full(self.shape, MOST_KEY_QUERY / self.blocks**0.5)
        self.bounds[:, self.blocks :] = MOST_OUTPUT * float(flow.prompts.blocks.max()) ** 0.5

    def point(self, key_query: Array, output: Array) -> Array:
        """x at ω and μ."""
        x: Array = (np.concatenate([key_query, output], axis=1) * self.scale).ravel()
        return x

    def state(self, x: Array) -> tuple[Array, Array]:
        """ω and μ at x."""
        heads = x.reshape(self.shape) / self.scale
        return heads[:, : self.blocks], heads[:, self.blocks :]

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """E and ∇E; :class:`SolverError` where they cannot be had."""
        found = self.flow.at(*self.state(x))
        slopes = np.concatenate([found.key_query, found.output], axis=1) / self.scale
        return float(found.risk.sum()), slopes.ravel()

    def hessian(self, x: Array) -> Array:
        """∇²E by central differences, its symmetric part."""
        rows = [
            self.value_and_gradient(x + step)[1] - self.value_and_gradient(x - step)[1]
            for step in STEP * np.eye(x.size)
        ]
        half = np.array(rows) / (4 * STEP)
        return np.asarray(half + half.T)

    def below(self, x: Array) -> tuple[float, Array]:
        """The minimum to which a descent from x leads, outputs bounded, and its risk."""
        from scipy.optimize import Bounds, minimize  # slow to import

        start, slope = self.value_and_gradient(x)
        high = start + abs(start) + float(np.linalg.norm(slope))

        def guarded(z: Array) -> tuple[float, Array]:
            try:
                value, gradient = self.value_and_gradient(CAREFUL * z)
            except SolverError:  # the line search turns back
                return high, np.zeros_like(z)
            return value, CAREFUL * gradient

        most = np.maximum(self.bounds.ravel(), np.abs(x)) / CAREFUL
        found = minimize(
            guarded,
            x / CAREFUL,
            jac=True,
            method="L-BFGS-B",
            bounds=Bounds(-most, most),
            options={
                "maxiter": ITERATIONS,
                "ftol": max(1e-13, 1e-3 * self.noise),
                "gtol": max(1e-9, self.noise),
                "maxcor": 20,
            },
        )
        return float(found.fun), np.asarray(CAREFUL * found.x)

    def starts(self, seed: int, count: int) -> list[Array]:
        """Random points whose outputs sum to zero over heads, where there are several."""
        drawn = np.random.default_rng(seed)
        spreads = np.full(self.shape, SPREAD[1])
        spreads[:, : self.blocks] = SPREAD[0]
        found = []
        for _ in range(count):
            x = spreads * drawn.standard_normal(self.shape)
            if self.shape[0] > 1:
                x[:, self.blocks :] -= x[:, self.blocks :].mean(axis=0)
            found.append(x.ravel())
        return found


@dataclass(frozen=True, eq=False)
class Curved:
    """Modes of the Hessian, curvatures ascending (n,), and of each: the part in which heads of one
    group move against each other, the part in ω, and the change of the gains by a unit step."""

    curvature: Array
    split: Array
    key_query: Array
    gain: Array

    @property
    def flat(self) -> NDArray[np.bool_]:
        """Which belong to valleys."""
        flat: NDArray[np.bool_] = np.abs(self.curvature) <= FLAT * np.abs(self.curvature).max()
        return flat

    @property
    def falling(self) -> NDArray[np.bool_]:
        """Which lead down."""
        falling: NDArray[np.bool_] = (self.curvature < 0) & ~self.flat
        return falling

    def words(self, i: int) -> str:
        """What a mode does."""
        if self.split[i] > 0.9:
            return "split of like heads"
        if self.gain[i] < 0.1 * self.gain.max():
            return "other strengths, equal gains"
        return "other gains"


def curved(landscape: Landscape, x: Array, groups: tuple[Group, ...]) -> Curved:
    """The modes at x."""
    curvatures, vectors = np.linalg.eigh(landscape.hessian(x))
    modes = vectors.T.reshape(-1, *landscape.shape)
    heads, blocks = x.reshape(landscape.shape), landscape.blocks
    split = np.zeros(len(modes))
    for group in groups:
        own = modes[:, list(group.heads)]
        split += ((own - own.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2))
    by_output = np.einsum("mhj,hb->mjb", modes[:, :, blocks:], heads[:, :blocks])
    by_key_query = np.einsum("hj,mhb->mjb", heads[:, blocks:], modes[:, :, :blocks])
    change = np.linalg.norm((by_output + by_key_query).reshape(len(modes), -1), axis=1)
    part = (modes[:, :, :blocks] ** 2).sum(axis=(1, 2))
    return Curved(curvatures, split, part, change)


Told = Callable[[float, str], None]
"""Called with the part of the work that is done, and what."""


def searched(landscape: Landscape, starts: list[Array], told: Told) -> list[tuple[float, Array]]:
    """The minima below some starts, the lowest first; starts out of range are left out."""
    found = []
    for number, start in enumerate(starts):
        try:
            found.append(landscape.below(start))
        except SolverError:
            continue
        finally:
            told((number + 1) / len(starts), f"{number + 1} of {len(starts)}")
    return sorted(found, key=lambda one: one[0])


def coarse(problem: Problem) -> Problem:
    """The same with the tolerance of a search, where what it misses matters in second order."""
    expectation = problem.expectation
    tolerance = max(expectation.tolerance, SEARCHED)
    return replace(problem, expectation=replace(expectation, tolerance=tolerance))


def least(problem: Problem, start: State | None) -> tuple[float, State, float]:
    """The lowest risk that searches find, the heads there, and the largest slope along √d ω and μ
    that is left there within the bounds of the search; ``start`` competes with random starts.

    :class:`SolverError` where all of them are out of range.
    """
    landscape = Landscape(Flow(problem, beyond=False))
    starts = landscape.starts(0, SEARCHES)
    if start is not None and start["key_query"].shape == landscape.flow.start[0].shape:
        starts.insert(0, landscape.point(start["key_query"], start["output"]))
    found = searched(landscape, starts, lambda done, what: None)
    if not found:
        raise SolverError("no start of the search for an optimum is in range")
    risk, x = found[0]
    key_query, output = landscape.state(x)
    slope = landscape.value_and_gradient(x)[1][np.abs(x) < 0.999 * landscape.bounds.ravel()]
    state = {"key_query": key_query, "output": output}
    return risk, state, float(np.abs(slope).max(initial=0.0))
