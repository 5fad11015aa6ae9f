"""What simulations are held to: differences of a loss of drawn sequences, equality of two laws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from orderparams.models.single_location import sgd as sequence
from orderparams.models.vectors import normals
from orderparams.models.vectors.normals import LANES

Array = NDArray[np.float64]

FALSE_ALARM = 1e-3
"""Of each distribution test, over all its order parameters and statistics (Bonferroni)."""


def differences(function: Callable[[Array], float], x: Array) -> Array:
    """Central differences, h = 1e-5: error about 1e-10 from the third derivative and rounding."""
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[i] += 1e-5
        behind[i] -= 1e-5
        gradient[i] = (function(ahead) - function(behind)) / 2e-5
    return gradient


def least_pvalue(x, y) -> float:
    """Bonferroni: the least p-value of tests of mean, spread and law, times their number."""
    tests = (
        stats.ttest_ind(x, y, equal_var=False).pvalue,
        stats.levene(x, y, center="median", axis=0).pvalue,
        np.array([stats.ks_2samp(a, b).pvalue for a, b in zip(x.T, y.T, strict=True)]),
    )
    pvalues = np.concatenate(tests)
    return float(pvalues.min() * pvalues.size)


def drawn_sequences(model, rule, state, dimension, generator):
    """The sequences that the next step will draw: position, tokens (L, D) and label noise ξ."""
    lanes, shift = state.lanes.copy(), np.empty((model.sizes.directions, model.sizes.longest))
    for _ in range(rule.batch_size):
        length, position = sequence.draw(model, generator, shift)
        numbers = np.empty(-(-length * dimension // LANES) * LANES)
        normals.fill(lanes, numbers)
        tokens = numbers[: length * dimension].reshape(length, dimension).copy()
        tokens += shift[:, :length].T @ state.directions / np.sqrt(dimension)
        yield position, tokens, generator.standard_normal() if model.scalar else 0.0
