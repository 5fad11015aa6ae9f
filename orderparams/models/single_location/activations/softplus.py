"""Normalised softplus, φ(x) = log(1 + eˣ), by its logarithm: the score of a token."""

from __future__ import annotations

import math
from typing import NamedTuple

from orderparams.compiled import kernel


class Softplus(NamedTuple):
    """log φ(x) for φ(x) = log(1 + eˣ); like eˣ on the left, like x on the right."""


CURVE = Softplus()


@kernel()
def curve(of: Softplus, x: float) -> tuple[float, float, float]:
    """log φ and its first two derivatives.

    With the logistic function p = φ′: p/φ and (p/φ)(1 − p − p/φ). On the far left φ = eˣ − e²ˣ/2.
    """
    if x < -18.0:
        tail = math.exp(x)
        return x - 0.5 * tail, 1.0 - 0.5 * tail, -0.5 * tail
    phi = math.log1p(math.exp(x)) if x < 30.0 else x + math.exp(-x)
    p = 1.0 / (1.0 + math.exp(-x))
    share = p / phi
    return math.log(phi), share, share * (1.0 - p - share)
