"""Plateaus: intervals in which the risk, or another quantity, rests between faster changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import scipy.signal
from numpy.typing import NDArray

Array = NDArray[np.float64]

SLOWER = 10.0
"""A plateau is this many times slower at its center than the fastest changes before and after it,
and by the square root of this at its ends."""

AT_REST = 1e-3
"""Slopes that in the whole run would make less than this part of the series' range are zero."""

NOISY = 1e-4
"""Noise of a series, relative to its range, above which it is smoothed."""


@dataclass(frozen=True)
class Plateau:
    """A quantity rests near ``level`` from ``start`` to ``end``; at ``center`` it is slowest."""

    start: float
    end: float
    center: float
    level: float


def white_noise(series: Array) -> float:
    """Standard deviation of white noise on a smooth series (T,), from its second differences."""
    if len(series) < 3:
        return 0.0
    return float(np.median(np.abs(np.diff(series, 2)))) / (0.6745 * 6**0.5)


def smooth(series: Array) -> tuple[Array, float]:
    """A moving average where a series is noisy, and the noise that is left."""
    noise = white_noise(series)
    if noise < NOISY * np.ptp(series):
        return series, noise
    window = max(3, len(series) // 40)
    return scipy.ndimage.uniform_filter1d(series, window, mode="nearest"), noise / window**0.5


def find_plateaus(time: Array, series: Array) -> tuple[Plateau, ...]:
    """Plateaus of a series (T,) in order of time; the first and the last may touch the ends."""
    series, noise = smooth(series)
    total = np.ptp(series)
    if len(series) < 5 or total == 0:
        return ()
    step = np.gradient(time)
    floor = np.maximum(AT_REST * total / np.ptp(time), 2 * noise / step)
    rest = -np.log(np.maximum(np.abs(np.gradient(series, time)), floor))
    rest = np.pad(rest, 1, constant_values=rest.min())  # so that the ends can be peaks
    peaks, _ = scipy.signal.find_peaks(rest, prominence=np.log(SLOWER))
    plateaus = []
    for peak, left, right in zip(peaks, (0, *peaks), (*peaks[1:], len(rest) - 1), strict=False):
        fastest = max(rest[left : peak + 1].min(), rest[peak : right + 1].min())
        fast = np.flatnonzero(rest < fastest + np.log(SLOWER) / 2)
        start, end = fast[fast < peak][-1], fast[fast > peak][0] - 2  # without the padding
        center = peak - 1
        plateaus.append(
            Plateau(
                float(time[start]), float(time[end]), float(time[center]), float(series[center])
            )
        )
    return tuple(plateaus)


def remaining_change(time: Array, risk: Array) -> float:
    """Change of the risk in the last tenth of a run, relative to its range; 0 if it never moved."""
    risk, _ = smooth(risk)
    total = np.ptp(risk)
    earlier = np.interp(time[0] + 0.9 * np.ptp(time), time, risk)
    return float(abs(risk[-1] - earlier) / total) if total > 0 else 0.0
