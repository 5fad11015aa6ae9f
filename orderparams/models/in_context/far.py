"""Beside the tables: heads whose scores are beyond those of pairs, every pair by quadrature."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orderparams.models.in_context.quadrature import expected

Array = NDArray[np.float64]

FARTHEST = 12.0
"""Largest standard deviation of scores that are taken so: a pair takes 2 ms at 4.5, and its time
grows as the cube."""

FARTHEST_ALONE = 140.0
"""The same of a lone head, whose best strength is searched: the farthest radii need few digits."""

MISSED = 1e-9
"""What a radius may miss by its error times its weight, within the errors that are aimed at."""

DIGITS = 5, 7
"""Decimal digits that these are, at least and at most."""


@dataclass(frozen=True)
class Direct:
    """Answers as a table does; ``error`` is what expectations aim at."""

    length: int
    error: float

    @property
    def shorter(self) -> Direct:
        """By coarser rules: they miss about ten times as much."""
        return replace(self, error=10 * self.error)

    def at(self, keys: Array) -> tuple[Array, Array]:
        """Expectations of heads (R, H, 3, 3) and of pairs (R, P, 4, 6) at keys (R, H, B)."""
        digits = -4.0 * (1.0 + np.log10(self.error))  # of long prompts and near lines half are lost
        return expected(self.length, keys, np.zeros(keys.shape[:2]), np.full(len(keys), digits))


def errors_at(weights: Array) -> Array:
    """What expectations at radii of these weights (R,) aim at: powers of ten."""
    digits = np.clip(np.round(np.log10(weights / MISSED)), *DIGITS)
    return np.asarray(10.0**-digits, np.float64)
