"""Vectors in R^D whose risk is a polynomial of their order parameters: no model, no kernel."""

import numpy as np

from orderparams.models.vectors.flow import Gradient, VectorFlow
from orderparams.models.vectors.geometry import Vectors, residual_factor

D, N, F = 9, 3, 2
GENERATOR = np.random.default_rng(0)
AXES = np.sqrt(D) * np.linalg.qr(GENERATOR.standard_normal((D, F)))[0].T
VECTORS = GENERATOR.standard_normal((N, D))
CHARGE = np.array([0.7, -0.4, 1.1])
SWAP = [2, 1, 0]
"""An exchange of vectors that changes no risk: where these two are equal they stay equal."""
FIELD = GENERATOR.standard_normal((N, F))[[0, 1, 0]]
TARGET = GENERATOR.standard_normal((N, N))
TARGET = TARGET + TARGET[np.ix_(SWAP, SWAP)]


def risk(m, q, c):
    return (
        ((q - TARGET) ** 2).sum() / 2
        + (m * FIELD).sum()
        + (m**2).sum() ** 2 / 4
        + c**2 @ np.diag(q)
    )


def expectations(vectors, covariance):
    """The risk and its derivatives, those by q with all entries independent; V = q + 1/10."""
    m, q, c = vectors.overlap, vectors.self_overlap, vectors.numbers["charge"]
    return Gradient(
        risk(m, q, c),
        FIELD + (m**2).sum() * m,
        ((q - TARGET) + (q - TARGET).T) / 2 + np.diag(c**2),
        {"charge": 2 * c * np.diag(q)},
        q + 0.1 if covariance else None,
        error=1e-3,
        covariance_error=1e-2,
        engine="polynomial",
    )


def state_of(vectors, charge=CHARGE):
    """Order parameters of vectors (N, D)."""
    return {
        "overlap": vectors @ AXES.T / D,
        "self_overlap": vectors @ vectors.T / D,
        "charge": charge,
    }


def start_of(vectors, charge=CHARGE):
    m, q = vectors @ AXES.T / D, vectors @ vectors.T / D
    return Vectors(m, residual_factor(q - m @ m.T), {"charge": charge})


def flow_of(rule, vectors=VECTORS, charge=CHARGE, **options):
    return VectorFlow(start_of(vectors, charge), expectations, rule, **options)
