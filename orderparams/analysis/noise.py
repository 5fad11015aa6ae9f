"""Reading series that may be noisy: rises, noise, slopes."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

Array = NDArray[np.float64]

NOISY = 1e-4
"""Noise of a series, relative to its range, above which it is smoothed."""

WINDOW = 20
"""Noisy series are smoothed over this fraction of their times."""


def rises(series: Array, least: float) -> list[tuple[int, int]]:
    """First and last index of every rise by at least ``least``.

    A rise ends where the series has fallen by ``least`` since its maximum: noise below that neither
    makes nor breaks one.
    """
    found: list[tuple[int, int]] = []
    low = high = 0
    for i, value in enumerate(series):
        if value > series[high]:
            high = i
        risen = series[high] - series[low] >= least
        if risen and series[high] - value >= least:
            found.append((low, high))
            low = high = i
        elif not risen and value < series[low]:
            low = high = i
    if series[high] - series[low] >= least:
        found.append((low, high))
    return found


def white_noise(series: Array) -> float:
    """Standard deviation of white noise on a smooth series (T,), from its second differences."""
    if len(series) < 3:
        return 0.0
    return float(np.median(np.abs(np.diff(series, 2)))) / (0.6745 * 6**0.5)


def local_lines(time: Array, series: Array) -> tuple[Array, Array, Array]:
    """Level, slope and the slope's error (T,) of regression lines in moving windows.

    Three times wide where the series is smooth, wider where it is noisy.
    """
    noise = white_noise(series)
    window = 3 if noise <= NOISY * np.ptp(series) else max(5, len(series) // WINDOW)

    def mean(values: Array) -> Array:
        averaged: Array = scipy.ndimage.uniform_filter1d(values, window, mode="nearest")
        return averaged

    t, y = time - time.mean(), series - series.mean()
    variance = mean(t**2) - mean(t) ** 2
    slope = (mean(t * y) - mean(t) * mean(y)) / variance
    level = series if window == 3 else mean(series)
    return level, slope, noise / np.sqrt(window * variance)
