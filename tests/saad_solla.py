"""Online learning of a soft committee machine as Saad and Solla wrote it, in plain NumPy.

Phys. Rev. E 52, 4225 (1995): g(x) = erf(x/√2), overlaps R, Q and T, the integrals I₂, I₃ and I₄ by
their closed forms there, time α = examples/N; with second layers v, v* and label noise as in Goldt
et al. (2019), weight decay κ, and batches. Nothing here is taken from the package.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp


def i2(c, i, j):
    """⟨g(u_i) g(u_j)⟩ of fields with covariance c."""
    return 2 / np.pi * np.arcsin(c[i, j] / np.sqrt((1 + c[i, i]) * (1 + c[j, j])))


def j2(c, i, j):
    """⟨g′(u_i) g′(u_j)⟩."""
    return 2 / np.pi / np.sqrt((1 + c[i, i]) * (1 + c[j, j]) - c[i, j] ** 2)


def i3(c, i, j, k):
    """⟨g′(u_i) u_j g(u_k)⟩."""
    lambda3 = (1 + c[i, i]) * (1 + c[k, k]) - c[i, k] ** 2
    numerator = c[j, k] * (1 + c[i, i]) - c[i, j] * c[i, k]
    return 2 / np.pi / np.sqrt(lambda3) * numerator / (1 + c[i, i])


def i4(c, i, j, k, m):
    """⟨g′(u_i) g′(u_j) g(u_k) g(u_m)⟩."""
    ii, jj, ij = 1 + c[i, i], 1 + c[j, j], c[i, j]
    lambda4 = ii * jj - ij**2

    def mixed(p, q, pq):
        cross = c[i, p] * c[j, q] + c[i, q] * c[j, p]
        return lambda4 * pq - c[j, p] * c[j, q] * ii - c[i, p] * c[i, q] * jj + ij * cross

    lambda0 = mixed(k, m, c[k, m])
    lambda1, lambda2 = mixed(k, k, 1 + c[k, k]), mixed(m, m, 1 + c[m, m])
    return 4 / np.pi**2 / np.sqrt(lambda4) * np.arcsin(lambda0 / np.sqrt(lambda1 * lambda2))


def covariance(r, q, t):
    """Of the fields of K students, then M teachers."""
    return np.block([[q, r], [r.T, t]])


def error(r, q, t, v, teachers_v):
    """ε_g = ⟨(φ − φ*)²⟩/2."""
    c, weights = covariance(r, q, t), np.concatenate([v, -teachers_v])
    k, m = np.indices(c.shape)
    return 0.5 * weights @ i2(c, k, m) @ weights


def motion(r, q, t, v, teachers_v, *, eta, sigma=0.0, kappa=0.0, eta_v=0.0, batch=1):
    """dR/dα, dQ/dα and dv/dα, entry by entry."""
    c, students, teachers = covariance(r, q, t), len(r), len(t)
    fields = np.arange(students + teachers)
    weights = np.concatenate([v, -teachers_v])  # of the error φ − φ*
    dr, dq, dv = -kappa * r, -2 * kappa * q, np.empty(students)
    for i in range(students):
        dv[i] = -eta_v * weights @ i2(c, i, fields)
        for n in range(teachers):
            dr[i, n] -= eta * v[i] * weights @ i3(c, i, students + n, fields)
        for k in range(students):
            dq[i, k] -= eta * v[i] * weights @ i3(c, i, k, fields)
            dq[i, k] -= eta * v[k] * weights @ i3(c, k, i, fields)
            squared = weights @ i4(c, i, k, fields[:, None], fields) @ weights
            dq[i, k] += eta**2 / batch * v[i] * v[k] * (squared + sigma**2 * j2(c, i, k))
    return dr, dq, dv


def trajectory(alphas, r, q, t, v, teachers_v, **rates):
    """R (A, K, M), Q (A, K, K) and v (A, K) at these α, the first being zero."""
    r, q, t, v, teachers_v = (np.asarray(x, dtype=float) for x in (r, q, t, v, teachers_v))
    sizes = np.cumsum([r.size, q.size])

    def parts(y):
        one, two, three = np.split(y, sizes, axis=-1)
        return one.reshape(-1, *r.shape), two.reshape(-1, *q.shape), three

    def slope(_, y):
        one, two, three = parts(y)
        velocities = motion(one[0], two[0], t, three, teachers_v, **rates)
        return np.concatenate([velocity.ravel() for velocity in velocities])

    start = np.concatenate([r.ravel(), q.ravel(), v])
    run = solve_ivp(
        slope, (0.0, alphas[-1]), start, method="DOP853", rtol=1e-12, atol=1e-14, t_eval=alphas
    )
    return parts(run.y.T)
