"""The sampling engine: any activation, any moment, by quasi-Monte Carlo (theory 5a).

The expectations are sums over fixed nodes x_ℓ in R^(F+H), logits χ_hℓ = K_h·x_ℓ. The nodes are
scrambled Sobol' points turned into normals; each stands beside its mirror image −x, and where their
number allows all second moments are made exact, so that the growth around K = 0 is free of sampling
error. Two facts make the flow on these nodes behave like the exact one:

* P + 2Γm = E[Σ_ℓ g_hℓ x_fℓ] is the gradient of the sampled risk with respect to m, so that it
  cannot rise where the residual W vanishes;
* Γ = ½E[Σ_ℓ σ_ℓ² ∂²loss/∂χ_hℓ∂χ_h'ℓ] (Price's theorem) acts on W, so that W = 0 stays zero, and a
  residual cannot grow by adapting itself to the nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from orderparams import memory
from orderparams.errors import ConfigurationError, SolverError
from orderparams.expectations.lanes import LANES
from orderparams.expectations.sampling.kernels import (
    NodeSet,
    PaddedHeads,
    Sums,
    Wanted,
    accumulate,
)
from orderparams.expectations.sampling.nodes import BLOCKS, aligned, draw_nodes
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.task import Task

Array = NDArray[np.float64]


class Sampling:
    """Moments by sampling; an :class:`~orderparams.models.single_location.engines.Engine`.

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
        length = int(task.lengths.max())
        check_size(self.samples, length, heads, task)
        self._nodes = draw_nodes(task.signal, length, heads, self.samples, seed, task.signal_noise)
        parts = np.array_split(np.arange(BLOCKS), min(threads, BLOCKS))
        self._parts = [slice(part[0], part[-1] + 1) for part in parts]
        self._map: Callable[[Callable[[slice], None], Iterable[slice]], Iterable[None]] = map
        if threads > 1:
            self._map = ThreadPoolExecutor(threads).map

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`."""
        joint, features = self.activation.joint, self.task.signal.features
        sums = self._sums(weights, bias, head_weights, True, gradient_covariance)
        gamma = symmetric(sums.gamma[:, :, : self.heads])
        covariance, covariance_error = None, 0.0
        if gradient_covariance:
            blocks = symmetric(sums.covariance[:, :, : self.heads])
            blocks = blocks * (2.0 if self.task.target == "scalar" else 1.0)
            covariance, covariance_error = blocks[0], worst_error(blocks)
        overlap = sums.drift[:, :, :features] - 2 * gamma @ weights[:, :features]
        risk = sums.rest[:, :1, 2:] + self.task.label_noise
        return Moments(
            risk=float(risk[0, 0, 0]),
            overlap_gradient=overlap[0],
            self_overlap_gradient=gamma[0],
            bias_gradient=sums.rest[0, :, 0],
            head_weight_gradient=sums.rest[0, :, 1] * (0.0 if joint else 1.0),
            gradient_covariance=covariance,
            error=worst_error(risk, overlap, gamma),
            engine=self.name,
            gradient_covariance_error=covariance_error,
        )

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """See :class:`~orderparams.models.single_location.engines.Engine`."""
        sums = self._sums(weights, bias, head_weights, False, False)
        risk = sums.rest[:, :1, 2:] + self.task.label_noise
        return Risk(float(risk[0, 0, 0]), worst_error(risk), self.name)

    def _sums(
        self, weights: Array, bias: Array, head_weights: Array, gradient: bool, covariance: bool
    ) -> Sums:
        """What :func:`accumulate` adds up: the mean over blocks, then each block, (1+BLOCKS, …)."""
        if not all(np.isfinite(array).all() for array in (weights, bias, head_weights)):
            raise SolverError("the heads are not finite")
        scalar, joint = self.task.target == "scalar", self.activation.joint
        heads, features = self.heads, self.task.signal.features
        if weights.shape != (heads, features + heads):
            raise ValueError(f"weights must be (H, F+H), not {weights.shape}")
        longest, directions = self._nodes.tokens.shape[2:4]
        even = heads + heads % 2
        columns = [features + features % 2, even, even, 3]
        padding = even - heads
        sums = aligned((BLOCKS, even * sum(columns), LANES))
        sums[:] = 0.0
        padded = PaddedHeads(
            np.vstack([weights, np.zeros((padding, directions))]),
            np.append(bias, np.zeros(padding)),
            np.append(np.ones(heads) if joint else head_weights, np.zeros(padding)),
            heads,
        )
        label = self.task.noise**2 if scalar else -1.0
        own = self.task.signal_variance
        wanted = Wanted(self.activation.kappa, joint, gradient, covariance, label, own)

        lengths, shares = self.task.lengths, self.task.length_weights

        def add(part: slice) -> None:
            nodes = NodeSet(*(array[part] for array in self._nodes))
            space = aligned(((3 * even + 2) * longest, LANES))
            accumulate(nodes, lengths, shares, padded, wanted, space, sums[part])

        list(self._map(add, self._parts))
        blocks = sums.sum(axis=-1)
        blocks = np.vstack([blocks.mean(axis=0), blocks])
        ends = even * np.cumsum(columns)
        return Sums(
            *(
                blocks[:, end - even * count : end].reshape(-1, even, count)[:, :heads]
                for end, count in zip(ends, columns, strict=True)
            )
        )


def worst_error(*parts: Array) -> float:
    """Three standard errors of the worst mean of the blocks that stand behind it, (1+BLOCKS, …)."""
    blocks = np.hstack([part[1:].reshape(BLOCKS, -1) for part in parts])
    return float((3.0 * blocks.std(axis=0, ddof=1) / np.sqrt(BLOCKS)).max())


def symmetric(lower: Array) -> Array:
    """Symmetric matrices (..., H, H) from their lower triangles."""
    rows, columns = np.indices(lower.shape[-2:])
    return lower[..., np.maximum(rows, columns), np.minimum(rows, columns)]


def check_size(samples: int, length: int, heads: int, task: Task) -> None:
    """Refuses a node set that would not fit, or that has too few samples for P_θ."""
    directions, components = task.signal.features + heads, len(task.signal.weights)
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
