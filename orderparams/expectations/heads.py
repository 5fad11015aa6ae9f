"""Integrals of one head: A_h and G_hh of theory 5b, their gradient, and two exact identities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.expectations.laplace import Integers, length_powers

Array = NDArray[np.float64]


@kernel()
def mix(tables: Array, shares: Array, out: Array) -> None:
    """Table of the signal token: the components c ≥ 1 of tables (C+1, rows, n), by their shares."""
    out[:] = 0.0
    for c in range(1, tables.shape[0]):
        for k in range(out.shape[0]):
            for i in range(out.shape[1]):
                out[k, i] += shares[c] * tables[c, k, i]


@kernel()
def head_integrals(
    tables: Array,
    token: Array,
    shares: Array,
    scale: Array,
    weight: Array,
    head_weight: float,
    powers: Integers,
    length_shares: Array,
    kappa: float,
    mean_gradient: Array,
    variance_gradient: Array,
    mass: Array,
) -> tuple[float, float, float]:
    """A, G and the miss of an identity; adds derivatives of −2uA + u²G by component.

    tables (C+1, rows, n) and token (rows, n) as in :mod:`smoothing`; mean_gradient and
    variance_gradient (C+1,); mass (n,) becomes the integrand of −2uA + u²G, weights included.
    The identity: −F′ has the integral 1 (see :mod:`laplace`). With K_1 = −K_0′, K_2 = K_0″ − K_0′.
    """
    size = weight.size
    f = tables[0]
    noise = np.empty((3, size))
    length_powers(-f[0], powers, length_shares, noise)
    # adjoints of rows 0, 1, 2 of the noise and of the signal token
    of_noise, of_token = np.zeros((3, size)), np.zeros((3, size))
    u, square = head_weight, head_weight**2
    attended, overlap, total = 0.0, 0.0, 0.0
    for i in range(size):
        w, g0, g1, g2 = weight[i], noise[0, i], noise[1, i], noise[2, i]
        psi0, psi1, psi2 = 1.0 + token[0, i], -token[1, i], token[2, i] - token[1, i]
        phi1, phi2 = -f[1, i], f[2, i] - f[1, i]
        attention = w * psi1 * g0
        concentration = w * (psi2 * g0 + phi2 * psi0 * g1)
        attended += attention
        overlap += concentration
        mass[i] = square * concentration - 2.0 * u * attention
        total += w * (psi1 * g0 + phi1 * psi0 * g1 + kappa * scale[i] * psi0 * g0)
        of_token[0, i] = square * w * phi2 * g1
        of_token[1, i] = w * (2.0 * u - square) * g0
        of_token[2, i] = square * w * g0
        of_noise[0, i] = w * (square * (psi2 * g1 + phi2 * psi0 * g2) - 2.0 * u * psi1 * g1)
        of_noise[1, i] = -square * w * psi0 * g1
        of_noise[2, i] = square * w * psi0 * g1
    for c in range(tables.shape[0]):
        adjoint = of_noise if c == 0 else of_token
        slope, curvature = 0.0, 0.0
        for k in range(3):
            for i in range(size):
                slope += adjoint[k, i] * tables[c, k + 1, i]
                curvature += adjoint[k, i] * tables[c, k + 2, i]
        mean_gradient[c] += shares[c] * slope
        variance_gradient[c] += 0.5 * shares[c] * curvature
    return attended, overlap, total - 1.0
