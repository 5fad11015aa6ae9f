"""Oracles: published output of the generator, NumPy on the same bits, the normal law."""

from __future__ import annotations

import numpy as np
from scipy import stats

from orderparams.models.vectors import normals
from orderparams.models.vectors.normals import LANES


def test_bits_are_those_of_xoshiro256_plus_plus():
    """From the state 1, 2, 3, 4; the values are those of the authors' C code (rand_xoshiro)."""
    published = [
        *(41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205),
        *(9973669472204895162, 14011001112246962877, 12406186145184390807),
        *(15849039046786891736, 10450023813501588000),
    ]
    state = np.repeat(np.arange(1, 5, dtype=np.uint64)[:, None], LANES, axis=1)
    out = np.empty(LANES, np.uint64)
    for expected in published:
        normals.draw_bits(state, out)
        assert (out == expected).all()


def test_transform_is_box_muller_to_rounding():
    """Logarithm, sine and cosine against NumPy's; the extreme uniforms are among the bits.

    The series leave 1e-15 of the radius, which is at most 8.5.
    """
    bits = np.random.default_rng(0).integers(0, 2**64, 2 * LANES, dtype=np.uint64)
    bits[:3] = [0, 2**64 - 1, 2**63]
    bits[LANES:][:3] = [0, 2**64 - 1, 2**63]
    first, second = bits[:LANES].copy(), bits[LANES:].copy()
    uniform = 1.0 - (first >> np.uint64(12)) / 2.0**52
    radius = np.empty(LANES)
    normals.radii(first, first.view(np.float64), radius)
    np.testing.assert_allclose(radius, np.sqrt(-2 * np.log(uniform)), rtol=1e-15)
    assert radius.max() == np.sqrt(-2 * np.log(2.0**-52))

    angle = (second >> np.uint64(12)) / 2.0**52 * np.pi / 2
    signs = [1.0 - 2.0 * (second >> np.uint64(bit) & np.uint64(1)) for bit in (0, 1)]
    x, y = np.empty(LANES), np.empty(LANES)
    normals.rotate(second, second.view(np.float64), radius, x, y)
    np.testing.assert_allclose(x, signs[0] * radius * np.cos(angle), rtol=0, atol=1e-14)
    np.testing.assert_allclose(y, signs[1] * radius * np.sin(angle), rtol=0, atol=1e-14)


def test_law_is_standard_normal_without_correlations():
    """Kolmogorov–Smirnov and lagged correlations of x and x²; false alarm 1e-3 in all."""
    state = normals.start(np.random.SeedSequence(1))
    x = np.empty(2**20)
    normals.fill(state, x)
    lags = [1, LANES // 2, LANES - 1, LANES, LANES + 1]
    scores = [x.mean(), ((x**2) - 1).mean() / np.sqrt(2), (x**4 - 3).mean() / np.sqrt(96)]
    for y in (x, (x**2 - 1) / np.sqrt(2)):
        scores += [(y[lag:] * y[:-lag]).mean() for lag in lags]
    pvalues = [2 * stats.norm.sf(abs(score) * np.sqrt(x.size)) for score in scores]
    pvalues.append(stats.kstest(x, "norm").pvalue)
    assert min(pvalues) > 1e-3 / len(pvalues)
