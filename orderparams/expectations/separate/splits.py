"""Pairs of large, strongly correlated logits: x' as a part fixed by x and an independent rest.

With x = mean + deviation·g, x' = mean' + slope·g + rest·e and independent normals g and e, the
expectations of :mod:`pairs` are sums over nodes of g of f⁽ᵖ⁾ at x and of f⁽q⁾ at x', smoothed over
e.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from orderparams.arrays import Array1, Array2, Array3
from orderparams.compiled import FAST, part
from orderparams.expectations.separate.law import Depth, Grids, Law
from orderparams.expectations.separate.smoothing import (
    add_product,
    decay_rows,
    gaussian_rule,
    normal_weights,
    progression,
)

BLOCK = 512
"""Values that one pass of :func:`correlate` works on, few enough for the nearest cache."""


class Split(NamedTuple):
    """A pair of one component: ``forward`` if x belongs to the first head.

    fixed (4, nodes, n): rows f⁽ᵖ⁾ of x by node; other (2, rows, n'): rows of x', of which ``start``
    is the first node's; nodes and weights of g; the slopes of x and of x' in g.
    """

    forward: bool
    fixed: Array3
    other: Array3
    start: int
    nodes: Array1
    weights: Array1
    deviation: float
    slope: float


@part(fastmath=FAST)
def derivatives(scale: Array1, x: Array1, out: Array3) -> None:
    """f and its first derivatives at τ + x: fills out (2 or 4, len(x), n)."""
    orders, count, size = out.shape
    rates = np.empty((count, size))
    decay_rows(scale, x, rates, out[0])
    for j in range(count):
        f, d1, y = out[0, j], out[1, j], rates[j]
        for i in range(size):
            d1[i] = -y[i] * (1.0 + f[i])
        if orders == 4:
            d2, d3 = out[2, j], out[3, j]
            for i in range(size):
                d2[i] = d1[i] * (1.0 - y[i])
                d3[i] = d1[i] * (1.0 - y[i] * (3.0 - y[i]))


@part(fastmath=FAST)
def correlate(values: Array2, taps: Array1, out: Array2) -> None:
    """Adds Σ_q taps_q values[j + q] to out (nodes, n), for values (≥ nodes + taps − 1, n)."""
    size, whole = out.shape[1], taps.size - taps.size % 4
    source, target = values.reshape(-1), out.reshape(-1)
    for begin in range(0, target.size, BLOCK):
        row = target[begin : begin + BLOCK]
        for q in range(0, whole, 4):
            first = begin + q * size
            b0, b1 = source[first:], source[first + size :]
            b2, b3 = source[first + 2 * size :], source[first + 3 * size :]
            w0, w1, w2, w3 = taps[q], taps[q + 1], taps[q + 2], taps[q + 3]
            for i in range(row.size):
                row[i] += w0 * b0[i] + w1 * b1[i] + w2 * b2[i] + w3 * b3[i]
        for q in range(whole, taps.size):
            b0 = source[begin + q * size :]
            for i in range(row.size):
                row[i] += taps[q] * b0[i]


@part()
def conditional_rows(
    scale: Array1, spacing: float, rest: float, between: tuple[int, int], digits: float
) -> Array3:
    """E over e of f⁽ᵖ⁾(τ + spacing·row + rest·e), p = 0, 1, for a range of rows: (2, rows, n).

    The step in e is made to divide the spacing, so that neighbouring rows share values of f,
    unless the rest is so small that this takes more of them than nodes of its own.
    """
    first, count = between[0], between[1] - between[0]
    out = np.zeros((2, count, scale.size))
    if rest == 0.0:
        derivatives(scale, progression(spacing * first, spacing, count), out)
        return out
    own, _ = gaussian_rule(rest, 4, digits)
    step = own[1] - own[0]
    stride = int(np.ceil(abs(spacing) / (rest * step)))
    shared = stride < own.size
    if shared:
        step = abs(spacing) / (rest * stride)
    half = int(np.ceil(own[-1] / step))
    if spacing < 0.0:
        rest = -rest
    weights = normal_weights(progression(-half * step, step, 2 * half + 1), step)
    for phase in range(stride if shared else weights.size):
        taps = weights[phase::stride].copy() if shared else weights[phase : phase + 1]
        values = np.empty((2, count + taps.size - 1, scale.size))
        start = spacing * first + rest * step * (phase - half)
        derivatives(scale, progression(start, spacing, values.shape[1]), values)
        for p in range(2):
            correlate(values[p], taps, out[p])
    return out


@part()
def node_range(center: float, step: float, reach: float) -> tuple[int, int]:
    """The n with step·n − center within ±reach: from the first to before the second."""
    return int(np.ceil((center - reach) / step)), int(np.floor((center + reach) / step)) + 1


@part()
def leads(h: int, k: int, deviations: Array1, means: Array2) -> bool:
    """Whether x is the logit of head h: the one of larger variance; where they agree, of the larger
    mean in the first component that tells them apart. The order of the heads does not matter."""
    if deviations[h] != deviations[k]:
        return bool(deviations[h] > deviations[k])
    for mean in means:
        if mean[h] != mean[k]:
            return bool(mean[h] > mean[k])
    return True


@part()
def same_covariance(one: Array2, other: Array2, pair: tuple[int, int]) -> bool:
    """Whether two covariances (H, H) agree in the block of a pair."""
    h, k = pair
    return bool(one[h, h] == other[h, h] and one[k, k] == other[k, k] and one[h, k] == other[h, k])


@part()
def split(pair: tuple[int, int], law: Law, grids: Grids, depth: Depth) -> list[Split]:
    """The components of a pair that have no Mehler series.

    Components of one covariance share the rows of x': the nodes of g are shifted so that
    mean' + slope·g is a multiple of the same spacing for all. Four digits more than the tables
    have, since errors of this grid and of that in τ resonate.
    """
    scales, _, sizes = grids
    means, covariances, deviations, _ = law
    h, k = pair
    terms, digits = depth.terms, depth.digits + 4.0
    splits = []
    rows, start, last = np.empty((2, 0, 0)), 0, -1
    for c in range(len(means)):
        if terms[c, h, k] > 0:
            continue
        forward = leads(h, k, deviations[c], means)
        x, y = (h, k) if forward else (k, h)
        deviation, slope = deviations[c, x], covariances[c, h, k] / deviations[c, x]
        rule, _ = gaussian_rule(deviation, 4, digits)
        step, reach = rule[1] - rule[0], rule[-1]
        if last < 0 or not same_covariance(covariances[last], covariances[c], pair):
            last = c
            start, end = node_range(means[c, y] / slope, step, reach)
            for other in range(c + 1, len(means)):
                if same_covariance(covariances[other], covariances[c], pair):
                    first, beyond = node_range(means[other, y] / slope, step, reach)
                    start, end = min(start, first), max(end, beyond)
            rest = np.sqrt(max(deviations[c, y] ** 2 - slope**2, 0.0))
            scale = scales[y, : sizes[y]]
            rows = conditional_rows(scale, slope * step, rest, (start, end), digits)
        first, beyond = node_range(means[c, y] / slope, step, reach)
        count = beyond - first
        nodes = progression(step * first - means[c, y] / slope, step, count)
        fixed = np.empty((4, count, sizes[x]))
        x_nodes = progression(means[c, x] + deviation * nodes[0], deviation * step, count)
        derivatives(scales[x, : sizes[x]], x_nodes, fixed)
        weights = normal_weights(nodes, step)
        splits.append(Split(forward, fixed, rows, first - start, nodes, weights, deviation, slope))
    return splits


@part(fastmath=FAST)
def contract_split(parts: Split, adjoint: Array3, out: Array1) -> None:
    """Derivatives in both means, both variances and the covariance, out (5,), of one component.

    adjoint (2, n', n) belongs to E[f f'] and E[f⁽¹⁾ f'⁽¹⁾]; the marginals of f are left out.
    Derivatives in x' follow from Stein's lemma, E[g v] = E[dv/dg] for the derivative along g,
    deviation·∂_x + slope·∂_x'.
    """
    forward, fixed, other, start, nodes, weights, deviation, slope = parts
    count, size = fixed.shape[1:]
    product = np.empty((count, size))
    if not forward:
        turned = np.empty((2, adjoint.shape[2], adjoint.shape[1]))
        for p in range(2):
            for i in range(adjoint.shape[1]):
                for j in range(adjoint.shape[2]):
                    turned[p, j, i] = adjoint[p, i, j]
        adjoint = turned
    mean, variance, first, second, cross = 0.0, 0.0, 0.0, 0.0, 0.0
    for p in range(2):
        product[:] = 0.0
        add_product(other[p][start : start + count].T, adjoint[p], product)
        for j in range(count):
            y, x0, x1, x2 = product[j], fixed[p, j], fixed[p + 1, j], fixed[p + 2, j]
            v0, v1, v2 = 0.0, 0.0, 0.0
            for i in range(size):
                v0 += x0[i] * y[i]
                v1 += x1[i] * y[i]
                v2 += x2[i] * y[i]
            mean += weights[j] * v1
            variance += weights[j] * v2
            first += weights[j] * nodes[j] * v0
            second += weights[j] * (nodes[j] ** 2 - 1.0) * v0
            cross += weights[j] * nodes[j] * v1
    other_mean = (first - deviation * mean) / slope
    covariance = (cross - deviation * variance) / slope
    second -= deviation**2 * variance + 2.0 * deviation * slope * covariance
    x, y = (0, 1) if forward else (1, 0)
    out[x], out[y] = mean, other_mean
    out[2 + x], out[2 + y] = 0.5 * variance, 0.5 * second / slope**2
    out[4] = covariance
