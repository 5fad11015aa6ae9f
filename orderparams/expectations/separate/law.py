"""What the kernels of separate normalisers hand to one another."""

from __future__ import annotations

from typing import NamedTuple

from orderparams.arrays import Array1, Array2, Array3, Integers1, Integers2, Integers3


class Law(NamedTuple):
    """Law of H logits by component: 0 is a noise token, the C others make up the signal token.

    means (C+1, H), covariances (C+1, H, H) and deviations (C+1, H); shares (C+1,), the first one.
    ``own`` is the weight of the signal token in G.
    """

    means: Array2
    covariances: Array3
    deviations: Array2
    shares: Array1
    own: float = 1.0


class Seeds(NamedTuple):
    """α (H,) and the symmetric γ (H, H) of the sum Σ α_h A_h + Σ γ_hh' G_hh'."""

    alpha: Array1
    gamma: Array2


class Slopes(NamedTuple):
    """Derivatives in the means (C+1, H) and in the covariances (C+1, H, H) of a law."""

    means: Array2
    covariances: Array3


class Grids(NamedTuple):
    """e^τ and weights e^{−κe^τ} dτ of the nodes in τ, (H, n), and how many each head has (H,).

    What stands behind them is not set.
    """

    scales: Array2
    weights: Array2
    sizes: Integers1


class Depth(NamedTuple):
    """How far the tables of the logits go: rows (C+1, H), terms (C+1, H, H) of Mehler's series for
    pairs h < h', 0 where they are split, at most ``splits`` components of a pair; and the digits of
    the rules in the logits."""

    rows: Integers2
    terms: Integers3
    splits: int
    digits: float


class Integrated(NamedTuple):
    """What is filled or added to: A (H,), G (H, H), the part of the seeded sum's integrand at the
    nodes of each head (H, n), and the derivatives of the sum."""

    attended: Array1
    overlaps: Array2
    masses: Array2
    slopes: Slopes
