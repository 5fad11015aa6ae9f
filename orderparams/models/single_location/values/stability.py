"""How the manifold k·v* = v·k*_f = k·v' = 0 attracts: the Hessian across it.

Across are the parts of keys along v* and the values' residual, and those of values along k*_f and
the keys' residual. All other directions of R^D are equivalent to a residual one.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from orderparams.models.interface import State
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.values.engine import Tied, twice
from orderparams.models.single_location.values.flow import ValueFlow, descent_of_values
from orderparams.models.single_location.values.heads import Names
from orderparams.models.vectors.landscape import STEP, TOLERANCE

Array = NDArray[np.float64]


def transverse_rates(problem: Problem, states: list[State]) -> Array:
    """At each of some states the lowest eigenvalue of the Hessian across the manifold.

    Crosses that a state has are set to zero. Values count at their rate ρ, as √ρ ∇²E √ρ, weight
    decay included: a small cross grows like e^{−rate·t} at first, if the state rests.
    """
    exact = dataclasses.replace(problem.expectation, tolerance=TOLERANCE)
    if problem.expectation.engine == "quadrature":
        exact = dataclasses.replace(exact, engine="auto")
    training = dataclasses.replace(problem.training, rule="gradient-flow")
    flow = descent_of_values(dataclasses.replace(problem, expectation=exact, training=training))
    return np.array([np.linalg.eigvalsh(across(problem, flow, state))[0] for state in states])


def across(problem: Problem, flow: ValueFlow, state: State) -> Array:
    """√ρ (∇²E + λ) √ρ in the directions across the manifold, at a state without its crosses."""
    names = dataclasses.replace(flow.names, system="manifold")
    kept = np.hstack(names.kept)
    crosses = ("key_target_overlap", "value_overlap", "key_value_overlap")
    even = {name: values for name, values in state.items() if name not in crosses}
    vectors = flow.vectors_at(even)
    weights, directions = vectors.weights, np.argwhere(~kept)
    rates = np.where(directions[:, 0] < names.heads, 1.0, problem.training.value_rate) ** 0.5
    columns = []
    for row, column in directions:
        ends = []
        for step in (STEP, -STEP):
            moved = weights.copy()
            moved[row, column] += step
            ends.append(slope(flow, names, moved, vectors.numbers)[~kept])
        columns.append((ends[0] - ends[1]) / (2 * STEP))
    hessian = 0.5 * (np.array(columns) + np.array(columns).T)
    hessian += flow.rule.weight_decay * np.eye(len(hessian))
    return rates[:, None] * hessian * rates


def slope(flow: ValueFlow, names: Names, weights: Array, numbers: State) -> Array:
    """∂E/∂T (n, F+1+n) at stacked reduced weights T, a repulsion in it."""
    overlap, residual = np.split(weights, [names.features + 1], axis=1)
    vectors = flow.dressed(overlap, residual, numbers)
    found = flow.gradient(vectors, covariance=False)
    gradient: Array = 2.0 * flow.rule.pull(vectors, found) @ weights
    gradient[:, : names.features + 1] += found.overlap
    return gradient


def conflict(problem: Problem, state: State) -> float:
    """Of tied heads the cosine between what the key and what the value asks of them: ∂E/∂K and
    ∂E/∂U at U = K. NaN where one of them vanishes."""
    flow = descent_of_values(problem)
    assert isinstance(flow.engine, Tied)
    vectors = flow.vectors_at(state)
    weights, known = twice(vectors.weights), flow.names.features + 1
    found = flow.engine.stacked.evaluate(weights, vectors.bias, flow.taken(vectors))
    slopes = 2.0 * found.self_overlap_gradient @ weights
    slopes[:, :known] += found.overlap_gradient
    keys, values = np.split(slopes, [flow.names.heads])
    lengths = float(np.linalg.norm(keys) * np.linalg.norm(values))
    return float((keys * values).sum()) / lengths if lengths else np.nan
