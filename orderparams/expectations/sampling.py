"""The sampling engine: any activation, any moment, by quasi-Monte Carlo (theory 5a).

The expectations are sums over fixed nodes x_ℓ in R^(F+H), logits χ_hℓ = K_h·x_ℓ. The nodes are
scrambled Sobol' points turned into normals; each stands beside its mirror image −x, and where their
number allows all second moments are made exact, so that the growth around K = 0 is free of sampling
error. Two facts make the flow on these nodes behave like the exact one:

* P + 2Γm = E[Σ_ℓ g_hℓ x_fℓ] is the gradient of the sampled risk with respect to m, so that it
  cannot rise where the residual W vanishes;
* Γ = ½E[Σ_ℓ ∂²loss/∂χ_hℓ∂χ_h'ℓ] (Price's theorem) acts on W, so that W = 0 stays zero, and a
  residual cannot grow by adapting itself to the nodes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from orderparams import memory
from orderparams.attention import Activation
from orderparams.errors import ConfigurationError, SolverError
from orderparams.expectations import Moments
from orderparams.expectations.sampling_kernels import accumulate, orthonormalize
from orderparams.expectations.vectors import LANES
from orderparams.task import Task

Array = NDArray[np.float64]

BLOCKS = 16
"""Parts of the node set: what a thread works on, and the replicates of the error estimate."""

MATCHING_LIMIT = 2**32
"""Points × directions² up to which second moments are made exact (about a second)."""


class Sampling:
    """Moments by sampling; an :class:`~orderparams.expectations.Engine`.

    ``samples`` is rounded up to a power of two, 256 or more. The nodes take
    4·samples·L·(F+H) bytes, L the largest length (shorter sequences use the first tokens), and a
    little more than as much again while they are drawn. The result depends on the arguments alone,
    to the last bit, whatever the number of ``threads``.

    ``Moments.error`` is three standard errors of the worst entry of risk, P and Γ, from the spread
    of 16 blocks of the nodes, each a Sobol' net of its own; as the blocks complement each other,
    the actual errors are usually smaller.
    """

    name = "sampling"

    def __init__(
        self,
        task: Task,
        activation: Activation,
        heads: int,
        *,
        samples: int,
        seed: int,
        threads: int = 1,
    ) -> None:
        self.task = task
        self.activation = activation
        self.heads = heads
        self.samples = max(2 * BLOCKS * LANES, 1 << (samples - 1).bit_length())
        self._nodes = draw_nodes(task, heads, self.samples, seed)
        parts = np.array_split(np.arange(BLOCKS), min(threads, BLOCKS))
        self._parts = [slice(part[0], part[-1] + 1) for part in parts]
        self._map: Callable[[Callable[[slice], None], Iterable[slice]], Iterable[None]] = map
        if threads > 1:
            self._map = ThreadPoolExecutor(threads).map

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.expectations.Engine`."""
        if not all(np.isfinite(array).all() for array in (weights, bias, head_weights)):
            raise SolverError("the heads are not finite")
        scalar, joint = self.task.target == "scalar", self.activation.joint
        heads, features = self.heads, self.task.signal.features
        if weights.shape != (heads, features + heads):
            raise ValueError(f"weights must be (H, F+H), not {weights.shape}")
        label = self.task.noise**2 if scalar else -1.0
        longest, directions = self._nodes[0].shape[2:4]
        even = heads + heads % 2
        columns = [features + features % 2, even, even, 3]
        padding = even - heads
        sums = aligned((BLOCKS, even * sum(columns), LANES))
        sums[:] = 0.0
        mixing = np.ones(heads) if joint else head_weights

        def add(part: slice) -> None:
            nodes, centers, masses = (array[part] for array in self._nodes)
            accumulate(
                nodes,
                centers,
                masses,
                self.task.lengths,
                self.task.length_weights,
                np.vstack([weights, np.zeros((padding, directions))]),
                np.append(bias, np.zeros(padding)),
                np.append(mixing, np.zeros(padding)),
                heads,
                self.activation.kappa,
                joint,
                gradient_covariance,
                label,
                aligned(((3 * even + 2) * longest, LANES)),
                sums[part],
            )

        list(self._map(add, self._parts))
        blocks = sums.sum(axis=-1)
        blocks = np.vstack([blocks.mean(axis=0), blocks])
        ends = even * np.cumsum(columns)
        drift, gamma, covariance, rest = (
            blocks[:, end - even * count : end].reshape(-1, even, count)[:, :heads]
            for end, count in zip(ends, columns, strict=True)
        )
        gamma = symmetric(gamma[:, :, :heads])
        covariance = symmetric(covariance[:, :, :heads]) * (2.0 if scalar else 1.0)
        overlap = drift[:, :, :features] - 2 * gamma @ weights[:, :features]
        risk = rest[:, :1, 2:] + max(label, 0.0)
        sampled = [risk, overlap, gamma, covariance]
        deviations = np.hstack([part[1:].reshape(BLOCKS, -1) for part in sampled]).std(0, ddof=1)
        errors = 3.0 * deviations / np.sqrt(BLOCKS)
        return Moments(
            risk=float(risk[0, 0, 0]),
            overlap_gradient=overlap[0],
            self_overlap_gradient=gamma[0],
            bias_gradient=rest[0, :, 0],
            head_weight_gradient=rest[0, :, 1] * (0.0 if joint else 1.0),
            gradient_covariance=covariance[0] if gradient_covariance else None,
            error=float(errors[: -(heads**2)].max()),
            gradient_covariance_error=float(errors[-(heads**2) :].max()),
        )


def aligned(shape: tuple[int, ...]) -> Array:
    """An uninitialised array whose rows of ``LANES`` begin on cache lines, which saves a fifth."""
    size = math.prod(shape)
    buffer = np.empty(size + 8)
    start = -buffer.ctypes.data // buffer.itemsize % 8
    return buffer[start : start + size].reshape(shape)


def symmetric(lower: Array) -> Array:
    """Symmetric matrices (..., H, H) from their lower triangles."""
    rows, columns = np.indices(lower.shape[-2:])
    return lower[..., np.maximum(rows, columns), np.minimum(rows, columns)]


def draw_nodes(task: Task, heads: int, samples: int, seed: int) -> tuple[Array, Array, Array]:
    """Nodes (BLOCKS, groups, L, F+H, LANES), centers (BLOCKS, groups, F, LANES), and their masses.

    Of a node y with its center c, x_ℓ = ±y_ℓ + δ_ℓ0 (c, 0) are the tokens of two samples: the
    center is the mean of a component of P_θ, and F rounded up to an even number. masses (BLOCKS,
    groups, LANES) are those of each of the two; in a block they sum to 1/2.
    """
    signal, features, length = task.signal, task.signal.features, int(task.lengths.max())
    check_size(samples, length, features + heads, len(signal.weights))
    hidden = features if signal.covariances.any() else 0
    columns = hidden + length * (features + heads)
    points = samples // 2
    normals, masses = np.empty((columns, points)), np.empty(points)
    component = np.empty(points, dtype=np.int64)
    draw = uniforms(1 + columns, seed)
    for block in np.split(np.arange(points), BLOCKS):
        drawn = draw(len(block))
        component[block], masses[block] = allot(signal.weights, drawn[:, 0])
        normals[:, block] = ndtri(drawn[:, 1:]).T
    if points * columns**2 <= MATCHING_LIMIT and 4 * columns <= points:
        roots = np.sqrt(masses * (points / BLOCKS))
        normals *= roots
        orthonormalize(normals)
        normals /= roots

    def grouped(rows: Array) -> Array:
        """Of rows (…, points): (BLOCKS, groups, …, LANES)."""
        shape = (*rows.shape[:-1], BLOCKS, -1, LANES)
        return np.moveaxis(rows.reshape(shape), (-3, -2), (0, 1))

    random_part, noise, residual = np.split(normals, [hidden, hidden + length * features])
    nodes = aligned((BLOCKS, points // BLOCKS // LANES, length, features + heads, LANES))
    nodes[..., :features, :] = grouped(noise.reshape(length, features, points))
    nodes[..., features:, :] = grouped(residual.reshape(length, heads, points))
    if hidden:
        for c, root in enumerate(square_roots(signal.covariances)):
            part = component == c
            random_part[:, part] = np.einsum("fg,gn->fn", root, random_part[:, part])
        nodes[:, :, 0, :features] += grouped(random_part)
    centers = np.zeros((*nodes.shape[:2], features + features % 2, LANES))
    centers[:, :, :features] = grouped(signal.means[component].T)
    return nodes, centers, np.ascontiguousarray(grouped(0.5 * masses))


def check_size(samples: int, length: int, directions: int, components: int) -> None:
    """Refuses a node set that would not fit, or that has too few samples for P_θ."""
    memory.require(
        9 * samples * ((length + 1) * directions + 8),
        f"{samples} samples of {length} tokens in F + H = {directions} directions",
        "lower expectation.samples or task.length, or use engine = 'quadrature', whose cost does "
        "not depend on the length",
    )
    if components > samples // (2 * BLOCKS):
        raise ConfigurationError(
            f"{samples} samples are too few for the {components} components of task.signal: "
            f"expectation.samples must be at least {2 * BLOCKS * components}"
        )


def uniforms(dimension: int, seed: int) -> Callable[[int], Array]:
    """Draws n uniforms (n, dimension) in the open unit cube: the next stretch of a Sobol' sequence.

    Coordinates beyond the 21201 that are tabulated are independent.
    """
    from scipy.stats import qmc  # slow to import, and not needed where quadrature serves

    generator = np.random.default_rng(seed)
    net = qmc.Sobol(min(dimension, qmc.Sobol.MAXDIM), rng=generator)
    step = 2.0**-net.bits

    def draw(count: int) -> Array:
        rest = generator.random((count, dimension - net.d))
        drawn: Array = np.hstack([net.random(count), rest]) * (1 - step) + 0.5 * step
        return drawn

    return draw


def allot(weights: Array, uniform: Array) -> tuple[NDArray[np.int64], Array]:
    """Component (n,) and mass (n,) of samples with these uniforms: every component has its weight.

    Each component is given a stretch of the unit interval with at least one sample; its weight is
    shared by the samples there.
    """
    count = len(uniform)
    spare = weights * (count - len(weights))
    counts = 1 + np.floor(spare).astype(np.int64)
    counts[np.argsort(np.floor(spare) - spare, kind="stable")[: count - counts.sum()]] += 1
    component = np.empty(count, dtype=np.int64)
    component[np.argsort(uniform, kind="stable")] = np.repeat(np.arange(len(weights)), counts)
    return component, (weights / counts)[component]


def square_roots(covariances: Array) -> Array:
    """Symmetric square roots of positive semidefinite matrices (C, F, F)."""
    eigenvalues, axes = np.linalg.eigh(covariances)
    roots = np.sqrt(np.maximum(eigenvalues, 0.0))
    root: Array = np.einsum("cfk,ck,cgk->cfg", axes, roots, axes)
    return root
