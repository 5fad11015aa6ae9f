"""C9: what happens as sequences grow."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

import orderparams as op
from orderparams.claims.linear_attention import one_head_on_one_spike
from orderparams.results.evidence import Evidence, Panel, above, below, close

Array = NDArray[np.float64]

LENGTHS = tuple(10**n for n in range(1, 7))
FIXED = (1.0, 4.0, 9.0)
FACTORS = (0.2, 0.5, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0)


def risk(length: int, strength: float) -> float:
    """Risk of one softmax head with k = √ν k*, which is the Bayes risk."""
    return one_head_on_one_spike(length, strength).risk


def risk_at(factor: float, length: int) -> float:
    """The same at ν = 2c log L."""
    return risk(length, 2 * factor * float(np.log(length)))


def seconds(length: int) -> float:
    """Least time of five evaluations at ν = 4."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        one_head_on_one_spike(length, 4.0)
        times.append(time.perf_counter() - started)
    return min(times)


def long_sequences() -> Evidence:
    """One softmax head on one spike, preset `single-head` with k = √ν k* and L = 10 … 10⁶. At fixed
    ν the risk tends to 1, as 1 − e^ν/L. With ν = 2c log L it tends to 1 for c < 1 and to 0 for
    c > 1: the curves of L = 10⁵ and 10⁶ over c cross near c = 1. An evaluation costs the same at
    every L.
    """
    fixed = np.array([[risk(length, strength) for length in LENGTHS] for strength in FIXED])
    scaled = np.array([[risk_at(factor, length) for length in LENGTHS] for factor in FACTORS])
    crossing = float(
        brentq(lambda c: risk_at(c, LENGTHS[-1]) - risk_at(c, LENGTHS[-2]), 0.5, 2.0, xtol=1e-4)
    )
    rise, fall = np.diff(scaled[FACTORS.index(0.8)]), np.diff(scaled[FACTORS.index(1.2)])
    left = LENGTHS[-1] * (1 - fixed[FIXED.index(4.0), -1])
    checks = (
        close("L (1 − E) at ν = 4, L = 10⁶: e^ν", float(np.exp(4)), left, relative=0.01),
        above("ν = 9: least rise from L to 10 L", float(np.diff(fixed[-1]).min()), 0.0),
        above("c = 0.8: least rise from L to 10 L", float(rise.min()), 0.0),
        below("c = 1.2: largest rise, L ≥ 100", float(fall[1:].max()), 0.0),
        close("c where L = 10⁵ and 10⁶ cross", 1.0, crossing, relative=0.1),
        below("time at L = 10⁶ / time at L = 10", seconds(10**6) / seconds(10), 4.0),
    )
    panels = (
        Panel(
            "fixed-strength",
            "length",
            "tokens L",
            np.array(LENGTHS, dtype=np.float64),
            "risk E",
            {f"ν = {strength:g}": row for strength, row in zip(FIXED, fixed, strict=True)},
            ("log", "linear"),
        ),
        Panel(
            "transition",
            "factor",
            "c, where ν = 2c log L",
            np.array(FACTORS),
            "risk E",
            {
                f"L = 10^{round(np.log10(length))}": column
                for length, column in zip(LENGTHS, scaled.T, strict=True)
            },
        ),
    )
    return Evidence(op.load("single-head"), checks, panels)
