"""Keys and values as both backends of SGD see them: stacked vectors, the loss of one sequence.

The loss e², e = Σ_hℓ u_h s_hℓ ω_hℓ − z_ε − Δξ, reads the fields of all rows and of v*. Keys learn
at the rate γ, values at ργ; a row of the gradient is 2e ∂f/∂field_ℓ, that of values times ρ. Tied
heads have one row each, with both derivatives.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orderparams.compiled import kernel
from orderparams.models.single_location.attention import attend
from orderparams.models.single_location.correlation import with_target
from orderparams.models.single_location.curved_sgd import CurvedRule
from orderparams.models.single_location.importance import importance_of
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.setup import Setup
from orderparams.models.single_location.sgd import (
    Numbers,
    UpdateRule,
    build_model,
    draw,
    learn,
    recorded_numbers,
)
from orderparams.models.single_location.values.curved_sgd import CurvedValueModel
from orderparams.models.single_location.values.heads import Names, ValuedHeads
from orderparams.models.single_location.values.sampling import slopes_of
from orderparams.models.vectors.replicas import Ensemble, replicas_of
from orderparams.models.vectors.sgd import Sizes

Array = NDArray[np.float64]

__all__ = ["ValueModel", "draw", "learn", "respond", "value_replicas"]


class ValueModel(NamedTuple):
    """Task and activation in the form that kernels take, as :class:`..sgd.Model` has them; rate ρ
    of values, and whether they are tied to the keys. There is no error that is a vector."""

    sizes: Sizes
    lengths: NDArray[np.int64]
    length_cumulative: Array
    component_cumulative: Array
    means: Array
    factors: Array
    noise: float
    joint: bool
    kappa: float
    importance_total: float
    value_rate: float
    tied: bool

    @property
    def features(self) -> int:
        """All hidden directions, k*_f and v*, are measured."""
        return int(self.means.shape[1]) + 1

    @property
    def words(self) -> str:
        """What limits the dimension."""
        return "features, keys, values, tokens and batch"

    def numbers(self, rule: UpdateRule, start: ValuedHeads, squares: Array) -> Numbers:
        """Bias and head weights (H,) of a start whose rows have squares (n,)."""
        bias = -0.5 * squares[: start.heads] if rule.norm_bias else start.bias.copy()
        return Numbers(bias, start.head_weights.copy())

    def records(self, overlap: Array, self_overlap: Array, numbers: Numbers) -> dict[str, Array]:
        """What is recorded, by the names of the order parameters."""
        heads = numbers.bias.shape[-1]
        names = Names("tied" if self.tied else "full", heads, overlap.shape[-1] - 1)
        return {
            **names.split(overlap, self_overlap),
            **recorded_numbers(numbers, self.importance_total),
        }


def value_model(problem: Problem, setup: Setup) -> ValueModel | CurvedValueModel:
    """The model of a problem, of what it was built into."""
    names, activation = Names.of(problem), setup.activation
    plain = build_model(setup.task, activation, importance_of(problem).total)
    known = plain._asdict() | {
        "sizes": plain.sizes._replace(errors=0),
        "value_rate": problem.training.value_rate,
        "tied": names.system == "tied",
        "elementwise": activation.elementwise,
        "curve": activation.curve,
    }
    kind = ValueModel if activation.curve is None else CurvedValueModel
    return kind(**{name: known[name] for name in kind._fields})


def value_replicas(
    problem: Problem, setup: Setup, rule: UpdateRule | CurvedRule, time: ArrayLike
) -> Ensemble:
    """The replicas of a problem at step zero; those of a random start draw rows of their own."""
    initial, names, model = problem.initial, Names.of(problem), value_model(problem, setup)
    shares = np.ones((names.rows, 1))
    shares[names.heads :] *= initial.values == "random"
    frame = with_target(setup.task.frame)
    return replicas_of(problem, model, rule, setup.start, time, shares, frame=frame)


@kernel()
def respond(
    model: ValueModel,
    rule: UpdateRule,
    generator: np.random.Generator,
    position: int,
    numbers: Numbers,
    targets: Array,
    rows: Array,
    radial: Array,
    gradient: Array,
) -> float:
    """The gradient of one sequence's loss, which is returned.

    rows (n, L) holds the fields of keys and values; on return g_hℓ, and of values ρ times theirs.
    targets (1, L) are the fields of v*. ∂loss/∂β_h and ∂loss/∂u_h are added to the two rows of
    gradient (2, n), which are of heads; under the norm bias the first is ρ_h. Weight decay is that
    of keys: what values have of it is less or more by a factor ρ.
    """
    heads, length = numbers.bias.size, rows.shape[1]
    keys, values = rows[:heads], rows[:heads].copy() if model.tied else rows[heads:].copy()
    shares, attention = np.empty((heads, length)), np.empty(length)
    attend(keys, numbers.bias, numbers.head_weights, model.kappa, model.joint, shares, attention)
    weights = np.ones(heads) if model.joint else numbers.head_weights
    slopes, averages = np.empty((2 * heads, length)), np.empty(heads)
    error = slopes_of(shares, values, weights, model.joint, slopes, averages)
    error -= targets[0, position] + model.noise * generator.standard_normal()
    for h in range(heads):
        total = 0.0
        for token in range(length):
            of_key = 2.0 * error * slopes[h, token]
            of_value = 2.0 * error * slopes[heads + h, token]
            total += of_key
            if model.tied:
                rows[h, token] = of_key + of_value
            else:
                rows[h, token] = of_key
                rows[heads + h, token] = model.value_rate * of_value
        gradient[0, h] += total
        if not model.joint:
            gradient[1, h] += 2.0 * error * averages[h]
        if rule.norm_bias:
            radial[h] = gradient[0, h]
        if not model.tied:
            radial[heads + h] += (1.0 - model.value_rate) * rule.weight_decay
    return float(error**2)
