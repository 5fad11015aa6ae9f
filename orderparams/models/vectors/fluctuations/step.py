"""Mean, covariance and 1/D drift of a step of SGD.

A step changes the order parameters X by (γ/D)(f + c/D + ζ). With φ the change by one sequence,

    φ_m = A in the hidden directions,    φ_q,ij = A_i·K_j + A_j·K_i + (γ/B) Σ_ℓ g_iℓ g_jℓ,
    C = Cov(φ)/B,    c_q,ij = γ { E[A_i·A_j] − (d+n) V_ij/B },

E[A·A'] = E₁/B + (1 − 1/B) Ā·Ā' of the mean over a batch, E₁ and Ā of one sequence. What lies
outside the basis of the nodes (:mod:`nodes`) has the covariance V: it adds V ⊗ (I − P) to the block
of m, P the projector on the basis, and (d−r) V to E₁. C is made of Gram matrices alone and stays
positive semidefinite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.vectors.fluctuations.coordinates import Coordinates
from orderparams.models.vectors.fluctuations.nodes import Nodes, basis_of
from orderparams.models.vectors.geometry import Vectors

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Step:
    """Of a step at some vectors: mean f (N,), covariance C (N, N) and drift c (N,), in coordinates
    that have the overlaps with all hidden directions; V where it drives them (N,); the mean loss;
    the mean change Ā of the vectors (n, d+n), along hidden directions and own ones; the largest
    ``share`` of one node in the variance of any combination of coordinates; where they were asked
    for, the covariances (2, N, N) of ``squares`` (γ/B) Σ_ℓ g_iℓ g_jℓ, with φ and own ones, over B.
    """

    mean: Array
    covariance: Array
    drift: Array
    noise: Array
    loss: float
    average: Array
    share: float
    squares: Array | None = None


NONE = 1e-10
"""Of the largest eigenvalue of correlations: what does not fluctuate."""


def step_at(
    nodes: Nodes,
    coordinates: Coordinates,
    vectors: Vectors,
    rate: float,
    batch: int,
    restraint: Array,
    *,
    parted: bool = False,
) -> Step:
    """A step with learning rate γ and batch size B under a restraint R (:meth:`Rule.restraint`);
    ``parted`` tells the squares apart."""
    found, mass = nodes.answers(vectors, restraint), nodes.mass
    (count, directions), read = vectors.overlap.shape, nodes.responder.read
    weights, change = vectors.weights, found.change
    noise = np.tensordot(mass, found.products, 1)
    half = change @ weights.T
    squares = half + np.swapaxes(half, 1, 2) + rate / batch * found.products
    flowing = coordinates.pack(
        change[:, :, :directions],
        squares,
        {name: -speed * found.numbers[name] for name, speed in coordinates.rates.items()},
    )
    mean = mass @ flowing
    centered = flowing - mean
    covariance = centered.T @ (mass[:, None] * centered)
    basis = basis_of(weights, directions, read)[:directions]
    outside = np.kron(noise, np.eye(directions) - basis @ basis.T)
    overlaps = count * directions
    covariance[:overlaps, :overlaps] += outside
    own = np.einsum("a,aik,ajk->ij", mass, change, change, optimize=True)
    own = (own - (count + read) * noise) / batch
    average = np.tensordot(mass, change, 1)
    own += (1 - 1 / batch) * average @ average.T
    drift, driven = (
        coordinates.pack(np.zeros((count, directions)), square, coordinates.still)
        for square in (rate * own, noise)
    )
    share = largest_share(centered, mass, covariance)
    apart = None
    if parted:
        nothing = np.zeros((nodes.count, count, directions))
        numbers = {name: np.zeros_like(found.numbers[name]) for name in coordinates.rates}
        own = coordinates.pack(nothing, rate / batch * (found.products - noise), numbers)
        apart = np.array([one.T @ (mass[:, None] * own) for one in (centered, own)]) / batch
    return Step(
        mean,
        covariance / batch,
        drift,
        driven,
        float(mass @ found.loss),
        average,
        share,
        apart,
    )


def largest_share(centered: Array, mass: Array, covariance: Array) -> float:
    """max_a p_a y_a·C⁻¹y_a of deviations y (A, N) with masses p (A,), between 0 and 1: the part of
    one of them in the variance of that combination in which it is largest."""
    scale = np.sqrt(covariance.diagonal())
    scale[scale == 0] = 1.0
    sizes, axes = np.linalg.eigh(covariance / np.outer(scale, scale))
    kept = sizes > NONE * sizes[-1]
    white = (centered / scale) @ (axes[:, kept] / np.sqrt(sizes[kept]))
    return float((mass * np.square(white).sum(axis=1)).max(initial=0.0))
