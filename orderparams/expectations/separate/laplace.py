"""The Laplace variable τ of one head: powers Φ^{L−1}, and where it matters (theory 5b).

F(τ) = e^{−κe^τ} Ψ_0 E_L[Φ_0^{L−1}] falls from 1 to 0; −F′ is the probability density of
log(t/Z) with t exponential and Z the head's normaliser. It says where the integrals over τ live
and how broad log Z is.
"""

from __future__ import annotations

import numpy as np

from orderparams.arrays import Array1, Array2
from orderparams.compiled import FAST, kernel, part
from orderparams.expectations.lanes import LANES
from orderparams.expectations.laws import Lengths
from orderparams.expectations.separate.law import Grids, Law
from orderparams.expectations.separate.smoothing import (
    FINITE,
    decay_rows,
    normal_weights,
    progression,
)

PREVIEW = 32
"""Points at which F is looked at before the grid is laid."""


@part(fastmath=FAST)
def length_powers(deficit: Array1, lengths: Lengths, out: Array2) -> None:
    """E_L[Φ^{L−1}] and its first two derivatives in Φ = 1 − deficit: fills out (3, n).

    1 − Φⁿ is built by squaring, d ← d(2−d), and
    keeps its relative accuracy at every n.
    """
    others, shares = lengths
    size = deficit.size
    base, dead = np.empty(size), np.empty(size)
    for k in range(3):
        for i in range(size):
            out[k, i] = 0.0
    g0, g1, g2 = out[0], out[1], out[2]
    for case in range(others.size):
        power, share = others[case], shares[case]
        if power == 1:
            for i in range(size):
                g0[i] += share * (1.0 - deficit[i])
                g1[i] += share
            continue
        for i in range(size):
            base[i] = deficit[i]
            dead[i] = 0.0
        rest = power - 2
        while rest > 0:
            if rest % 2 == 1:
                for i in range(size):
                    dead[i] += base[i] * (1.0 - dead[i])
            for i in range(size):
                base[i] *= 2.0 - base[i]
            rest //= 2
        first, second = float(power), float(power) * float(power - 1)
        for i in range(size):
            phi = 1.0 - deficit[i]
            left = share * (1.0 - dead[i])
            g0[i] += left * phi * phi
            g1[i] += left * phi * first
            g2[i] += left * second


@part()
def survival(
    head: int, tau: Array1, law: Law, lengths: Lengths, kappa: float, digits: float, out: Array1
) -> None:
    """F(τ) of one head to about three digits, down to e^{−digits}: fills out (n,)."""
    means, deviations, shares = law.means, law.deviations, law.shares
    size = tau.size
    scale, deficit, token = np.empty(size), np.zeros(size), np.empty(size)
    for i in range(size):
        scale[i] = np.exp(min(tau[i], FINITE))
        token[i] = 1.0
    for c in range(shares.size):
        step = min(0.75, 1.3 / deviations[c, head])  # 0.75: the weights have the sum 1 to rounding
        half = int(np.ceil(np.sqrt(2.0 * digits) / step))
        nodes = progression(-half * step, step, 2 * half + 1)
        weights = normal_weights(nodes, step)
        rates, values = np.empty((nodes.size, size)), np.empty((nodes.size, size))
        decay_rows(scale, means[c, head] + deviations[c, head] * nodes, rates, values)
        for j in range(nodes.size):
            for i in range(size):
                if c == 0:
                    deficit[i] -= weights[j] * values[j, i]
                else:
                    token[i] += shares[c] * weights[j] * values[j, i]
    powers = np.empty((3, size))
    length_powers(deficit, lengths, powers)
    for i in range(size):
        out[i] = np.exp(-kappa * scale[i]) * token[i] * powers[0, i]


@part()
def window(head: int, law: Law, longest: int, kappa: float, digits: float) -> tuple[float, float]:
    """[low, high] outside of which 1 − F or F is below e^{−digits}, by Chernoff's bound."""
    means, deviations, shares = law.means, law.deviations, law.shares
    low, high, brightest = np.inf, np.inf, -np.inf
    for c in range(shares.size):
        mean, spread = means[c, head], deviations[c, head]
        need = digits + (np.log(longest) if c == 0 else 0.0)
        broad = spread**2 > 2.0 * need
        low = min(low, -mean - (spread * np.sqrt(2.0 * need) if broad else need + 0.5 * spread**2))
        edge = np.log(digits) - mean + spread * np.sqrt(2.0 * digits)
        if c == 0:
            high = edge
        else:
            brightest = max(brightest, edge)
    high = min(high, brightest)
    if kappa > 0.0:
        low = min(low, -digits - np.log(kappa))
        high = min(high, np.log(digits / kappa))
    return low, high


@part()
def ridge_width(head: int, covariance: Array2) -> float:
    """Smallest standard deviation of the head's logit minus that of another head."""
    least = np.inf
    for other in range(covariance.shape[0]):
        if other != head:
            both = covariance[head, head] + covariance[other, other]
            least = min(least, both - 2.0 * covariance[head, other])
    return float(np.sqrt(max(least, 0.0)))


@kernel(inlined=False)
def locate(law: Law, lengths: Lengths, kappa: float, digits: float) -> Array2:
    """For every head the ends of the window, and origin and stretch of its map u ↦ τ, (H, 4).

    τ = origin + stretch·(u − e^{−u}) shortens the left tail, where integrands fall like e^τ. The
    stretch follows the standard deviation of log Z, unless that range holds something finer: a
    ridge in the integrand of a pair, as wide as the logits of the two heads differ, or the edge of
    e^{−κe^τ}. The map then stays uniform over the whole range.
    """
    heads = law.means.shape[1]
    longest = 1
    for others in lengths.others:
        longest = max(longest, others)
    tau, alive, out = np.empty(PREVIEW), np.empty(PREVIEW), np.empty((heads, 4))
    for head in range(heads):
        low, high = window(head, law, longest, kappa, digits)
        spacing = (high - low) / (PREVIEW - 1)
        for i in range(PREVIEW):
            tau[i] = low + spacing * i
        survival(head, tau, law, lengths, kappa, digits, alive)
        total, first, second = 0.0, 0.0, 0.0
        last = PREVIEW - 1
        for i in range(PREVIEW - 1):
            mass = alive[i] - alive[i + 1]
            middle = tau[i] + 0.5 * spacing
            total += mass
            first += mass * middle
            second += mass * middle**2
            if alive[i] < np.exp(-digits):
                last = min(last, i)
        center = first / total
        variance = second / total - center**2 - spacing**2 / 12.0 - np.pi**2 / 6.0
        spread = np.sqrt(max(variance, 0.0))
        width = 0.0 if kappa > 0.0 else ridge_width(head, law.covariances[0])
        finest = min(spread, 0.5 + width)
        out[head, 0], out[head, 1] = low, tau[last]
        out[head, 3] = 1.0 + 0.5 * finest
        out[head, 2] = center - 1.5 * out[head, 3] - np.sqrt(2.0 * digits) * (spread - finest)
    return out


@part()
def nodes_between(
    origin: float, stretch: float, low: float, high: float, step: float
) -> tuple[int, int]:
    """First index and number of the nodes u = index·step whose τ reach from low to high."""
    start = 0
    while origin + stretch * (start * step - np.exp(-start * step)) > low:
        start -= 1
    end = start + 1
    while origin + stretch * (end * step - np.exp(-end * step)) < high:
        end += 1
    return start, end - start + 1


@kernel(inlined=False)
def lay_grids(located: Array2, kappa: float, step: float) -> Grids:
    """A trapezoid rule, uniform in u, for every head of :func:`locate`; sizes are whole vectors."""
    heads = located.shape[0]
    first = np.empty(heads, dtype=np.int64)
    origin, stretch = np.empty(heads), np.empty(heads)
    sizes, widest = np.empty(heads, dtype=np.int64), 0
    for h in range(heads):
        low, high, origin[h], stretch[h] = located[h]
        first[h], count = nodes_between(origin[h], stretch[h], low, high, step)
        sizes[h] = count + -count % LANES
        widest = max(widest, sizes[h])
    scale, weight = np.empty((heads, widest)), np.empty((heads, widest))
    for h in range(heads):
        for i in range(sizes[h]):
            u = step * (first[h] + i)
            tail = np.exp(-u)
            scale[h, i] = np.exp(min(origin[h] + stretch[h] * (u - tail), FINITE))
            weight[h, i] = step * stretch[h] * (1.0 + tail) * np.exp(-kappa * scale[h, i])
    return Grids(scale, weight, sizes)
