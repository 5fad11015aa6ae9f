"""V on the manifold by Wick's theorem: of the logits alone, which have no heavy tails.

Given the logits, the error e = Σ_ℓ r_ℓ·y_ℓ − Δξ and the slopes d_hℓ are linear in y_ℓ = (ω_ℓ, z_ℓ),
Gaussian with covariance σ_ℓ² Q̂, Q̂ = [[q^v, m^v], [m^vᵀ, 1]], so that

    E[e² d d'] = E[e²] E[d d'] + 2 E[e d] E[e d'].

σ_ℓ is γ_s on the signal token, which is the first here, and 1 on all others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel
from orderparams.errors import SolverError
from orderparams.expectations.lanes import LANES
from orderparams.expectations.sampling.nodes import BLOCKS, draw_nodes
from orderparams.models.single_location.attention import Activation, attend
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.engines.sampling import check_size, worst_error
from orderparams.models.single_location.task import Task
from orderparams.models.single_location.values.sampling import project, with_mean

Array = NDArray[np.float64]


class WickSampling:
    """V of stacked keys and values on the manifold, and the risk; its gradient is not taken."""

    name = "sampling of logits"

    def __init__(
        self, task: Task, activation: Activation, heads: int, *, samples: int, seed: int
    ) -> None:
        self.task, self.activation, self.heads = task, activation, heads
        samples = max(2 * BLOCKS * LANES, 1 << (samples - 1).bit_length())
        length = int(task.lengths.max())
        check_size(samples, length, heads, task)
        self._nodes = draw_nodes(task.signal, length, heads, samples, seed, task.signal_noise)

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`, for stacked rows."""
        heads, hidden, joint = self.heads, self.task.signal.features, self.activation.joint
        if not all(np.isfinite(array).all() for array in (weights, bias, head_weights)):
            raise SolverError("the heads are not finite")
        values = np.ones((heads + 1, heads + 1))
        values[:heads, :heads] = weights[heads:] @ weights[heads:].T
        values[:heads, heads] = values[heads, :heads] = weights[heads:, hidden]
        keys = np.hstack(
            [weights[:heads, :hidden], weights[:heads, hidden + 1 : hidden + 1 + heads]]
        )
        risk, blocks = np.zeros(BLOCKS), np.zeros((BLOCKS, 2, heads, heads))
        add_noise(
            *self._nodes,
            self.task.lengths,
            self.task.length_weights,
            np.ascontiguousarray(keys),
            bias,
            np.ones(heads) if joint else head_weights,
            self.activation.kappa,
            joint,
            self.task.label_noise,
            self.task.signal_noise,
            values,
            risk,
            blocks,
        )
        every = with_mean(blocks)
        covariance = np.zeros((2 * heads, 2 * heads))
        covariance[:heads, :heads], covariance[heads:, heads:] = every[0]
        nothing = np.zeros((2 * heads, 2 * heads))
        return Moments(
            float(risk.mean()),
            np.zeros((2 * heads, hidden + 1)),
            nothing,
            np.zeros(heads),
            np.zeros(heads),
            covariance,
            worst_error(with_mean(risk)[:, None]),
            self.name,
            worst_error(every),
        )

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """The risk alone."""
        found = self.evaluate(weights, bias, head_weights)
        return Risk(found.risk, found.error, found.engine)


@kernel(inlined=False, fastmath=FAST)
def conditional(
    shares: Array,
    head_weights: Array,
    values: Array,
    joint: bool,
    size: float,
    crossed: Array,
    means: Array,
) -> float:
    """E[e²] of one sequence given its logits, without label noise.

    shares (H, L) are σ_ℓ s_hℓ, σ_0 = size. crossed (H, L) become E[e ω_hℓ]/σ_ℓ, and means (H,)
    E[e c_h] of c_h = Σ_j s_hj ω_hj, or of the prediction where the normaliser is joint.
    """
    heads, length = shares.shape
    square, joint_mean = 0.0, 0.0
    for token in range(length):
        target = -size if token == 0 else 0.0
        of_target = target
        for h in range(heads):
            total = target * values[h, heads]
            for k in range(heads):
                total += values[h, k] * head_weights[k] * shares[k, token]
            crossed[h, token] = total
            square += head_weights[h] * shares[h, token] * total
            of_target += values[h, heads] * head_weights[h] * shares[h, token]
        square += target * of_target
    for h in range(heads):
        means[h] = 0.0
        for token in range(length):
            means[h] += shares[h, token] * crossed[h, token]
        joint_mean += means[h]
    if joint:
        for h in range(heads):
            means[h] = joint_mean
    return square


@kernel(inlined=False, fastmath=FAST)
def spread_of(shares: Array, values: Array, joint: bool, of_values: Array, of_means: Array) -> None:
    """of_values (H, H, L): E[ω_hℓ c_h']/σ_ℓ, of shares σ_ℓ s_hℓ; of_means (H, H): E[c_h c_h']."""
    heads, length = shares.shape
    for h in range(heads):
        for k in range(heads):
            of_means[h, k] = 0.0
            for token in range(length):
                of_values[h, k, token] = values[h, k] * shares[k, token]
                of_means[h, k] += values[h, k] * shares[h, token] * shares[k, token]
    if joint:
        total = 0.0
        for h in range(heads):
            for k in range(heads):
                total += of_means[h, k]
            for token in range(length):
                along = 0.0
                for k in range(heads):
                    along += of_values[h, k, token]
                for k in range(heads):
                    of_values[h, k, token] = along
        for h in range(heads):
            for k in range(heads):
                of_means[h, k] = total


@kernel(inlined=False, fastmath=FAST)
def add_noise(
    tokens: Array,
    centers: Array,
    masses: Array,
    lengths: NDArray[np.int64],
    length_shares: Array,
    weights: Array,
    bias: Array,
    head_weights: Array,
    kappa: float,
    joint: bool,
    label_noise: float,
    size: float,
    values: Array,
    risk: Array,
    covariance: Array,
) -> None:
    """Adds the risk (B,) and V of keys and of values (B, 2, H, H) of all samples by block."""
    blocks, groups, longest, directions, lanes = tokens.shape
    heads = bias.size
    features = directions - heads
    x, means = np.empty((longest, directions)), np.empty(heads)
    of_means = np.empty((heads, heads))
    for block in range(blocks):
        for sample in range(2 * groups * lanes):
            group, lane = sample // 2 // lanes, sample // 2 % lanes
            sign = 1.0 - 2.0 * (sample % 2)
            for token in range(longest):
                for d in range(directions):
                    x[token, d] = sign * tokens[block, group, token, d, lane]
            for f in range(features):
                x[0, f] += centers[block, group, f, lane]
            for case in range(lengths.size):
                length = lengths[case]
                mass = masses[block, group, lane] * length_shares[case]
                logits, shares = np.empty((heads, length)), np.empty((heads, length))
                crossed, attention = np.empty((heads, length)), np.empty(length)
                of_values = np.empty((heads, heads, length))
                project(weights, x, logits)
                attend(logits, bias, head_weights, kappa, joint, shares, attention)
                for h in range(heads):
                    shares[h, 0] *= size
                square = label_noise + conditional(
                    shares, head_weights, values, joint, size, crossed, means
                )
                spread_of(shares, values, joint, of_values, of_means)
                for h in range(heads):
                    crossed[h, 0] *= size
                    for k in range(heads):
                        of_values[h, k, 0] *= size
                risk[block] += mass * square
                for h in range(heads):
                    for k in range(heads):
                        of_keys, own = 0.0, 0.0
                        for token in range(length):
                            product = shares[h, token] * shares[k, token]
                            spread = values[h, k] + of_means[h, k]
                            spread -= of_values[h, k, token] + of_values[k, h, token]
                            first = crossed[h, token] - means[h]
                            second = crossed[k, token] - means[k]
                            of_keys += product * (square * spread + 2.0 * first * second)
                            own += product
                        if size != 1.0:
                            product = shares[h, 0] * shares[k, 0]
                            of_keys += product * square * (size**2 - 1.0) * values[h, k]
                        scale = 4.0 * mass * head_weights[h] * head_weights[k]
                        covariance[block, 0, h, k] += scale * of_keys
                        covariance[block, 1, h, k] += scale * square * own
