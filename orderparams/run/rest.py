"""Whether a flow has come to rest: near a stable stationary point, or too slow to be followed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.run.jacobian import Jacobian

Array = NDArray[np.float64]

NOISE = 1e-11
"""Velocity that cannot be told from the last digits of the expectations."""

NEUTRAL = 1e-7
"""Of the largest rate: what is slower belongs to directions in which nothing drives the flow."""


def at_rest(
    y: Array,
    velocity: Array,
    jacobian: Jacobian,
    time: float,
    left: float,
    tolerance: Array,
    error: float = NOISE,
) -> bool:
    """Whether the flow moves no component of y by more than its ``tolerance`` (N,) any more.

    The stationary point by Newton's method must be that near and stable; along directions without
    a rate of their own the velocity must be NOISE or need more than the time that is ``left``.
    ``time`` is the time so far: while the velocity would lead further than the tolerance in as
    long, and is larger than the ``error`` of the expectations, the Jacobian is not taken.
    """
    speed = np.abs(velocity)
    if (speed > np.maximum(tolerance / time, error)).any():
        return False
    rates = jacobian(y)
    left_vectors, sizes, right_vectors = np.linalg.svd(rates)
    driven = sizes > NEUTRAL * sizes[0]
    parts = left_vectors.T @ velocity
    inverse = np.divide(1.0, sizes, out=np.zeros_like(sizes), where=driven)
    distance = np.abs(right_vectors.T @ (parts * inverse))
    drift = np.abs(left_vectors @ np.where(driven, 0.0, parts))
    grows = np.linalg.eigvals(rates).real.max() > NEUTRAL * sizes[0]
    return bool(
        not grows
        and (distance <= tolerance).all()
        and (drift <= np.maximum(tolerance / left, NOISE)).all()
    )
