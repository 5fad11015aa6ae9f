"""A step of vectors that keep their lengths, from the step that they would take else.

With φ what a step does to X and ν_i = φ_q,ii/2q_ii, vectors are multiplied by
(1 + 2ν_i γ/D)^(−1/2) = 1 − ν_i γ/D + 3/2 ν_i² γ²/D², so that φ becomes Tφ,

    φ_m,i − ν_i m_i,    φ_q,ij − (ν_i + ν_j) q_ij,

C becomes T C Tᵀ, and the drift Tc and the mean of what is of second order,

    γ E[3/2 ν_i² m_i − ν_i φ_m,i],
    γ E[(3/2 ν_i² + 3/2 ν_j² + ν_i ν_j) q_ij − (ν_i + ν_j) φ_q,ij].
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from orderparams.models.vectors.fluctuations.coordinates import Coordinates
from orderparams.models.vectors.fluctuations.step import Step
from orderparams.models.vectors.geometry import Vectors

Array = NDArray[np.float64]


def on_spheres(step: Step, coordinates: Coordinates, vectors: Vectors, rate: float) -> Step:
    """The same step, with learning rate γ, on spheres."""
    rows, columns = coordinates.triangle
    own = coordinates.overlaps + np.flatnonzero(rows == columns)
    q, still = vectors.self_overlap, coordinates.still
    stretch = np.zeros((vectors.count, coordinates.size))  # ν = stretch φ
    stretch[np.arange(vectors.count), own] = 0.5 / np.diag(q)
    across = np.eye(coordinates.size)
    for i, unit in enumerate(np.eye(vectors.count)):
        turned = q[i][:, None] * unit
        moved = coordinates.pack(unit[:, None] * vectors.overlap, turned + turned.T, still)
        across -= np.outer(moved, stretch[i])
    moments = step.covariance + np.outer(step.mean, step.mean)
    crossed = stretch @ moments
    squares = crossed @ stretch.T
    parts = [coordinates.unpack(one) for one in crossed]
    sizes = np.diag(squares)
    of_overlap = 1.5 * sizes[:, None] * vectors.overlap
    of_overlap -= [part.overlap[i] for i, part in enumerate(parts)]
    half = np.array([part.self_overlap[i] for i, part in enumerate(parts)])
    of_square = (1.5 * np.add.outer(sizes, sizes) + squares) * q - half - half.T
    second = coordinates.pack(of_overlap, of_square, still)
    return dataclasses.replace(
        step,
        mean=across @ step.mean,
        covariance=across @ step.covariance @ across.T,
        drift=across @ step.drift + rate * second,
        noise=across @ step.noise,
    )
