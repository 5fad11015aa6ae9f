"""What the engines of the population risk are given, and what they find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Setting(NamedTuple):
    """What the risk depends on beside the weights.

    N ≥ 2 examples; d_b (B,); variances v_jb of the tasks' coefficients (J, B); standard deviations
    σ_j (J,) of the labels' noise; whether the query itself is in the softmax, with label 0.
    """

    length: int
    blocks: NDArray[np.int64]
    variances: Array
    noise: Array
    query_in_softmax: bool = False


@dataclass(frozen=True, eq=False)
class Found:
    """Risk of each task (J,), the gradient of their sum by ω (H, B) and μ (H, J), and an estimate
    of the largest absolute error among all of them."""

    risk: Array
    key_query: Array
    output: Array
    error: float

    def distance(self, other: Found) -> float:
        """The largest difference of risks and gradients."""
        return max(
            float(np.abs(one - two).max())
            for one, two in (
                (self.risk, other.risk),
                (self.key_query, other.key_query),
                (self.output, other.output),
            )
        )
