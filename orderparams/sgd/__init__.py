"""One-pass SGD at finite dimension D (theory 6).

Two backends with the same options: ``direct`` holds vectors in R^D and draws every token in full,
the ground truth; ``gram`` follows the order parameters alone, exact in law at any D at a cost per
step that does not depend on it. :class:`orderparams.sgd.replicas.Ensemble` runs many. All of these
serve any model that :mod:`orderparams.sgd.model` describes; ``sequence`` and ``run`` are
single-location regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class UpdateRule(NamedTuple):
    """How one step of SGD changes the heads, the bias and the head weights (theory 4).

    learning_rate γ, batch_size B, weight_decay λ; norm_bias: β_h = −|k_h|²/2D, differentiated
    through; bias_rate η_b and head_weight_rate η_u, zero for what is not learned.
    """

    learning_rate: float
    batch_size: int = 1
    weight_decay: float = 0.0
    norm_bias: bool = False
    bias_rate: float = 0.0
    head_weight_rate: float = 0.0


@dataclass(frozen=True, eq=False)
class Records:
    """R replicas of a model with n learned vectors and F recorded hidden directions, at T times.

    time (T,), t = γ·step/D of the steps (T,) that were recorded; overlap (R, T, n, F); self_overlap
    (R, T, n, n); loss (R, T), the mean per step over the steps since the record before (NaN where
    there are none). NaN too where a replica has not come yet.
    """

    time: Array
    step: NDArray[np.int64]
    overlap: Array
    self_overlap: Array
    loss: Array


@dataclass(frozen=True, eq=False)
class Simulation(Records):
    """Records of single-location regression, n = H; bias and head_weight (R, T, H).

    The loss is ‖y − f(X)‖²/D of the token target, the squared error of the scalar target.
    """

    bias: Array
    head_weight: Array
