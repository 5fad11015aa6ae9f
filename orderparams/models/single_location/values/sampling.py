"""Keys and values by sampling, whatever the activation: risk, gradient, and V (quasi-Monte Carlo).

With e = Σ_hℓ u_h s_hℓ ω_hℓ − z − Δξ the loss is e², and with the slopes d_ℓ (2H,) of the prediction
in the logits and values of one token its gradient is 2 e d_ℓ. Γ is taken by Price's theorem, as in
:mod:`~orderparams.models.single_location.engines.sampling`.

V = 4 E[(e² + Δ²) Σ_ℓ σ_ℓ² d_ℓ d_ℓᵀ] is of fourth order in the values: its tail is heavy, and few
nodes put it too low. It is taken from twice as many nodes as are asked for, and its error is
estimated as the larger of the spread of blocks and of what the heaviest samples add to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams import memory
from orderparams.compiled import FAST, kernel
from orderparams.errors import ConfigurationError, SolverError
from orderparams.expectations.lanes import LANES
from orderparams.expectations.sampling.nodes import BLOCKS, draw_nodes
from orderparams.models.single_location.attention import Activation, attend
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.engines.sampling import worst_error
from orderparams.models.single_location.task import Task

Array = NDArray[np.float64]


class Sums(NamedTuple):
    """By block: risk (B,), Σ_ℓ g x (B, n, D), Γ and V (B, n, n), derivatives in β and u (B, 2, H);
    and of V the largest contribution of one sample (B, n)."""

    risk: Array
    drift: Array
    gamma: Array
    covariance: Array
    numbers: Array
    largest: Array


class ValueSampling:
    """Risk, gradient and V of stacked keys and values.

    ``samples`` is rounded up to a power of two, 256 or more, and doubled for V (``covariance``).
    The nodes take 4·samples·L·(F+1+2H) bytes.
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
        covariance: bool = False,
    ) -> None:
        self.task, self.activation, self.heads = task, activation, heads
        self.samples = max(2 * BLOCKS * LANES, 1 << (samples - 1).bit_length())
        self.samples *= 2 if covariance else 1
        length, directions = int(task.lengths.max()), task.signal.features + 1 + 2 * heads
        memory.require(
            9 * self.samples * ((length + 1) * directions + 8),
            f"{self.samples} samples of {length} tokens in {directions} directions of keys and "
            "values",
            "lower expectation.samples or task.length",
        )
        components = len(task.signal.weights)
        if components > self.samples // (2 * BLOCKS):
            raise ConfigurationError(
                f"{self.samples} samples are too few for the {components} components of "
                f"task.signal: expectation.samples must be at least {2 * BLOCKS * components}"
            )
        self._nodes = draw_nodes(
            task.signal, length, 1 + 2 * heads, self.samples, seed, task.signal_noise
        )

    def evaluate(
        self,
        weights: Array,
        bias: Array,
        head_weights: Array,
        *,
        gradient_covariance: bool = False,
    ) -> Moments:
        """Moments at stacked reduced weights T = [M W] (2H, F+1+2H), β and u (H,)."""
        sums = self._sums(weights, bias, head_weights, True, gradient_covariance)
        known = self.task.signal.features + 1
        gamma = 0.5 * (sums.gamma + sums.gamma.transpose(0, 2, 1))
        overlap = sums.drift[:, :, :known] - 2 * gamma @ weights[:, :known]
        covariance, covariance_error = None, 0.0
        if gradient_covariance:
            blocks = with_mean(sums.covariance)
            covariance = blocks[0]
            tail = 3.0 * np.sqrt(2.0) * sums.largest.max() / BLOCKS
            covariance_error = max(worst_error(blocks), float(tail))
        risk = with_mean(sums.risk + self.task.label_noise)
        numbers = sums.numbers.mean(axis=0)
        return Moments(
            risk=float(risk[0]),
            overlap_gradient=overlap.mean(axis=0),
            self_overlap_gradient=gamma.mean(axis=0),
            bias_gradient=numbers[0],
            head_weight_gradient=numbers[1:].ravel() * (0.0 if self.activation.joint else 1.0),
            gradient_covariance=covariance,
            error=worst_error(risk[:, None], with_mean(overlap), with_mean(gamma)),
            engine=self.name,
            gradient_covariance_error=covariance_error,
        )

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """The risk at the same, without gradients."""
        sums = self._sums(weights, bias, head_weights, False, False)
        risk = with_mean(sums.risk + self.task.label_noise)
        return Risk(float(risk[0]), worst_error(risk[:, None]), self.name)

    def _sums(
        self, weights: Array, bias: Array, head_weights: Array, gradient: bool, covariance: bool
    ) -> Sums:
        """What the blocks have as means."""
        heads, activation = self.heads, self.activation
        sums = empty_sums(weights, bias, head_weights, 2)
        add_samples(
            *self._nodes,
            self.task.lengths,
            self.task.length_weights,
            np.ascontiguousarray(weights),
            bias,
            np.ones(heads) if activation.joint else head_weights,
            activation.kappa,
            activation.joint,
            self.task.label_noise,
            self.task.signal_variance,
            gradient,
            covariance,
            sums,
        )
        return sums


def empty_sums(weights: Array, bias: Array, head_weights: Array, numbers: int) -> Sums:
    """Sums of nothing, with derivatives in so many numbers a head; :class:`SolverError` if the
    heads are not finite."""
    if not all(np.isfinite(array).all() for array in (weights, bias, head_weights)):
        raise SolverError("the heads are not finite")
    rows, directions = weights.shape
    return Sums(
        np.zeros(BLOCKS),
        np.zeros((BLOCKS, rows, directions)),
        np.zeros((BLOCKS, rows, rows)),
        np.zeros((BLOCKS, rows, rows)),
        np.zeros((BLOCKS, numbers, bias.size)),
        np.zeros((BLOCKS, rows)),
    )


def with_mean(blocks: Array) -> Array:
    """The mean over blocks (B, …), then each, (1+B, …)."""
    return np.concatenate([blocks.mean(axis=0, keepdims=True), blocks])


@kernel(inlined=False, fastmath=FAST)
def project(weights: Array, x: Array, fields: Array) -> None:
    """fields (n, L) = weights (n, D) x (L, D)ᵀ."""
    for i in range(weights.shape[0]):
        for token in range(fields.shape[1]):
            total = 0.0
            for d in range(weights.shape[1]):
                total += weights[i, d] * x[token, d]
            fields[i, token] = total


@kernel(inlined=False, fastmath=FAST)
def slopes_of(
    shares: Array, values: Array, head_weights: Array, joint: bool, slopes: Array, averages: Array
) -> float:
    """The prediction f, and its derivatives in logits and values: fills slopes (2H, L).

    averages (H,) become Σ_ℓ s_hℓ ω_hℓ.
    """
    heads, length = shares.shape
    prediction = 0.0
    for h in range(heads):
        averages[h] = 0.0
        for token in range(length):
            averages[h] += shares[h, token] * values[h, token]
        prediction += head_weights[h] * averages[h]
    for h in range(heads):
        center = prediction if joint else averages[h]
        for token in range(length):
            share = head_weights[h] * shares[h, token]
            slopes[h, token] = share * (values[h, token] - center)
            slopes[heads + h, token] = share
    return prediction


@kernel(inlined=False, fastmath=FAST)
def add_curvature(
    shares: Array,
    values: Array,
    slopes: Array,
    head_weights: Array,
    averages: Array,
    error: float,
    mass: float,
    variances: Array,
    joint: bool,
    gamma: Array,
) -> None:
    """Adds mass·½Σ_ℓ σ_ℓ² ∂²loss/∂fields_iℓ∂fields_jℓ, the loss e², to gamma (2H, 2H); the
    variances σ_ℓ² (L,) are those of the tokens' noise."""
    heads, length = shares.shape
    for i in range(2 * heads):
        for j in range(2 * heads):
            total = 0.0
            for token in range(length):
                total += variances[token] * slopes[i, token] * slopes[j, token]
            gamma[i, j] += mass * total
    plain = mass
    for token in range(length):
        mass = plain * variances[token]
        for h in range(heads):
            share = shares[h, token]
            if not joint:
                own = head_weights[h] * share * (1.0 - share)
                bend = head_weights[h] * share * (1.0 - 2.0 * share)
                gamma[h, h] += mass * error * bend * (values[h, token] - averages[h])
                gamma[h, heads + h] += mass * error * own
                gamma[heads + h, h] += mass * error * own
                continue
            gamma[h, h] += mass * error * slopes[h, token]
            gamma[h, heads + h] += mass * error * share
            gamma[heads + h, h] += mass * error * share
            for k in range(heads):
                other = shares[k, token]
                bend = slopes[h, token] * other + share * slopes[k, token]
                gamma[h, k] -= mass * error * bend
                gamma[h, heads + k] -= mass * error * share * other
                gamma[heads + k, h] -= mass * error * share * other


@kernel(inlined=False, fastmath=FAST)
def add_samples(
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
    signal_variance: float,
    gradient: bool,
    covariance: bool,
    sums: Sums,
) -> None:
    """Adds all samples to the means of their blocks."""
    blocks, groups, longest, directions, lanes = tokens.shape
    rows, heads = weights.shape[0], bias.size
    features = directions - rows - 1
    x = np.empty((longest, directions))
    fields, slopes = np.empty((rows, longest)), np.empty((rows, longest))
    averages, variances = np.empty(heads), np.ones(longest)
    variances[0] = signal_variance
    for block in range(blocks):
        weight = masses[block].sum() * 2.0
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
                mass = masses[block, group, lane] * length_shares[case] / weight
                own = fields[:, :length].copy()
                project(weights, x, own)
                shares, attention = np.empty((heads, length)), np.empty(length)
                attend(own[:heads], bias, head_weights, kappa, joint, shares, attention)
                slope = slopes[:, :length].copy()
                values = own[heads:]
                error = slopes_of(shares, values, head_weights, joint, slope, averages)
                error -= x[0, features]
                sums.risk[block] += mass * error**2
                if not gradient:
                    continue
                for i in range(rows):
                    for token in range(length):
                        row = 2.0 * mass * error * slope[i, token]
                        for d in range(directions):
                            sums.drift[block, i, d] += row * x[token, d]
                for h in range(heads):
                    for token in range(length):
                        sums.numbers[block, 0, h] += 2.0 * mass * error * slope[h, token]
                    sums.numbers[block, 1, h] += 2.0 * mass * error * averages[h]
                add_curvature(
                    shares,
                    values,
                    slope,
                    head_weights,
                    averages,
                    error,
                    mass,
                    variances,
                    joint,
                    sums.gamma[block],
                )
                if not covariance:
                    continue
                scale = 4.0 * mass * (error**2 + label_noise)
                for i in range(rows):
                    for j in range(rows):
                        total = 0.0
                        for token in range(length):
                            total += variances[token] * slope[i, token] * slope[j, token]
                        sums.covariance[block, i, j] += scale * total
                        if i == j:
                            sums.largest[block, i] = max(sums.largest[block, i], scale * total)
