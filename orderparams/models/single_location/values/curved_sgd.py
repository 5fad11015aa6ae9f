"""Keys and values of other functions of a logit as both backends of SGD see them.

Rows are those of :mod:`orderparams.models.single_location.values.sgd`, numbers those of
:mod:`orderparams.models.single_location.curved_sgd`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.expectations.sampling.curved import Form
from orderparams.models.single_location.curved_sgd import (
    CurvedRule,
    Lines,
    draw,
    learn,
    recorded_lines,
)
from orderparams.models.single_location.values.curved import Slopes, curved_slopes
from orderparams.models.single_location.values.heads import Names, ValuedHeads
from orderparams.models.vectors.sgd import Sizes

Array = NDArray[np.float64]

__all__ = ["CurvedValueModel", "draw", "learn", "respond"]


class CurvedValueModel(NamedTuple):
    """Task and activation in the form that kernels take; the fields of
    :class:`orderparams.models.single_location.values.sgd.ValueModel`, and the curve."""

    sizes: Sizes
    lengths: NDArray[np.int64]
    length_cumulative: Array
    component_cumulative: Array
    means: Array
    factors: Array
    noise: float
    kappa: float
    importance_total: float
    value_rate: float
    tied: bool
    elementwise: bool
    curve: Any

    @property
    def features(self) -> int:
        """All hidden directions, k*_f and v*, are measured."""
        return int(self.means.shape[1]) + 1

    @property
    def words(self) -> str:
        """What limits the dimension."""
        return "features, keys, values, tokens and batch"

    def numbers(self, rule: CurvedRule, start: ValuedHeads, squares: Array) -> Lines:
        """The learned numbers of a start, each (H,)."""
        return Lines(
            start.bias.copy(), start.head_weights.copy(), start.slope.copy(), start.intercept.copy()
        )

    def records(self, overlap: Array, self_overlap: Array, numbers: Lines) -> dict[str, Array]:
        """What is recorded, by the names of the order parameters."""
        heads = numbers.bias.shape[-1]
        names = Names("tied" if self.tied else "full", heads, overlap.shape[-1] - 1)
        return {
            **names.split(overlap, self_overlap),
            **recorded_lines(numbers, self.importance_total),
        }


@kernel()
def respond(
    model: CurvedValueModel,
    rule: CurvedRule,
    generator: np.random.Generator,
    position: int,
    numbers: Lines,
    targets: Array,
    rows: Array,
    radial: Array,
    gradient: Array,
) -> float:
    """The gradient of one sequence's loss, which is returned.

    rows (n, L) holds the fields of keys and values; on return g_hℓ, and of values ρ times theirs.
    targets (1, L) are the fields of v*. The derivatives in bias, head weight, slope and intercept
    are added to gradient (4, n), in its first H columns.
    """
    bias, weights, line_slope, intercept = numbers
    heads, length = bias.size, rows.shape[1]
    logits = np.empty((heads, length))
    values = rows[:heads].copy() if model.tied else rows[heads:].copy()
    for h in range(heads):
        for token in range(length):
            logits[h, token] = rows[h, token] + bias[h]
    found = Slopes(
        np.empty((2 * heads, length)),
        np.empty((heads, length)),
        np.empty((heads, length)),
        np.empty((heads, length)),
        np.empty(heads),
        np.empty(heads),
    )
    form = Form(model.curve, model.elementwise, model.kappa, False, 0.0, 1.0)
    error = curved_slopes(form, logits, values, weights * line_slope, weights * intercept, found)
    error -= targets[0, position] + model.noise * generator.standard_normal()
    for h in range(heads):
        for token in range(length):
            of_key = 2.0 * error * found.fields[h, token]
            of_value = 2.0 * error * found.fields[heads + h, token]
            gradient[0, h] += of_key
            if model.tied:
                rows[h, token] = of_key + of_value
            else:
                rows[h, token] = of_key
                rows[heads + h, token] = model.value_rate * of_value
        along = 2.0 * error * found.averages[h]
        constant = 2.0 * error * found.totals[h]
        gradient[1, h] += line_slope[h] * along + intercept[h] * constant
        gradient[2, h] += weights[h] * along
        gradient[3, h] += weights[h] * constant
        if not model.tied:
            radial[heads + h] += (1.0 - model.value_rate) * rule.weight_decay
    return float(error**2)
