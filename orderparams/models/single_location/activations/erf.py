"""Attention weights by the error function, φ(x) = erf(x): expectations by Owen's function T.

With x ~ N(μ, σ²), j = (2/(1 + 2σ²))^½ and α = jμ: E[erf x] = 2Φ(α) − 1; and for a pair of
correlation r = 2c/((1 + 2σ²)(1 + 2σ′²))^½, |r| < 1,

    E[erf x erf x′] = 4Φ₂(α, α′; r) − 2Φ(α) − 2Φ(α′) + 1,

Φ and Φ₂ the distribution functions of one and of two normal variables.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.expectations.elementwise import Derivatives, Expected

Array = NDArray[np.float64]

ROOT = math.sqrt(2.0 * math.pi)


class Erf(NamedTuple):
    """φ(x) = erf(x)."""

    def expected(self, means: Array, covariances: Array) -> Expected:
        """E[φ], E[φφ′] and their derivatives at logits of a law: see :class:`Expected`."""
        from scipy.special import erf  # slow to import

        variances = np.diagonal(covariances, 0, 1, 2)
        scales = np.sqrt(2.0 / (1.0 + 2.0 * variances))
        levels = scales * means
        density = np.exp(-0.5 * levels**2) / ROOT
        slope = 2.0 * scales * density

        j, a, b = scales[:, :, None], levels[:, :, None], levels[:, None, :]
        products = j * scales[:, None, :]
        r = covariances * products
        x, y = variances[:, :, None], variances[:, None, :]
        determinant = np.maximum(x * y - covariances**2, 0.0)  # exact where heads coincide
        root = 0.5 * products * np.sqrt(1.0 + 2.0 * (x + y) + 4.0 * determinant)
        given = (b - r * a) / root
        both = density[:, :, None] * np.exp(-0.5 * given**2) / (ROOT * root)
        left = slope[:, :, None] * erf(given / math.sqrt(2.0))
        return Expected(
            erf(levels / math.sqrt(2.0)),
            slope,
            -scales * levels * slope,
            quadrants(a, b, r, root),
            left,
            -j * a * left - 4.0 * j**2 * r * both,
            4.0 * products * both,
        )

    def derivatives(self, means: Array, covariances: Array) -> Derivatives:
        """Of E[φ] and E[φφ′] in the means: see :class:`Derivatives`.

        φ′ = 2N(x; 0, ½), so that E[φ′φ′] = 4N((μ, μ′); 0, S + ½I); and by parts, from φ^(a+1) =
        −2xφ^(a) − 2(a−1)φ^(a−1), with s² = σ² + ½ and c the covariance,

            s² M_{a+1,0} = −μ M_{a,0} − c M_{a,1} − (a−1) M_{a−1,0}.
        """
        found = self.expected(means, covariances)
        squares = np.diagonal(covariances, 0, 1, 2) + 0.5
        alone = np.empty((5, *means.shape))
        alone[:3] = found.value, found.slope, found.bend
        for a in (2, 3):
            alone[a + 1] = -(means * alone[a] + (a - 1) * alone[a - 1]) / squares

        mu, s, other = means[:, :, None], squares[:, :, None], squares[:, None, :]
        determinant = s * other - covariances**2
        first = (other * mu - covariances * means[:, None, :]) / determinant
        second, cross = first.swapaxes(1, 2), found.cross
        m = np.zeros((5, 5, *covariances.shape))
        m[0, 0], m[1, 0], m[2, 0], m[1, 1] = found.product, found.first, found.second, cross
        m[2, 1], m[3, 1] = -first * cross, (first**2 - other / determinant) * cross
        m[2, 2] = (first * second + covariances / determinant) * cross
        for a in (2, 3):
            m[a + 1, 0] = -(mu * m[a, 0] + covariances * m[a, 1] + (a - 1) * m[a - 1, 0]) / s
        for a, b in ((1, 0), (2, 0), (3, 0), (4, 0), (2, 1), (3, 1)):
            m[b, a] = m[a, b].swapaxes(1, 2)
        return Derivatives(alone, m)

    def tilted(
        self, means: Array, covariances: Array, chosen: NDArray[np.int64]
    ) -> tuple[Array, Array, Array]:
        """E[φ′ … φ′ F] as a factor times E[F] of another law: factors (C, P), means (C, P, n) and
        covariances (C, P, n, n), for the logits of each row of chosen (P, k) among n fields.

        φ′ … φ′ = (4/π)^(k/2) exp(−|x|²) makes a Gaussian law another one: with S the covariance
        and b the mean of x (k,), and N = (½I + S)⁻¹, its determinant is that of I + 2S to the
        power −½, and −c N cᵀ is what it takes off a covariance, c that with x.
        """
        size = chosen.shape[1]
        c = covariances[:, :, chosen].transpose(0, 2, 1, 3)  # (C, P, n, k)
        b = means[:, chosen]
        s = c[:, np.arange(len(chosen))[:, None], chosen]  # (C, P, k, k)
        inverse = np.linalg.inv(0.5 * np.eye(size) + s)
        taken = c @ inverse
        mean = means[:, None] - np.einsum("npha,npa->nph", taken, b)
        covariance = covariances[:, None] - taken @ c.swapaxes(2, 3)
        factor = np.exp(-0.5 * np.einsum("npa,npab,npb->np", b, inverse, b))
        factor *= (4.0 / math.pi) ** (0.5 * size)
        return factor / np.sqrt(np.linalg.det(np.eye(size) + 2.0 * s)), mean, covariance

    def squares(self, means: Array, covariances: Array, v: Array, away: Array) -> Array:
        """E[(away + Σ_j v_j φ_j)² φ′_h φ′_k] of each law, (C, H, H)."""
        laws, count = means.shape
        rows, columns = np.tril_indices(count)
        factor, mean, covariance = self.tilted(means, covariances, np.stack([rows, columns], 1))
        found = self.expected(mean.reshape(-1, count), covariance.reshape(-1, count, count))
        y = np.repeat(away, len(rows))
        square = y**2 + 2.0 * y * (found.value @ v) + (found.product @ v) @ v
        out = np.empty((laws, count, count))
        out[:, rows, columns] = factor * square.reshape(laws, -1)
        out[:, columns, rows] = out[:, rows, columns]
        return out


def quadrants(a: Array, b: Array, r: Array, root: Array) -> Array:
    """4Φ₂(a, b; r) − 2Φ(a) − 2Φ(b) + 1 of a pair with correlation r, root = (1 − r²)^½.

    Φ₂ = ½Φ(a) + ½Φ(b) − T(a, ·) − T(b, ·), less ½ where a and b are on two sides (Owen 1956).
    """
    from scipy.special import owens_t  # slow to import

    origin = (a == 0.0) & (b == 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_a = np.where(a == 0.0, np.copysign(np.inf, b), (b / a - r) / root)
        of_b = np.where(b == 0.0, np.copysign(np.inf, a), (a / b - r) / root)
    equal = root / (1.0 + r)
    of_a, of_b = np.where(origin, equal, of_a), np.where(origin, equal, of_b)
    apart = (a * b < 0.0) | ((a * b == 0.0) & (a + b < 0.0))
    found: Array = 1.0 - 4.0 * (owens_t(a, of_a) + owens_t(b, of_b)) - 2.0 * apart
    return found


CURVE = Erf()


@kernel()
def curve(of: Erf, x: float) -> tuple[float, float, float]:
    """φ and its first two derivatives."""
    slope = 2.0 / math.sqrt(math.pi) * math.exp(-x * x)
    return math.erf(x), slope, -2.0 * x * slope
