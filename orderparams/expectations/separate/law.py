"""What the kernels of separate normalisers hand to one another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


class Law(NamedTuple):
    """Law of H logits by component: 0 is a noise token, the C others make up the signal token.

    means (C+1, H), covariances (C+1, H, H) and deviations (C+1, H); shares (C+1,), the first one.
    """

    means: Array
    covariances: Array
    deviations: Array
    shares: Array


class Seeds(NamedTuple):
    """α (H,) and the symmetric γ (H, H) of the sum Σ α_h A_h + Σ γ_hh' G_hh'."""

    alpha: Array
    gamma: Array


class Slopes(NamedTuple):
    """Derivatives in the means (C+1, H) and in the covariances (C+1, H, H) of a law."""

    means: Array
    covariances: Array


class Grids(NamedTuple):
    """e^τ and weights e^{−κe^τ} dτ of the nodes in τ, (H, n), and how many each head has (H,).

    What stands behind them is not set.
    """

    scales: Array
    weights: Array
    sizes: Integers


class Depth(NamedTuple):
    """How far the tables of the logits go: rows (C+1, H), terms (C+1, H, H) of Mehler's series for
    pairs h < h', 0 where they are split, at most ``splits`` components of a pair; and the digits of
    the rules in the logits."""

    rows: Integers
    terms: Integers
    splits: int
    digits: float


class Integrated(NamedTuple):
    """What is filled or added to: A (H,), G (H, H), the part of the seeded sum's integrand at the
    nodes of each head (H, n), and the derivatives of the sum."""

    attended: Array
    overlaps: Array
    masses: Array
    slopes: Slopes
