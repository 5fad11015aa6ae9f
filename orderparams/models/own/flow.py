"""The flow of a model of one's own, its expectations sampled (quasi-Monte Carlo).

With reduced weights K = [m W] and tokens x ~ N(0, I) + shift the mean gradient is
𝒥 = E[Σ_ℓ g_ℓ x_ℓᵀ] (n, d+n), and

    dK/dt = −𝒥 − λK,    dS/dt = −(𝒥_W Wᵀ + W 𝒥_Wᵀ) − 2λS + (γ/B) V,    V = E[Σ_ℓ g_ℓ g_ℓᵀ],

𝒥_W its last n columns and S = W Wᵀ: first derivatives of the loss are all that is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from orderparams import memory
from orderparams.errors import SolverError
from orderparams.expectations.sampling.nodes import (
    BLOCKS,
    MATCHING_LIMIT,
    orthonormalize,
    uniforms,
)
from orderparams.models.interface import Evaluation
from orderparams.models.own.building import Sums
from orderparams.models.schedule import schedule_of
from orderparams.models.vectors.flow import Gradient, Rule, VectorFlow
from orderparams.models.vectors.geometry import Vectors, draw_vectors, residual_factor
from orderparams.models.vectors.repulsion import repulsion_of
from orderparams.models.vectors.sphere import tangential
from orderparams.ordered import ordered
from orderparams.processors import threads

Array = NDArray[np.float64]

ENGINE = "sampling"

SINGULAR = 1e-6
"""Singular values of W, in units of the largest entry of K, below which Γ is not known."""


@dataclass(frozen=True, eq=False)
class Drift(Gradient):
    """``overlap`` holds 𝒥_m = P + 2Γm and ``self_overlap`` nothing; ``residual`` 𝒥_W = 2ΓW."""

    residual: Array | None = None


class Sampling:
    """Risk, mean gradient and V of a model, on nodes that are drawn once.

    The nodes take 4·samples·(R + L(d+n)) bytes.
    """

    def __init__(self, kernels: Any, model: Any, vectors: int, samples: int, seed: int) -> None:
        self.kernels, self.model = kernels, model
        columns = model.random + model.sizes.longest * (model.sizes.directions + vectors)
        points = max(16 * BLOCKS, 1 << (samples - 1).bit_length()) // 2
        memory.require(
            3 * 8 * points * (columns + 8),
            f"{2 * points} samples of {columns} random numbers",
            "lower expectation.samples, task.tokens or task.vectors",
        )
        normals = np.ascontiguousarray(ndtri(uniforms(columns, seed)(points)).T)
        if points * columns**2 <= MATCHING_LIMIT and 4 * columns <= points:
            orthonormalize(normals)
        self.nodes = np.ascontiguousarray(normals.T.reshape(BLOCKS, -1, columns))

    def __call__(self, vectors: Vectors, covariance: bool) -> Drift:
        """Risk and mean gradient; V as well if asked for."""
        return self.drift(vectors, covariance=covariance)

    def risk(self, vectors: Vectors) -> tuple[float, float]:
        """The risk alone, and its error."""
        sums = self.sums(vectors.weights, False, False)
        return float(sums.risk.mean()), worst_error(sums.risk)

    def drift(self, vectors: Vectors, *, covariance: bool) -> Drift:
        """See :class:`Drift`."""
        sums = self.sums(vectors.weights, True, covariance)
        directions = self.model.sizes.directions
        drift, noise = sums.drift.mean(axis=0), None
        tail = 3.0 * np.sqrt(2.0) * float(sums.largest.max(initial=0.0)) / BLOCKS
        if covariance:
            noise = sums.covariance.mean(axis=0)
        return Drift(
            float(sums.risk.mean()),
            drift[:, :directions],
            np.empty((0, 0)),
            {},
            noise,
            worst_error(sums.risk, sums.drift),
            max(worst_error(sums.covariance), tail),
            ENGINE,
            drift[:, directions:],
        )

    def sums(self, weights: Array, gradient: bool, covariance: bool) -> Any:
        """What blocks have as means."""
        if not np.isfinite(weights).all():
            raise SolverError("the vectors are not finite")
        count, frame = weights.shape
        sums = Sums(
            np.zeros(BLOCKS),
            np.zeros((BLOCKS, count, frame)),
            np.zeros((BLOCKS, count, count)),
            np.zeros((BLOCKS, count)),
        )
        weights = np.ascontiguousarray(weights)

        def add(block: int) -> None:
            own = slice(block, block + 1)
            part = Sums(*(values[own] for values in sums))
            self.kernels.add_samples(
                self.model, self.nodes[own], weights, gradient, covariance, part
            )

        for _ in ordered(add, range(BLOCKS), threads()):
            pass
        return sums


def worst_error(*parts: Array) -> float:
    """Three standard errors of the worst mean of blocks (B, …)."""
    blocks = np.hstack([part.reshape(BLOCKS, -1) for part in parts])
    return float((3.0 * blocks.std(axis=0, ddof=1) / np.sqrt(BLOCKS)).max(initial=0.0))


class OwnFlow(VectorFlow):
    """As above. Vectors that start equal are not taken as one: they may play different parts."""

    engine_name = ENGINE
    long_work = True

    def __init__(self, problem: Any, sampling: Sampling) -> None:
        training = problem.training
        rule = Rule(
            training.rule == "sgd",
            training.effective_rate / training.batch_size,
            training.weight_decay,
            {},
            schedule_of(problem),
            repulsion_of(problem),
            training.constraint == "sphere",
        )
        self.sampling = sampling
        super().__init__(start_of(problem), sampling, rule)

    @property
    def costly(self) -> bool:
        """See :class:`VectorFlow`: expectations are sampled."""
        return True

    def grouped(self, start: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each is one."""
        every = np.arange(start.count)
        return every, every

    def risk_of(self, vectors: Vectors) -> float:
        """The risk of some vectors."""
        risk, error = self.sampling.risk(vectors)
        self.note(risk, error, ENGINE)
        return risk

    def rates(
        self, vectors: Vectors, residual: Array, gradient: Gradient, t: float = 0.0
    ) -> tuple[Array, Array, dict[str, Array]]:
        """Time derivatives of the overlap and of the residual as integrated."""
        assert isinstance(gradient, Drift)
        assert gradient.residual is not None
        rule, none = self.rule, np.zeros_like(gradient.residual)
        own = rule.pull(vectors, Gradient(0.0, none, none, {}))  # of a repulsion
        overlap = -gradient.overlap - 2 * own @ vectors.overlap
        overlap -= rule.weight_decay * vectors.overlap
        drift = -gradient.residual - 2 * own @ vectors.residual
        drift -= rule.weight_decay * vectors.residual
        if rule.stochastic:
            assert gradient.covariance is not None
            half = drift @ vectors.residual.T
            drift = half + half.T + rule.temperature_at(t) * gradient.covariance
        if rule.sphere:
            overlap, drift = tangential(
                vectors.overlap, residual, overlap, drift, stochastic=rule.stochastic
            )
        return overlap, drift, {}

    def evaluate(self, y: Array) -> Evaluation:
        """Risk, gradient and velocity; NaN for the gradient in self-overlaps, and so in overlaps,
        where vectors without an own part each outside the hidden directions do not tell it."""
        stochastic, state = self.rule.stochastic, self.state(y)
        vectors = self.vectors(y)
        found = self.sampling.drift(vectors, covariance=stochastic)
        velocity = self.velocity(y, found)
        gamma = pull_of(vectors, found)
        return Evaluation(
            state=state,
            risk=found.risk,
            gradient={
                "overlap": found.overlap - 2 * gamma @ vectors.overlap,
                "self_overlap": gamma,
            },
            velocity={name: velocity[name] for name in state},
            noise=found.covariance,
            error=found.error,
            noise_error=found.covariance_error if stochastic else None,
            engine=ENGINE,
        )


def pull_of(vectors: Vectors, drift: Drift) -> Array:
    """Γ (n, n) of 𝒥_W = 2ΓW; NaN where W is singular."""
    assert drift.residual is not None
    sizes = np.linalg.svd(vectors.residual, compute_uv=False)
    if sizes[-1] <= SINGULAR * np.abs(vectors.weights).max():
        return np.full_like(vectors.residual, np.nan)
    gamma = 0.5 * np.linalg.solve(vectors.residual.T, drift.residual.T).T
    return 0.5 * (gamma + gamma.T)


def start_of(problem: Any) -> Vectors:
    """Where the vectors start."""
    initial, task = problem.initial, problem.task
    if initial.kind == "random":
        size = task.vectors, task.hidden
        return Vectors(*draw_vectors(initial.seed, initial.variance, initial.dimension, *size))
    overlap, residual = np.array(initial.overlap), np.zeros((task.vectors, task.vectors))
    if initial.self_overlap is not None:
        residual = residual_factor(np.array(initial.self_overlap) - overlap @ overlap.T)
    return Vectors(overlap, residual)
