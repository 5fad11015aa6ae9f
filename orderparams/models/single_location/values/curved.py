"""Keys and values with any function of a logit in place of the exponential, by sampling.

With f = Σ_hℓ a_hℓ ω_hℓ and a curve (:mod:`orderparams.expectations.curves`),

    element-wise:  a_hℓ = d_h + w_h φ(χ_hℓ),      ∂f/∂χ_hℓ = w_h φ′ ω_hℓ
    normalised:    a_hℓ = w_h e^g_hℓ/(κ + Σ_j e^g_hj) = w_h s_hℓ,
                                                  ∂f/∂χ_hℓ = w_h s_hℓ g′ (ω_hℓ − Σ_j s_hj ω_hj),

g being the logarithm of what is normalised; ∂f/∂ω_hℓ = a_hℓ.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.expectations.curves import curve
from orderparams.expectations.sampling.curved import Form, share_out
from orderparams.expectations.sampling.kernels import NodeSet
from orderparams.models.single_location.values.sampling import (
    Sums,
    ValueSampling,
    empty_sums,
    project,
)

Array = NDArray[np.float64]


class Rows(NamedTuple):
    """Stacked reduced weights (2H, F+1+2H), bias β (H,), weights w and constants d (H,)."""

    weights: Array
    bias: Array
    head_weights: Array
    constants: Array


class Slopes(NamedTuple):
    """Of one sequence: ∂f/∂field (2H, L), φ or s, and what multiplies w in the second derivatives
    by χ twice, and by χ and ω (H, L); Σ_ℓ φ ω or Σ_ℓ s ω, and Σ_ℓ ω (H,)."""

    fields: Array
    shares: Array
    bends: Array
    mixed: Array
    averages: Array
    totals: Array


class CurvedValueSampling(ValueSampling):
    """Risk, gradient and V of keys and values for functions of a logit. Element-wise ones take
    [w; d] (2H,) as head weights, those with a normaliser w (H,)."""

    def _sums(
        self, weights: Array, bias: Array, head_weights: Array, gradient: bool, covariance: bool
    ) -> Sums:
        """What the blocks have as means; ``numbers`` are derivatives in β, w and d."""
        heads, activation = self.heads, self.activation
        sums = empty_sums(weights, bias, head_weights, 3)
        own = np.resize(head_weights, (2, heads)) * [[1.0], [float(activation.elementwise)]]
        add_curved_samples(
            self._nodes,
            self.task.lengths,
            self.task.length_weights,
            Rows(np.ascontiguousarray(weights), bias, own[0], own[1]),
            Form(
                activation.curve,
                activation.elementwise,
                float(activation.kappa),
                covariance,
                self.task.label_noise,
                self.task.signal_variance,
            ),
            gradient,
            sums,
        )
        return sums._replace(numbers=sums.numbers[:, : 3 if activation.elementwise else 2])


@kernel(inlined=False)
def curved_slopes(
    form: Form, logits: Array, values: Array, head_weights: Array, constants: Array, out: Slopes
) -> float:
    """The prediction f of logits χ + β and values ω (H, L), and what :class:`Slopes` has."""
    heads, length = logits.shape
    for h in range(heads):
        for token in range(length):
            value, slope, bend = curve(form.curve, logits[h, token])
            out.shares[h, token], out.mixed[h, token], out.bends[h, token] = value, slope, bend
    if not form.elementwise:
        share_out(out.shares, form.kappa, out.shares)
    prediction = 0.0
    for h in range(heads):
        out.averages[h], out.totals[h] = 0.0, 0.0
        for token in range(length):
            out.averages[h] += out.shares[h, token] * values[h, token]
            out.totals[h] += values[h, token]
        prediction += head_weights[h] * out.averages[h] + constants[h] * out.totals[h]
    for h in range(heads):
        weight = head_weights[h]
        for token in range(length):
            share, slope, own = out.shares[h, token], out.mixed[h, token], values[h, token]
            if form.elementwise:
                out.bends[h, token] *= own
            else:
                away = share * (own - out.averages[h])
                out.bends[h, token] += slope * slope * (1.0 - 2.0 * share)
                out.bends[h, token] *= away
                out.mixed[h, token] = share * (1.0 - share) * slope
                own = away
            out.fields[h, token] = weight * slope * own
            out.fields[heads + h, token] = constants[h] + weight * share
    return prediction


@kernel(inlined=False)
def add_curved_samples(
    nodes: NodeSet,
    lengths: NDArray[np.int64],
    length_shares: Array,
    rows: Rows,
    form: Form,
    gradient: bool,
    sums: Sums,
) -> None:
    """Adds all samples to the means of their blocks."""
    blocks, groups, longest, directions, lanes = nodes.tokens.shape
    count, heads = rows.weights.shape[0], rows.bias.size
    hidden = directions - count - 1
    x = np.empty((longest, directions))
    for case in range(lengths.size):
        length = lengths[case]
        fields = np.empty((count, length))
        found = Slopes(
            np.empty((count, length)),
            np.empty((heads, length)),
            np.empty((heads, length)),
            np.empty((heads, length)),
            np.empty(heads),
            np.empty(heads),
        )
        for block in range(blocks):
            for sample in range(2 * groups * lanes):
                group, lane = sample // 2 // lanes, sample // 2 % lanes
                sign = 1.0 - 2.0 * (sample % 2)
                for token in range(length):
                    for d in range(directions):
                        x[token, d] = sign * nodes.tokens[block, group, token, d, lane]
                for f in range(hidden):
                    x[0, f] += nodes.centers[block, group, f, lane]
                mass = nodes.masses[block, group, lane] * length_shares[case]
                project(rows.weights, x, fields)
                for h in range(heads):
                    for token in range(length):
                        fields[h, token] += rows.bias[h]
                error = curved_slopes(
                    form, fields[:heads], fields[heads:], rows.head_weights, rows.constants, found
                )
                error -= x[0, hidden]
                sums.risk[block] += mass * error**2
                if gradient:
                    add_gradient(x, found, error, mass, form.variance, rows, sums, block)
                if gradient and form.covariance:
                    scale = 4.0 * mass * (error**2 + form.label)
                    add_products(found.fields, scale, form.variance, sums.covariance[block])
                    for i in range(count):
                        own = form.variance * found.fields[i, 0] ** 2
                        for token in range(1, length):
                            own += found.fields[i, token] ** 2
                        sums.largest[block, i] = max(sums.largest[block, i], scale * own)


@kernel(inlined=False)
def add_products(slopes: Array, scale: float, signal_variance: float, out: Array) -> None:
    """Adds scale·Σ_ℓ σ_ℓ² slopes_iℓ slopes_jℓ to out (2H, 2H), σ_0² that of the signal token."""
    for i in range(len(slopes)):
        for j in range(len(slopes)):
            total = signal_variance * slopes[i, 0] * slopes[j, 0]
            for token in range(1, slopes.shape[1]):
                total += slopes[i, token] * slopes[j, token]
            out[i, j] += scale * total


@kernel(inlined=False)
def add_gradient(
    x: Array,
    found: Slopes,
    error: float,
    mass: float,
    signal_variance: float,
    rows: Rows,
    sums: Sums,
    block: int,
) -> None:
    """Adds the derivatives of the loss e² of one sequence x (≥ L, F+1+2H)."""
    heads, length = found.shares.shape
    drift, gamma, numbers = sums.drift[block], sums.gamma[block], sums.numbers[block]
    pull = 2.0 * mass * error
    for i in range(2 * heads):
        for token in range(length):
            for d in range(x.shape[1]):
                drift[i, d] += pull * found.fields[i, token] * x[token, d]
    add_products(found.fields, mass, signal_variance, gamma)
    for h in range(heads):
        own, mixed = 0.0, 0.0
        for token in range(length):
            variance = 1.0 if token else signal_variance
            own += variance * found.bends[h, token]
            mixed += variance * found.mixed[h, token]
            numbers[0, h] += pull * found.fields[h, token]
        bend = mass * error * rows.head_weights[h]
        gamma[h, h] += bend * own
        gamma[h, heads + h] += bend * mixed
        gamma[heads + h, h] += bend * mixed
        numbers[1, h] += pull * found.averages[h]
        numbers[2, h] += pull * found.totals[h]
