"""What an engine of the population risk finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Found:
    """Risk of each task (J,), the gradient of their sum by ω (H, B) and μ (H, J), and an estimate
    of the largest absolute error among all of them, NaN where it was not asked for."""

    risk: Array
    key_query: Array
    output: Array
    error: float = np.nan

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
