"""e^x of vectors in compiled code."""

from __future__ import annotations

from typing import Any

from orderparams.compiled import kernel
from orderparams.expectations.lanes import fma, maximum, power_of_two

Vector = Any

LOG2_E = 1.4426950408889634
LN2_HIGH = 0.6931471803691238  # log 2 cut to 32 bits: its product with an exponent is exact
LN2_LOW = 1.9082149292705877e-10
ROUND = 6755399441055744.0  # 1.5·2^52: a sum with it keeps the nearest integer in its low bits


@kernel()
def exponential(x: Vector) -> Vector:
    """e^x for x ≤ 0 to 1 ulp; e^−708 = 3e−308 for everything below.

    Cody–Waite: x = n log 2 + r, and (e^r − 1)/r interpolated at the Chebyshev points of
    |r| ≤ ½ log 2, to 1e−17.
    """
    x = maximum(x, -708.0)
    rounded = fma(x, LOG2_E, ROUND)
    exponent = rounded - ROUND
    r = fma(exponent, -LN2_LOW, fma(exponent, -LN2_HIGH, x))
    p = fma(r, 2.5105217004720745e-08, 2.7626371065696354e-07)
    p = fma(p, r, 2.7557255400206422e-06)
    p = fma(p, r, 2.480150431378554e-05)
    p = fma(p, r, 0.00019841269874820627)
    p = fma(p, r, 0.001388888893251478)
    p = fma(p, r, 0.008333333333326136)
    p = fma(p, r, 0.041666666666573066)
    p = fma(p, r, 0.1666666666666667)
    p = fma(p, r, 0.5000000000000006)
    p = fma(p, r, 1.0)
    power = power_of_two(rounded)
    return fma(power, p * r, power)
