"""When tasks are learned, and when groups of heads come to what they end with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAST = 1e-3
"""Part of what there is to learn that a change has to be, to be one."""

TOGETHER = 0.1
"""Relative difference of half-times up to which two tasks are learned in one stage."""

LEVELS = (0.1, 0.5, 0.9)


def passages(time: Array, done: Array) -> Array:
    """The first times (3,) at which what goes from 0 to 1 passes 10 %, 50 %, 90 %, interpolated;
    NaN where it does not."""
    found = np.full(3, np.nan)
    for i, level in enumerate(LEVELS):
        above = done >= level
        if above.any() and not above[0]:
            k = int(above.argmax())
            part = (level - done[k - 1]) / (done[k] - done[k - 1])
            found[i] = time[k - 1] + part * (time[k] - time[k - 1])
    return found


def of_task(time: Array, risk: Array, strength: float) -> Array:
    """Of the fall of a task's risk (T,) from its start to its end."""
    fall = risk[0] - risk[-1]
    if fall < LEAST * strength:
        return np.full(3, np.nan)
    return passages(time, (risk[0] - risk) / fall)


def of_group(time: Array, key_query: Array, output: Array) -> Array:
    """Of the gains that a group of heads ω (T, n, B), μ (T, n, J) adds."""
    gains = np.einsum("thj,thb->tjb", output, key_query).reshape(len(time), -1)
    last = gains[-1] @ gains[-1]
    if last == 0:
        return np.full(3, np.nan)
    return passages(time, gains @ gains[-1] / last)


def staged(half_times: Array) -> NDArray[np.int64]:
    """The stage of each task from 1 on; 0 of what was not learned."""
    found = np.zeros(len(half_times), dtype=np.int64)
    stage, begin = 0, -np.inf
    for i in np.argsort(half_times):
        if np.isnan(half_times[i]):
            continue
        if half_times[i] > (1 + TOGETHER) * begin or stage == 0:
            stage, begin = stage + 1, half_times[i]
        found[i] = stage
    return found
