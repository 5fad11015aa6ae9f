"""Plateaus: intervals in which the risk rests between descents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import scipy.signal
from numpy.typing import NDArray

Array = NDArray[np.float64]

SLOWER = 10.0
"""A plateau is this many times slower than the descents before and after it."""

AT_REST = 1e-3
"""Slopes that would change the risk by less than this part of its range in the whole run are zero."""

NOISY = 1e-4
"""Noise of the stored risks, relative to their range, above which they are smoothed."""


@dataclass(frozen=True)
class Plateau:
    """The risk rests near ``risk`` from ``start`` to ``end``; at ``center`` it is slowest."""

    start: float
    end: float
    center: float
    risk: float


def smooth(risk: Array) -> tuple[Array, float]:
    """A moving average where the risks are noisy, and the noise that is left, as a standard
    deviation; white noise is read off second differences."""
    if len(risk) < 5:
        return risk, 0.0
    noise = float(np.median(np.abs(np.diff(risk, 2)))) / (0.6745 * np.sqrt(6))
    if noise < NOISY * np.ptp(risk):
        return risk, noise
    window = max(3, len(risk) // 40)
    return scipy.ndimage.uniform_filter1d(risk, window, mode="nearest"), noise / np.sqrt(window)


def find_plateaus(time: Array, risk: Array) -> tuple[Plateau, ...]:
    """Plateaus of the risk (T,) in order of time; the first and the last may touch the ends."""
    risk, noise = smooth(risk)
    total = np.ptp(risk)
    if len(risk) < 5 or total == 0:
        return ()
    step = np.gradient(time)
    floor = np.maximum(AT_REST * total / np.ptp(time), 2 * noise / step)
    rest = -np.log(np.maximum(np.abs(np.gradient(risk, time)), floor))
    padded = np.pad(rest, 1, constant_values=rest.min())
    peaks, found = scipy.signal.find_peaks(padded, prominence=np.log(SLOWER))
    plateaus = []
    for peak, prominence in zip(peaks, found["prominences"], strict=True):
        fast = np.flatnonzero(padded < padded[peak] - prominence + np.log(SLOWER))
        start, end = fast[fast < peak][-1], fast[fast > peak][0] - 2  # indices without padding
        plateaus.append(
            Plateau(float(time[start]), float(time[end]), float(time[peak - 1]), risk[peak - 1])
        )
    return tuple(plateaus)


def remaining_change(time: Array, risk: Array) -> float:
    """Change of the risk in the last tenth of a run, relative to its range; 0 if it never moved."""
    risk, _ = smooth(risk)
    total = np.ptp(risk)
    earlier = np.interp(time[0] + 0.9 * np.ptp(time), time, risk)
    return float(abs(risk[-1] - earlier) / total) if total > 0 else 0.0
