"""Reading series that may be noisy: rises, noise, slopes."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from scipy.special import ndtri

Array = NDArray[np.float64]

NOISY = 1e-4
"""Noise of a series, relative to its range, above which it is smoothed."""

QUIET = 0.3
"""Part of the times at which a series does nothing else, so that its noise can be read off."""

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


def noise_level(series: Array, lag: int = 1) -> float:
    """Standard deviation of noise on a series (T,), from second differences at a lag.

    White noise has the same at any lag; noise with a memory shows at lags beyond it.
    """
    if len(series) <= 2 * lag:
        return 0.0
    second = series[2 * lag :] - 2 * series[lag:-lag] + series[: -2 * lag]
    quiet = float(np.quantile(np.abs(second), QUIET))
    return quiet / (float(ndtri(0.5 + QUIET / 2)) * 6**0.5)


def local_lines(time: Array, series: Array) -> tuple[Array, Array, Array]:
    """Level, slope and the slope's error (T,) of regression lines in moving windows.

    Three times wide where the series is smooth, wider where it is noisy.
    """
    noisy = noise_level(series) > NOISY * np.ptp(series)
    window = max(5, len(series) // WINDOW) if noisy else 3

    def mean(values: Array) -> Array:
        averaged: Array = scipy.ndimage.uniform_filter1d(values, window, mode="nearest")
        return averaged

    t, y = time - time.mean(), series - series.mean()
    variance = mean(t**2) - mean(t) ** 2
    slope = (mean(t * y) - mean(t) * mean(y)) / variance
    level = mean(series) if noisy else series
    return level, slope, noise_level(series, window // 2) / np.sqrt(window * variance)
