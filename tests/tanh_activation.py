"""Attention weights by the hyperbolic tangent, φ(x) = tanh x."""

import math
from typing import NamedTuple

from orderparams.compiled import kernel


class Tanh(NamedTuple):
    """φ(x) = tanh x."""


CURVE = Tanh()


@kernel()
def curve(of: Tanh, x: float) -> tuple[float, float, float]:
    """φ and its first two derivatives."""
    value = math.tanh(x)
    slope = 1.0 - value * value
    return value, slope, -2.0 * value * slope
