"""V of element-wise activations with values: of one token's logits, where few samples tell all.

What a token adds to the error is q = Σ_h a_h ω_h (less z on the signal token), with a = d + wφ(χ).
Given its logits the fields ω and z are Gaussian, and so are q and the slopes w φ′ ω and a, whose
moments (:class:`~orderparams.models.single_location.values.linear_noise.Quadratic`) are taken by
Wick's theorem. The logits are sampled. A slope φ′ may be narrow, so that hardly a logit meets it
where keys are large: a curve with ``tilted`` has it as part of the law they are drawn from.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from orderparams.errors import SolverError
from orderparams.expectations.curves import tabulate
from orderparams.expectations.sampling.nodes import BLOCKS, orthonormalize, uniforms
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.engines.sampling import worst_error
from orderparams.models.single_location.task import Task
from orderparams.models.single_location.values.fields import fields_of
from orderparams.models.single_location.values.linear_noise import (
    Quadratic,
    noise_of_tokens,
    risk_of_tokens,
)

Array = NDArray[np.float64]

FAINT = 1e-14
"""Share of the variance of logits below which a direction of theirs is none."""


class Given(NamedTuple):
    """Given the logits of N samples: mean and variance of q (N,); of the slopes less φ′ their mean
    and covariance with q (2H, N), and their covariance (2H, 2H)."""

    mean: Array
    variance: Array
    slopes: Array
    shared: Array
    spread: Array

    def products(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> Array:
        """E[g gᵀ], E[q g gᵀ] and E[q² g gᵀ] of these rows and columns, (3, I, J, N)."""
        left, right = self.slopes[i, None], self.slopes[j]
        first, second = self.shared[i, None], self.shared[j]
        both = left * right + self.spread[i[:, None], j, None]
        crossed = first * right + left * second
        once = self.mean * both + crossed
        twice = (self.mean**2 + self.variance) * both
        twice += 2.0 * (self.mean * crossed + first * second)
        return np.array([both, once, twice])


class ElementwiseNoise:
    """V of stacked keys and values, and the risk, of a curve with ``tilted``; no gradient is taken.

    ``samples`` of the logits, rounded up to a power of two, 32 or more, are shared by all laws.
    What it takes as head weights is [w; d] (2H,).
    """

    name = "sampling of logits"

    def __init__(
        self, task: Task, activation: Activation, heads: int, *, samples: int, seed: int
    ) -> None:
        self.task, self.curve, self.heads = task, activation.curve, heads
        half = max(BLOCKS, 1 << (samples - 1).bit_length() - 1)
        normals = ndtri(uniforms(heads, seed)(half)).T.copy()
        orthonormalize(normals)
        blocks = normals.reshape(heads, BLOCKS, -1)
        self._nodes = np.concatenate([blocks, -blocks], axis=2).reshape(heads, -1)

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`, for stacked rows."""
        if not all(np.isfinite(array).all() for array in (weights, bias, head_weights)):
            raise SolverError("the heads are not finite")
        task, rows = self.task, 2 * self.heads
        known = task.signal.features + 1
        fields = fields_of(task, weights[:, :known], weights @ weights.T, bias)
        count = len(fields.shares)
        means = np.zeros((count, rows + 1))
        means[:, :rows] = fields.means
        covariances = np.zeros((count, rows + 1, rows + 1))
        covariances[:, :rows, :rows] = fields.covariances
        covariances[1:, :rows, rows] = covariances[1:, rows, :rows] = fields.target
        covariances[1:, rows, rows] = task.signal_variance
        kinds = [
            self._moments(means[c], covariances[c], head_weights, -1.0 if c else 0.0)
            for c in range(count)
        ]
        blocks, risk = noise_of_tokens(task, kinds), risk_of_tokens(task, kinds)
        return Moments(
            float(risk[0, 0, 0]),
            np.zeros((rows, known)),
            np.zeros((rows, rows)),
            np.zeros(self.heads),
            np.zeros(rows),
            blocks[0],
            worst_error(risk),
            self.name,
            worst_error(blocks),
        )

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """The risk alone."""
        found = self.evaluate(weights, bias, head_weights)
        return Risk(found.risk, found.error, found.engine)

    def _moments(
        self, mean: Array, covariance: Array, head_weights: Array, target: float
    ) -> Quadratic:
        """Those of a kind of token, with a leading axis of the whole and its blocks."""
        heads = self.heads
        values = np.arange(heads, 2 * heads)
        slopes = np.zeros((3, 1 + BLOCKS, 2 * heads, 2 * heads))
        for count in range(3):
            for chosen in itertools.combinations_with_replacement(range(heads), count):
                indices = np.array([chosen], dtype=np.int64)
                factors, means, covariances = self.curve.tilted(
                    mean[None], covariance[None], indices
                )
                given = self._given(means[0, 0], covariances[0, 0], head_weights, target)
                if count == 0:
                    both = np.array([given.mean, given.mean**2 + given.variance])
                    sizes = averaged(both[:, None, None])
                i = indices[0, :1] if count else values
                j = indices[0, 1:] if count == 2 else values
                found = factors[0, 0] * averaged(given.products(i, j))
                slopes[:, :, i[:, None], j] = found
                slopes[:, :, j[:, None], i] = found.swapaxes(-1, -2)
        return Quadratic(*sizes, *slopes)

    def _given(self, mean: Array, covariance: Array, head_weights: Array, target: float) -> Given:
        """Of a law of the fields χ, ω and z (2H+1), by sample of the logits."""
        heads = self.heads
        w, d = np.split(head_weights, 2)
        deviations = np.sqrt(np.diagonal(covariance)[:heads])
        deviations[deviations == 0.0] = 1.0
        correlations = covariance[:heads, :heads] / np.outer(deviations, deviations)
        eigenvalues, axes = np.linalg.eigh(correlations)
        kept = eigenvalues > FAINT
        roots = np.sqrt(np.where(kept, eigenvalues, 0.0))
        inverse = np.where(kept, 1.0 / np.where(kept, roots, 1.0), 0.0)
        along = covariance[heads:, :heads] / deviations @ (axes * inverse)
        rest = covariance[heads:, heads:] - along @ along.T

        logits = mean[:heads, None] + (deviations[:, None] * axes * roots) @ self._nodes
        fields = mean[heads:, None] + along @ self._nodes
        curve = np.empty((3, logits.size))
        tabulate(self.curve, logits.reshape(-1), curve)
        pull = np.full(fields.shape, target)
        pull[:heads] = d[:, None] + w[:, None] * curve[0].reshape(logits.shape)
        shared = rest @ pull
        return Given(
            (pull * fields).sum(axis=0),
            (pull * shared).sum(axis=0),
            np.concatenate([w[:, None] * fields[:heads], pull[:heads]]),
            np.concatenate([w[:, None] * shared[:heads], np.zeros_like(logits)]),
            np.pad(np.outer(w, w) * rest[:heads, :heads], (0, heads)),
        )


def averaged(samples: Array) -> Array:
    """Of samples (…, a, b, N) the means of all and of each block, (…, 1+BLOCKS, a, b)."""
    blocks = samples.reshape(*samples.shape[:-1], BLOCKS, -1).mean(axis=-1)
    blocks = np.moveaxis(blocks, -1, -3)
    return np.concatenate([blocks.mean(axis=-3, keepdims=True), blocks], axis=-3)
