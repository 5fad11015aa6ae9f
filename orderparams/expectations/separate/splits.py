"""Pairs of large, strongly correlated logits: x' as a part fixed by x and an independent rest.

With x = mean + deviation·g, x' = mean' + slope·g + rest·e and independent normals g and e, the
expectations of :mod:`pairs` are sums over nodes of g of f⁽ᵖ⁾ at x and of f⁽q⁾ at x', smoothed over
e.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from orderparams.arrays import Array1, Array2, Array3, Array4, Integers1
from orderparams.compiled import FAST, part
from orderparams.expectations.separate.law import Depth, Grids, Law
from orderparams.expectations.separate.smoothing import (
    FINITE,
    NARROW,
    add_product,
    decay_rows,
    gaussian_rule,
    normal_weights,
    progression,
)

MOST_SHIFT = 1.0
"""Of the rest, in its deviations, that :func:`shift` may cost digits for."""

BLOCK = 512
"""Values that one pass of :func:`correlate` works on, few enough for the nearest cache."""


class Split(NamedTuple):
    """Components of one covariance of a pair; ``forward`` if x belongs to the first head.

    Their nodes are among the same points of x': rows (2, points, n') of x'; by component, which it
    is and the point of its first node (M,), nodes and weights of g (M, nodes), and rows f⁽ᵖ⁾ of x
    at them, fixed (M, 2, nodes, n), and
    e^x (M, nodes); the slopes of x and of x' in g.
    """

    forward: bool
    rows: Array3
    components: Integers1
    starts: Integers1
    nodes: Array2
    weights: Array2
    fixed: Array4
    factors: Array2
    deviation: float
    slope: float


@part(fastmath=FAST)
def derivatives(scale: Array1, x: Array1, out: Array3) -> None:
    """f and its first derivative at τ + x: fills out (2, len(x), n)."""
    count, size = out.shape[1:]
    rates = np.empty((count, size))
    decay_rows(scale, x, rates, out[0])
    for j in range(count):
        f, d1, y = out[0, j], out[1, j], rates[j]
        for i in range(size):
            d1[i] = -y[i] * (1.0 + f[i])


@part()
def smoothing_polynomial(variance: float, accuracy: float) -> Array2:
    """c (2, J): E f⁽ᵖ⁾(τ + e) = f⁽ᵖ⁾(τ) + e^{−y} Σ_j c_pj yʲ for y = e^τ and small normal e.

    It is the Taylor series Σ_k (variance/2)ᵏ/k! f⁽ᵖ⁺²ᵏ⁾, with f⁽ᵏ⁾ = e^{−y} Σ_j (−1)ʲ S(k,j) yʲ and
    S Stirling's numbers, up to terms below the accuracy; |f⁽ᵏ⁾| < k! (2/π)ᵏ.
    """
    terms, bound = 0, 1.0
    while bound > accuracy:
        terms += 1
        bound *= 0.5 * variance / terms * (2.0 / np.pi) ** 2 * (2 * terms + 1) * (2 * terms)
    out, stirling = np.zeros((2, 2 * terms + 2)), np.zeros(2 * terms + 2)
    stirling[0] = 1.0
    factor = 1.0
    for k in range(1, 2 * terms + 2):
        for j in range(k, 0, -1):
            stirling[j] = j * stirling[j] - stirling[j - 1]
        stirling[0] = 0.0
        if k % 2 == 0:
            factor *= variance / k
        if k > 1:
            for j in range(1, k + 1):
                out[k % 2, j] += factor * stirling[j]
    return out


@part(fastmath=FAST)
def lightly_smoothed(scale: Array1, x: Array1, polynomial: Array2, out: Array3) -> None:
    """E over a small e of f and f⁽¹⁾ at τ + x + e: fills out (2, len(x), n)."""
    count, size = out.shape[1:]
    rates, zeroth, first = np.empty((count, size)), np.empty(size), np.empty(size)
    decay_rows(scale, x, rates, out[0])
    for j in range(count):
        f, d1, y = out[0, j], out[1, j], rates[j]
        for i in range(size):
            y[i] = min(y[i], 100.0)
            zeroth[i] = first[i] = 0.0
        for power in range(polynomial.shape[1] - 1, 0, -1):
            c0, c1 = polynomial[0, power], polynomial[1, power]
            for i in range(size):
                zeroth[i] = (zeroth[i] + c0) * y[i]
                first[i] = (first[i] + c1) * y[i]
        for i in range(size):
            alive = 1.0 + f[i]
            d1[i] = alive * (first[i] - y[i])
            f[i] += alive * zeroth[i]


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
    unless the rest is so small that this takes more of them than nodes of its own. A small rest
    has a Taylor series.
    """
    first, count = between[0], between[1] - between[0]
    out = np.zeros((2, count, scale.size))
    if rest < NARROW:
        x = progression(spacing * first, spacing, count)
        lightly_smoothed(scale, x, smoothing_polynomial(rest**2, np.exp(-digits)), out)
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
def leads(h: int, k: int, deviations: Array1, means: Array2, covariance: float) -> bool:
    """Whether x is the logit of head h, in whatever order the two heads come.

    It is the one of smaller variance, which takes fewer nodes, unless that needs too large a
    :func:`shift`; where variances agree, the one of the larger mean in the first component that
    tells them apart.
    """
    if deviations[h] != deviations[k]:
        least, most = (h, k) if deviations[h] < deviations[k] else (k, h)
        moved = shift(deviations[least], deviations[most], covariance)
        return bool((moved <= MOST_SHIFT) == (least == h))
    for mean in means:
        if mean[h] != mean[k]:
            return bool(mean[h] > mean[k])
    return True


@part()
def shift(deviation: float, other: float, covariance: float) -> float:
    """By how many of its deviations e moves off the real line, for f to be bounded at x' for all g
    for which it is at x. Sums over nodes of g grow by e^{shift²/2}."""
    slope = abs(covariance) / deviation
    beyond = slope / deviation - 1.0
    if beyond < 1e-9:  # where x' is x or its mirror image it is rounding
        return 0.0
    rest = np.sqrt(max(other**2 - slope**2, 0.0))
    return 0.5 * np.pi * beyond / rest if rest > 0.0 else np.inf


@part()
def alike(one: int, other: int, pair: tuple[int, int], covariances: Array3) -> bool:
    """Whether the covariances of two components agree in the block of a pair."""
    h, k = pair
    for x, y in ((h, h), (k, k), (h, k)):
        if covariances[one, x, y] != covariances[other, x, y]:
            return False
    return True


@part()
def split(pair: tuple[int, int], law: Law, grids: Grids, depth: Depth) -> list[Split]:
    """The components of a pair that have no Mehler series, those of one covariance together.

    The nodes of g are shifted so that mean' + slope·g is a multiple of the same spacing for all.
    Four digits more than the tables have, since errors of this grid and of that in τ resonate.
    """
    scales, _, sizes = grids
    means, covariances, deviations = law.means, law.covariances, law.deviations
    h, k = pair
    splits = []
    done = np.zeros(len(means), dtype=np.bool_)
    for c in range(len(means)):
        if depth.terms[c, h, k] > 0 or done[c]:
            continue
        members, count = np.empty(len(means), dtype=np.int64), 0
        for other in range(c, len(means)):
            if alike(c, other, pair, covariances):
                members[count], done[other] = other, True
                count += 1
        covariance = covariances[c, h, k]
        forward = leads(h, k, deviations[c], means, covariance)
        x, y = (h, k) if forward else (k, h)
        deviation, slope = deviations[c, x], covariance / deviations[c, x]
        rest = np.sqrt(max(deviations[c, y] ** 2 - slope**2, 0.0))
        digits = depth.digits + 4.0 + 0.5 * shift(deviation, deviations[c, y], covariance) ** 2
        rule, _ = gaussian_rule(deviation, 4, digits)
        step = rule[1] - rule[0]
        starts = np.empty(count, dtype=np.int64)
        for i in range(count):
            starts[i] = int(np.ceil((means[members[i], y] / slope - rule[-1]) / step))
        first, last = starts[0], starts[0]
        for start in starts:
            first, last = min(first, start), max(last, start)
        points = (first, last + rule.size)
        scale = scales[y, : sizes[y]]
        rows = conditional_rows(scale, slope * step, rest, points, digits)
        nodes, weights = np.empty((count, rule.size)), np.empty((count, rule.size))
        fixed = np.empty((count, 2, rule.size, sizes[x]))
        factors = np.empty((count, rule.size))
        for i in range(count):
            start = step * starts[i] - means[members[i], y] / slope
            of_g = progression(start, step, rule.size)
            of_weights = normal_weights(of_g, step)
            start = means[members[i], x] + deviation * start
            x_nodes = progression(start, deviation * step, rule.size)
            derivatives(scales[x, : sizes[x]], x_nodes, fixed[i])
            for j in range(rule.size):
                nodes[i, j], weights[i, j] = of_g[j], of_weights[j]
                factors[i, j] = np.exp(min(x_nodes[j], FINITE))
            starts[i] -= first
        found = (rows, members[:count], starts, nodes, weights, fixed, factors)
        splits.append(Split(forward, *found, deviation, slope))
    return splits


@part()
def points_of(parts: Split, noise: bool) -> tuple[int, int]:
    """First point and the one after the last that the noise token, or the signal token, uses."""
    first, beyond = parts.rows.shape[1], 0
    for i in range(parts.starts.size):
        if (parts.components[i] == 0) == noise:
            first = min(first, parts.starts[i])
            beyond = max(beyond, parts.starts[i] + parts.nodes.shape[1])
    return first, beyond


@part()
def add_split(parts: Split, shares: Array1, noise: bool, out: Array3) -> None:
    """Adds the expectations of f⁽ᵖ⁾f'⁽ᵖ⁾, p = 0, 1, of the noise token, or of the components of the
    signal token by their shares, to out (2, n', n)."""
    first, beyond = points_of(parts, noise)
    if beyond == 0:
        return
    nodes, size = parts.nodes.shape[1], parts.fixed.shape[3]
    for p in range(2):
        mixed = np.zeros((beyond - first, size))
        for i in range(parts.starts.size):
            if (parts.components[i] == 0) != noise:
                continue
            for j in range(nodes):
                factor = shares[parts.components[i]] * parts.weights[i, j]
                row, added = mixed[parts.starts[i] - first + j], parts.fixed[i, p, j]
                for node in range(size):
                    row[node] += factor * added[node]
        rows = parts.rows[p][first:beyond]
        if parts.forward:
            add_product(rows, mixed, out[p])
        else:
            add_product(mixed, rows, out[p])


@part(fastmath=FAST)
def contract_split(parts: Split, scale: Array1, noise: bool, adjoint: Array3, out: Array2) -> None:
    """Derivatives in both means, both variances and the covariance, out (C+1, 5).

    They are set for the noise token, or for the components of the signal token; scale (n,) is e^τ
    of the head of x.

    adjoint (2, n', n) belongs to E[f f'] and E[f⁽¹⁾ f'⁽¹⁾]; the marginals of f are left out.
    Derivatives in x' follow from Stein's lemma, E[g v] = E[dv/dg] for the derivative along g,
    deviation·∂_x + slope·∂_x'.
    """
    first, beyond = points_of(parts, noise)
    if beyond == 0:
        return
    deviation, slope = parts.deviation, parts.slope
    count, size = parts.fixed.shape[2:]
    if not parts.forward:
        turned = np.empty((2, adjoint.shape[2], adjoint.shape[1]))
        for p in range(2):
            for i in range(adjoint.shape[1]):
                for j in range(adjoint.shape[2]):
                    turned[p, j, i] = adjoint[p, i, j]
        adjoint = turned
    product = np.zeros((2, beyond - first, size))
    for p in range(2):
        add_product(parts.rows[p][first:beyond].T, adjoint[p], product[p])
    for m in range(parts.starts.size):
        if (parts.components[m] == 0) != noise:
            continue
        fixed, factors = parts.fixed[m], parts.factors[m]
        nodes, weights = parts.nodes[m], parts.weights[m]
        mean, variance, along, second, cross = 0.0, 0.0, 0.0, 0.0, 0.0
        for j in range(count):
            place = parts.starts[m] - first + j
            f, d1, of_f, of_d1 = fixed[0, j], fixed[1, j], product[0, place], product[1, place]
            v0, v1, v2 = 0.0, 0.0, 0.0
            for i in range(size):
                y = min(scale[i] * factors[j], FINITE)
                d2, d3 = d1[i] * (1.0 - y), d1[i] * (1.0 - y * (3.0 - y))
                v0 += f[i] * of_f[i] + d1[i] * of_d1[i]
                v1 += d1[i] * of_f[i] + d2 * of_d1[i]
                v2 += d2 * of_f[i] + d3 * of_d1[i]
            mean += weights[j] * v1
            variance += weights[j] * v2
            along += weights[j] * nodes[j] * v0
            second += weights[j] * (nodes[j] ** 2 - 1.0) * v0
            cross += weights[j] * nodes[j] * v1
        covariance = (cross - deviation * variance) / slope
        second -= deviation**2 * variance + 2.0 * deviation * slope * covariance
        x, other = (0, 1) if parts.forward else (1, 0)
        of_component = out[parts.components[m]]
        of_component[x], of_component[other] = mean, (along - deviation * mean) / slope
        of_component[2 + x], of_component[2 + other] = 0.5 * variance, 0.5 * second / slope**2
        of_component[4] = covariance
