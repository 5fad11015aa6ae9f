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
from orderparams.expectations.sampling_kernels import LANES, accumulate, orthonormalize
from orderparams.task import Task

Array = NDArray[np.float64]

BLOCKS = 16
"""Parts of the node set: what a thread works on, and the replicates of the error estimate."""

MATCHING_LIMIT = 2**32
"""Points × directions² up to which second moments are made exact (about a second)."""


class Sampling:
    """Moments by sampling; an :class:`~orderparams.expectations.Engine`.

    ``samples`` is rounded up to a power of two, 2048 or more. The nodes take
    8·samples·L·(F+H) bytes, L the largest length (shorter sequences use the first tokens), and a
    little more than as much again while they are drawn. The result depends on the arguments alone,
    to the last bit, whatever the number of ``threads``.

    ``Moments.error`` is the largest standard error of an entry of risk, P and Γ, from the spread of
    16 blocks of the nodes, each a Sobol' net of its own; as the blocks complement each other, the
    actual errors are usually smaller.
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
        self.samples = max(BLOCKS * LANES, 1 << (samples - 1).bit_length())
        self._nodes, self._masses = draw_nodes(task, heads, self.samples, seed)
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
        mixing = np.ones(heads) if joint else head_weights
        label = self.task.noise**2 if scalar else -1.0
        blocks = np.zeros((BLOCKS, heads, features + 2 * heads + 3))
        longest = self._nodes.shape[2]

        def add(part: slice) -> None:
            accumulate(
                self._nodes[part],
                self._masses[part],
                self.task.lengths,
                self.task.length_weights,
                weights,
                bias,
                mixing,
                self.activation.kappa,
                joint,
                gradient_covariance,
                label,
                aligned(((heads + 1) * longest + 3 * heads + 6, LANES)),
                blocks[part],
            )

        list(self._map(add, self._parts))
        blocks = np.concatenate([blocks.mean(axis=0, keepdims=True), blocks])
        columns = np.cumsum([features, heads, heads, 1, 1])
        drift, gamma, covariance, slope, mixing_slope, risk = np.split(blocks, columns, axis=2)
        gamma = symmetric(gamma)
        covariance = symmetric(covariance) * (2.0 if scalar else 1.0)
        overlap = drift - 2 * gamma @ weights[:, :features]
        risk = risk[:, 0, 0] + max(label, 0.0)
        return Moments(
            risk=float(risk[0]),
            overlap_gradient=overlap[0],
            self_overlap_gradient=gamma[0],
            bias_gradient=slope[0, :, 0],
            head_weight_gradient=mixing_slope[0, :, 0] * (0.0 if joint else 1.0),
            gradient_covariance=covariance[0] if gradient_covariance else None,
            error=max(standard_error(part[1:]) for part in (risk, overlap, gamma)),
            gradient_covariance_error=standard_error(covariance[1:]),
        )


def aligned(shape: tuple[int, ...]) -> Array:
    """An uninitialised array whose rows of ``LANES`` begin on cache lines, which saves a fifth."""
    size = math.prod(shape)
    buffer = np.empty(size + 8)
    start = -buffer.ctypes.data // buffer.itemsize % 8
    return buffer[start : start + size].reshape(shape)


def symmetric(lower: Array) -> Array:
    """Symmetric matrices (..., H, H) from their lower triangles."""
    return np.tril(lower) + np.swapaxes(np.tril(lower, -1), -1, -2)


def standard_error(replicates: Array) -> float:
    """The largest standard error of the mean over the first axis."""
    return float(replicates.std(axis=0, ddof=1).max() / np.sqrt(len(replicates)))


def draw_nodes(task: Task, heads: int, samples: int, seed: int) -> tuple[Array, Array]:
    """Nodes (BLOCKS, batches, L, F+H, LANES) and their masses (BLOCKS, batches, LANES).

    Nodes are the projections x of the tokens, with the signal θ added at token 0; the second half
    of a batch mirrors the first. The masses of a block sum to one.
    """
    signal, features, length = task.signal, task.signal.features, int(task.lengths.max())
    check_size(samples, length, features + heads, len(signal.weights))
    hidden = features if signal.covariances.any() else 0
    columns = hidden + length * (features + heads)
    points, half = samples // 2, LANES // 2
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

    def batches(rows: Array) -> Array:
        """(…, points) → (BLOCKS, batches, …, half of the lanes)."""
        shape = (*rows.shape[:-1], BLOCKS, -1, half)
        return np.moveaxis(rows.reshape(shape), (-3, -2), (0, 1))

    random_part, noise, residual = np.split(normals, [hidden, hidden + length * features])
    nodes = aligned((BLOCKS, points // BLOCKS // half, length, features + heads, LANES))
    nodes[..., :features, :half] = batches(noise.reshape(length, features, points))
    nodes[..., features:, :half] = batches(residual.reshape(length, heads, points))
    nodes[..., half:] = -nodes[..., :half]
    center = signal.means[component].T
    deviation = np.zeros_like(center)
    if hidden:
        deviation = np.einsum(
            "nfg,gn->fn", square_roots(signal.covariances)[component], random_part
        )
    nodes[:, :, 0, :features, :half] += batches(center + deviation)
    nodes[:, :, 0, :features, half:] += batches(center - deviation)
    return nodes, np.tile(0.5 * batches(masses), 2)


def check_size(samples: int, length: int, directions: int, components: int) -> None:
    """Refuses a node set that would not fit, or that has too few samples for P_θ."""
    memory.require(
        18 * samples * length * directions,
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
