"""The Laplace kernel K_0(s) = exp(−eˢ) smoothed by a Gaussian logit (theory 5b).

Everything about one head and one component of the logits' law stands in one table: row 0 is
E[f(τ+x)] with f = K_0 − 1, row k ≥ 1 its k-th derivative in τ, for x ~ N(mean, deviation²). By
Price's theorem a derivative in the mean is a shift by one row and one in the variance half a shift
by two. f instead of K_0 keeps the relative accuracy that powers as high as L = 10⁶ ask for.
"""

from __future__ import annotations

import numpy as np

from orderparams.arrays import Array1, Array2, Transposed
from orderparams.compiled import FAST, kernel, part
from orderparams.expectations.lanes import fma, row_vectors

NARROW = 0.15
"""Below this deviation rows come from derivatives of f, above from Hermite polynomials: those
divide the rounding error of row k by deviationᵏ."""

FINITE = 700.0
"""Exponents are clipped here; exp of it is finite."""


@kernel(inlined=False)
def add_product(left: Array2 | Transposed, right: Array2, out: Array2) -> None:
    """Adds leftᵀ right to out (R, n), for left (S, R) and right (S, n); n is whole vectors."""
    factors, sums = row_vectors(right), row_vectors(out)
    terms, rows = left.shape
    whole = rows - rows % 4
    for i in range(sums.shape[1]):
        for r in range(0, whole, 4):
            a0, a1, a2, a3 = sums[r, i], sums[r + 1, i], sums[r + 2, i], sums[r + 3, i]
            for s in range(terms):
                b = factors[s, i]
                a0, a1 = fma(left[s, r], b, a0), fma(left[s, r + 1], b, a1)
                a2, a3 = fma(left[s, r + 2], b, a2), fma(left[s, r + 3], b, a3)
            sums[r, i], sums[r + 1, i], sums[r + 2, i], sums[r + 3, i] = a0, a1, a2, a3
        for r in range(whole, rows):
            a0 = sums[r, i]
            for s in range(terms):
                a0 = fma(left[s, r], factors[s, i], a0)
            sums[r, i] = a0


@kernel(inlined=False, fastmath=FAST)
def decay(y: Array1, out: Array1) -> None:
    """out = e^{−y} − 1 for y ≥ 0, accurate to a few units of the last place of out.

    The series serves y/128; each of seven doublings d(2y) = d(y)(2 − d(y)) of d = 1 − e^{−y}
    damps the relative error of the one before.
    """
    for i in range(y.size):
        x = min(y[i], 40.0) / 128.0
        p = 1.0 / 479001600.0 - x / 6227020800.0
        p = 1.0 / 39916800.0 - x * p
        p = 1.0 / 3628800.0 - x * p
        p = 1.0 / 362880.0 - x * p
        p = 1.0 / 40320.0 - x * p
        p = 1.0 / 5040.0 - x * p
        p = 1.0 / 720.0 - x * p
        p = 1.0 / 120.0 - x * p
        p = 1.0 / 24.0 - x * p
        p = 1.0 / 6.0 - x * p
        p = 0.5 - x * p
        d = x * (1.0 - x * p)
        d *= 2.0 - d
        d *= 2.0 - d
        d *= 2.0 - d
        d *= 2.0 - d
        d *= 2.0 - d
        d *= 2.0 - d
        d *= 2.0 - d
        out[i] = -d


@part()
def decay_rows(scale: Array1, x: Array1, rates: Array2, out: Array2) -> None:
    """y = e^{τ+x} at e^τ = scale (n,) and x (nodes,), and f = e^{−y} − 1: fills both (nodes, n)."""
    for j in range(x.size):
        factor = np.exp(min(x[j], FINITE))
        for i in range(scale.size):
            rates[j, i] = min(scale[i] * factor, FINITE)
    decay(rates.reshape(-1), out.reshape(-1))


@part()
def progression(first: float, step: float, count: int) -> Array1:
    """first, first + step, …: (count,). Loops compile faster than NumPy's expressions."""
    out = np.empty(count)
    for i in range(count):
        out[i] = first + step * i
    return out


@part()
def normal_weights(nodes: Array1, step: float) -> Array1:
    """Weights of a trapezoid rule for a standard normal variable."""
    out = np.empty(nodes.size)
    for i in range(nodes.size):
        out[i] = step / np.sqrt(2.0 * np.pi) * np.exp(-0.5 * nodes[i] ** 2)
    return out


@kernel(inlined=False)
def gaussian_rule(deviation: float, rows: int, digits: float) -> tuple[Array1, Array1]:
    """Trapezoid nodes g and weights for E[f(τ + deviation·g) He_k(g)], k < rows, to e^{−digits}.

    On the line Im g = y the integrand grows by about e^{y²/2 + y√k}, and f is bounded for
    y·deviation ≤ π/2; the step makes e^{−2πy/step} outweigh that at the best such y.
    """
    if deviation == 0.0:
        return np.zeros(1), np.ones(1)
    y = np.sqrt(2.0 * digits)
    if deviation * y > 0.5 * np.pi:
        y = 0.5 * np.pi / deviation
    step = 2.0 * np.pi * y / (digits + 0.5 * y * y + y * np.sqrt(rows))
    reach = min(2.0 * np.sqrt(digits), np.sqrt(2.0 * digits) + 0.5 * np.sqrt(rows))
    half = int(np.ceil(reach / step))
    nodes = progression(-half * step, step, 2 * half + 1)
    return nodes, normal_weights(nodes, step)


@part()
def hermite_weights(nodes: Array1, weights: Array1, deviation: float, out: Array2) -> None:
    """out (rows, nodes): weight·He_k(g)/deviationᵏ, which turns values of f into row k."""
    inverse = 1.0 / deviation
    count = nodes.size
    for j in range(count):
        out[0, j] = weights[j]
    for k in range(1, out.shape[0]):
        row, last, before = out[k], out[k - 1], out[max(k - 2, 0)]
        factor = (k - 1) * inverse
        for j in range(count):
            row[j] = (nodes[j] * last[j] - factor * before[j]) * inverse


@part()
def narrow_rows(rates: Array2, weights: Array1, out: Array2) -> None:
    """Rows k ≥ 1 of the table from f⁽ᵏ⁾ = e^{−y} Σ_j (−1)ʲ S(k,j) yʲ, S Stirling's numbers.

    rates (nodes, n) are y = e^{τ+x}.
    """
    rows, size = out.shape
    stirling = np.zeros((rows, rows))
    stirling[0, 0] = 1.0
    for k in range(1, rows):
        for j in range(1, k + 1):
            stirling[k, j] = j * stirling[k - 1, j] - stirling[k - 1, j - 1]
    moments = np.empty(rows)
    for i in range(size):
        for j in range(rows):
            moments[j] = 0.0
        for node in range(weights.size):
            y = rates[node, i]
            term = weights[node] * np.exp(-y)
            for j in range(rows):
                moments[j] += term
                term *= y
        for k in range(1, rows):
            for j in range(1, k + 1):
                out[k, i] += stirling[k, j] * moments[j]


@part()
def smooth(scale: Array1, mean: float, deviation: float, digits: float, out: Array2) -> None:
    """The table at e^τ = scale (n,): fills out (rows, n).

    Row k comes to about e^{−digits} √k!/max(1, deviationᵏ), for k ≤ 4 to e^{−digits}. Below the
    deviation NARROW keep to two dozen rows: Stirling's numbers grow like factorials.
    """
    rows, size = out.shape
    narrow = deviation < NARROW
    digits -= 4.0 * np.log(min(max(deviation, NARROW), 1.0))
    nodes, weights = gaussian_rule(deviation, 4 if narrow else rows, digits)
    rates, values = np.empty((nodes.size, size)), np.empty((nodes.size, size))
    for k in range(rows):
        for i in range(size):
            out[k, i] = 0.0
    decay_rows(scale, mean + deviation * nodes, rates, values)
    if narrow:
        add_product(weights.reshape(1, -1).T, values, out[:1])
        narrow_rows(rates, weights, out)
    else:
        transform = np.empty((rows, nodes.size))
        hermite_weights(nodes, weights, deviation, transform)
        add_product(transform.T, values, out)


@part()
def row_bounds(deviation: float, out: Array1) -> None:
    """Bounds of |row k| over all τ for k ≥ 1, out (rows,), by the Fourier transform of K_0:

    |row k| ≤ 1/(2π) ∫ |ω|ᵏ |Γ(iω)| e^{−deviation²ω²/2} dω,  |Γ(iω)|² = π/(ω sinh πω).
    """
    count = 32
    spacing = 0.25
    frequency = np.empty(count)
    terms = np.empty(count)
    for j in range(count):
        w = np.exp(spacing * (j - 12))
        gamma = np.sqrt(2.0 * np.pi / (w * -np.expm1(-2.0 * np.pi * w)))
        frequency[j] = w
        terms[j] = (
            spacing * w / np.pi * gamma * np.exp(-0.5 * np.pi * w - 0.5 * (deviation * w) ** 2)
        )
    for k in range(out.size):
        total = 0.0
        for j in range(count):
            total += terms[j]
            terms[j] *= frequency[j]
        out[k] = total
