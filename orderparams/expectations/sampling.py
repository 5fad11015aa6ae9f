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

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

from orderparams.attention import Activation
from orderparams.errors import ConfigurationError, SolverError
from orderparams.expectations import Moments
from orderparams.expectations.sampling_kernels import LANES, accumulate, orthonormalize
from orderparams.task import Signal, Task

Array = NDArray[np.float64]

BLOCKS = 16
"""Parts of the node set: what a thread works on, and the replicates of the error estimate."""

MEMORY_LIMIT = 8 * 2**30
"""Bytes of nodes beyond which an engine is refused."""

MATCHING_LIMIT = 2**32
"""Points × directions² up to which second moments are made exact (about a second)."""


class Sampling:
    """Moments by sampling; an :class:`~orderparams.expectations.Engine`.

    ``samples`` is rounded up to a power of two, 1024 or more. The nodes take
    8·samples·L·(F+H) bytes, L the largest length (shorter sequences use the first tokens), and half
    as much again while they are drawn. The result depends on the arguments alone, to the last bit,
    whatever the number of ``threads``.

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
        self._map: Callable[[Callable[[int], Array], Iterable[int]], Iterable[Array]] = map
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
        mixing = np.ones(heads) if joint else head_weights
        label = self.task.noise**2 if scalar else -1.0

        def block_sums(block: int) -> Array:
            total = np.zeros((heads, features + 2 * heads + 3))
            law = zip(self.task.lengths, self.task.length_weights, strict=True)
            for length, probability in law:
                sums = np.zeros_like(total)
                accumulate(
                    self._nodes[block],
                    self._masses[block],
                    int(length),
                    weights,
                    bias,
                    mixing,
                    self.activation.kappa,
                    joint,
                    gradient_covariance,
                    label,
                    sums,
                )
                total += probability * sums
            return total

        blocks = np.stack(list(self._map(block_sums, range(BLOCKS))))
        blocks = np.concatenate([blocks.mean(axis=0)[None], blocks])
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


def symmetric(lower: Array) -> Array:
    """Symmetric matrices (..., H, H) from their lower triangles."""
    return np.tril(lower) + np.swapaxes(np.tril(lower, -1), -1, -2)


def standard_error(replicates: Array) -> float:
    """The largest standard error of the mean over the first axis."""
    return float(replicates.std(axis=0, ddof=1).max() / np.sqrt(len(replicates)))


def draw_nodes(task: Task, heads: int, samples: int, seed: int) -> tuple[Array, Array]:
    """Nodes (BLOCKS, batches, L, F+H, LANES) and masses (BLOCKS, batches, LANES).

    The nodes are the projections of the tokens, the signal θ added at token 0; the masses of every
    block sum to one. In the second half of a batch stand the mirror images of the first.
    """
    signal, features, length = task.signal, task.signal.features, int(task.lengths.max())
    directions = features + heads
    check_size(samples, length, directions, len(signal.weights))
    points, half = samples // 2, LANES // 2
    random_signal = bool(signal.covariances.any())
    hidden = features if random_signal else 0
    rows = hidden + length * directions
    normals = np.empty((rows, points))
    component = np.empty(points, dtype=np.int64)
    masses = np.empty(points)
    uniforms = sobol_points(1 + rows, points, seed)
    for block in np.split(np.arange(points), BLOCKS):
        drawn = next(uniforms)
        component[block], masses[block] = allot(signal.weights, drawn[:, 0])
        normals[:, block] = ndtri(drawn[:, 1:]).T
    if points * rows**2 <= MATCHING_LIMIT and 4 * rows <= points:
        roots = np.sqrt(masses)
        normals *= roots
        orthonormalize(normals)
        normals *= np.sqrt(BLOCKS) / (np.sqrt(points) * roots)

    theta = np.zeros((2, features, points))
    theta[:] = signal.means[component].T
    if random_signal:
        deviation = np.einsum("nfg,gn->fn", signal_roots(signal)[component], normals[:features])
        theta += np.stack([deviation, -deviation])
    ...
