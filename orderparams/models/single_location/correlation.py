"""Hidden directions that are not orthogonal, k*_f·k*_g = D T_fg (theory 1).

With B = T^½, k*_f = Σ_g B_fg e_g of orthogonal directions e_g, |e_g|² = D. A signal θ along the k*
is Bθ along the e, and heads that have overlaps m with the e have m Bᵀ with the k*: the task is that
of orthogonal directions, and only what goes in and out is in the frame of the k*.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.config.values import Matrix
from orderparams.models.single_location.task import Signal

Array = NDArray[np.float64]


def frame_of(correlation: Matrix | None) -> Array | None:
    """B (F, F), symmetric, of T; None for orthogonal directions."""
    if correlation is None:
        return None
    variances, axes = np.linalg.eigh(np.array(correlation))
    frame: Array = (axes * np.sqrt(variances)) @ axes.T
    return frame


def oriented(signal: Signal, frame: Array | None) -> Signal:
    """The law of Bθ."""
    if frame is None:
        return signal
    return Signal(signal.weights, signal.means @ frame.T, frame @ signal.covariances @ frame.T)


def with_target(frame: Array | None) -> Array | None:
    """The frame (F+1, F+1) of the k* and v*, which is orthogonal to all of them."""
    if frame is None:
        return None
    count = len(frame)
    found = np.eye(count + 1)
    found[:count, :count] = frame
    return found


def positions(overlap: Array, frame: Array | None) -> Array:
    """m (…, F) of overlaps m Bᵀ."""
    if frame is None:
        return overlap
    m: Array = overlap @ np.linalg.inv(frame).T
    return m


def measured(overlap: Array, frame: Array | None) -> Array:
    """m Bᵀ (…, F) of overlaps m."""
    if frame is None:
        return overlap
    found: Array = overlap @ frame.T
    return found
