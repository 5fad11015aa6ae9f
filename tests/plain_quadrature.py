"""Separate normalisers by plain trapezoid sums (theory 5b): slow, short and independent.

Uniform grids in τ and in the Gaussian variables of every pair of heads, x = a g₁ and
x' = b g₁ + c g₂ from the Cholesky factor of the pair's covariance; nothing is shared between pairs.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.engines import Moments
from orderparams.models.single_location.task import Task

Array = NDArray[np.float64]


def kernels(z: Array) -> list[Array]:
    """1 − K_0 and the first three derivatives of K_0(z) = exp(−eᶻ)."""
    y = np.exp(np.minimum(z, 300.0))
    k0 = np.exp(-y)
    y = np.minimum(y, 1e3)
    return [-np.expm1(-y), -y * k0, (y**2 - y) * k0, (3 * y**2 - y - y**3) * k0]


def power_law(task: Task, order: int, d: Array) -> Array:
    """E over L of the ``order``-th derivative of Φ^{L−1} at Φ = 1 − d."""
    log = np.log1p(-np.minimum(d, 1 - 1e-16))
    total = np.zeros_like(d)
    for length, weight in zip(task.lengths, task.length_weights, strict=True):
        power = int(length) - 1
        falling = np.prod(np.arange(power, power - order, -1, dtype=float))
        if falling > 0:
            total += weight * falling * np.exp((power - order) * log)
    return total


def gauss_grid(a: float, step: float, reach: float) -> tuple[Array, Array]:
    """Nodes and weights for E[f(a g)], g ~ N(0,1), f analytic within π/2 of the real axis."""
    h = step * min(1.5, 1 / max(a, 1e-300))
    g = np.arange(-np.ceil(reach / h), np.ceil(reach / h) + 1) * h
    weights = np.exp(-0.5 * g**2)
    return g, weights / weights.sum()


def plain_moments(
    task: Task,
    kappa: float,
    weights: Array,
    bias: Array,
    head_weights: Array,
    step: float = 0.3,
    reach: float = 9.0,
) -> Moments:
    """Risk and gradient; trapezoid step ``step`` in τ and in logits, Gaussians to ``reach``σ."""
    heads, features = len(weights), task.signal.features
    m = weights[:, :features]
    q = weights @ weights.T
    signal = task.signal
    count = len(signal.weights)
    # component 0 is the noise token
    shares = np.concatenate([[1.0], signal.weights])
    means = np.concatenate([bias[None], bias + signal.means @ m.T])
    covariances = np.concatenate([q[None], q + m @ signal.covariances @ m.T])
    sigma = np.sqrt(np.einsum("chh->ch", covariances))

    left = -37 - np.log(task.lengths.max()) - (means + reach * sigma).max(0)
    right = 4 - (means - reach * sigma).min(0)
    if kappa > 0:
        right = np.minimum(right, np.log(745 / kappa))
    taus = [np.arange(lo, hi, step) for lo, hi in zip(left, right, strict=True)]
    damps = [step * np.exp(-kappa * np.exp(tau)) for tau in taus]

    def tables(h: int, c: int) -> list[Array]:
        """D and the derivatives of orders 1..4 of Φ_0, by parts where the order exceeds 3."""
        g, w = gauss_grid(sigma[c, h], step, reach)
        k = kernels(taus[h][:, None] + means[c, h] + sigma[c, h] * g)
        y = np.exp(np.minimum(taus[h][:, None] + means[c, h] + sigma[c, h] * g, 7.0))
        fourth = (y**4 - 6 * y**3 + 7 * y**2 - y) * np.exp(-y)
        return [x @ w for x in (*k, fourth)]

    mean_gradient = np.zeros((count + 1, heads))
    covariance_gradient = np.zeros((count + 1, heads, heads))
    attended = np.zeros(heads)
    overlap = np.zeros((heads, heads))
    for h in range(heads):
        table = [tables(h, c) for c in range(count + 1)]
        d, *noise = table[0]
        p = [1 - d, *noise]
        s = [sum(w * t[k] for w, t in zip(shares[1:], table[1:], strict=True)) for k in range(5)]
        s[0] = 1 - s[0]
        g0, g1, g2 = (power_law(task, k, d) for k in range(3))
        psi1, psi2, phi2 = -s[1], s[2] - s[1], p[2] - p[1]
        attended[h] = damps[h] @ (psi1 * g0)
        overlap[h, h] = damps[h] @ (psi2 * g0 + phi2 * s[0] * g1)
        u = head_weights[h]
        bar_psi1 = -2 * u * damps[h] * g0
        bar_psi2 = u**2 * damps[h] * g0
        bar_psi0 = u**2 * damps[h] * phi2 * g1
        bar_phi2 = u**2 * damps[h] * s[0] * g1
        bar_phi0 = damps[h] * (-2 * u * psi1 * g1 + u**2 * (psi2 * g1 + phi2 * s[0] * g2))
        for c in range(count + 1):
            t = table[c]
            if c == 0:
                slope = bar_phi0 @ t[1] + bar_phi2 @ (t[3] - t[2])
                curve = bar_phi0 @ t[2] + bar_phi2 @ (t[4] - t[3])
            else:
                slope = bar_psi0 @ t[1] - bar_psi1 @ t[2] + bar_psi2 @ (t[3] - t[2])
                curve = bar_psi0 @ t[2] - bar_psi1 @ t[3] + bar_psi2 @ (t[4] - t[3])
            mean_gradient[c, h] += shares[c] * slope
            covariance_gradient[c, h, h] += 0.5 * shares[c] * curve

    for h, k in combinations(range(heads), 2):
        damp = np.outer(damps[h], damps[k])
        pair = []
        for c in range(count + 1):
            a = sigma[c, h]
            b = covariances[c, h, k] / a if a > 0 else 0.0
            r = np.sqrt(max(sigma[c, k] ** 2 - b**2, 0.0))
            g, w = gauss_grid(max(a, abs(b)), step, reach)
            e, v = gauss_grid(r, step, reach)
            first = kernels(taus[h][:, None] + means[c, h] + a * g)
            second = [
                x @ v
                for x in kernels(taus[k][:, None, None] + means[c, k] + b * g[:, None] + r * e)
            ]
            table = {
                (i, j): (first[i] * w) @ second[j].T
                for i in range(4)
                for j in range(4)
                if i + j <= 4 and i * j > 0
            }
            d1, d2 = first[0] @ w, second[0] @ w
            table[0, 0] = d1[:, None] + d2 - (first[0] * w) @ second[0].T
            for i in (1, 2):
                table[i, 0] = (first[i] @ w)[:, None] - (first[i] * w) @ second[0].T
                table[0, i] = second[i] @ w - (first[0] * w) @ second[i].T
            pair.append(table)
        g0, g1, g2 = (power_law(task, n, pair[0][0, 0]) for n in range(3))
        s00 = 1 - sum(w * t[0, 0] for w, t in zip(shares[1:], pair[1:], strict=True))
        s11 = sum(w * t[1, 1] for w, t in zip(shares[1:], pair[1:], strict=True))
        p11 = pair[0][1, 1]
        overlap[h, k] = overlap[k, h] = (damp * (s11 * g0 + p11 * s00 * g1)).sum()
        factor = 2 * head_weights[h] * head_weights[k] * damp
        noise = factor * (s11 * g1 + p11 * s00 * g2), factor * s00 * g1
        token = factor * p11 * g1, factor * g0
        for c, t in enumerate(pair):
            bar0, bar1 = token if c else noise

            def slope(
                i: int, j: int, bar0: Array = bar0, bar1: Array = bar1, t: dict = t, c: int = c
            ) -> float:
                """Contraction of both adjoints with the (i, j)-th derivative."""
                return shares[c] * float((bar0 * t[i, j] + bar1 * t[i + 1, j + 1]).sum())

            mean_gradient[c, h] += slope(1, 0)
            mean_gradient[c, k] += slope(0, 1)
            covariance_gradient[c, h, h] += 0.5 * slope(2, 0)
            covariance_gradient[c, k, k] += 0.5 * slope(0, 2)
            covariance_gradient[c, h, k] += 0.5 * slope(1, 1)
            covariance_gradient[c, k, h] += 0.5 * slope(1, 1)

    u = head_weights
    gradient = mean_gradient[1:].T @ signal.means + 2 * np.einsum(
        "chk,kf,cfg->hg", covariance_gradient[1:], m, signal.covariances
    )
    return Moments(
        risk=float(1 - 2 * u @ attended + u @ overlap @ u)
        + (task.noise**2 if task.target == "scalar" else 0.0),
        overlap_gradient=gradient,
        self_overlap_gradient=covariance_gradient.sum(0),
        bias_gradient=mean_gradient.sum(0),
        head_weight_gradient=-2 * attended + 2 * overlap @ u,
        gradient_covariance=None,
        error=0.0,
        engine="plain sums",
    )
