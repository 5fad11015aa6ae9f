"""C3: SGD in finite dimension follows the flow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import orderparams as op
from orderparams.config import Problem
from orderparams.models.limit import Value
from orderparams.processors import processors
from orderparams.results.evidence import Check, Evidence, Panel, above, below, close
from orderparams.results.simulation import SimulationRun
from orderparams.results.validation import at_value
from orderparams.run.means import against

ACTIVATIONS = ("softmax", "softmax-1", "bayes-softmax")
LEARNING_RATES = (0.5, 2.0, 5.0)
DIMENSIONS = (250, 1000, 4000)
LARGEST = 100_000
FALSE_ALARM = 0.01
"""Of all comparisons together."""


def problem_of(activation: str, learning_rate: float, rule: str = "sgd") -> Problem:
    """The preset with another activation, learning rate and rule of the theory."""
    settings = [f"attention.activation='{activation}'", f"training.learning_rate={learning_rate}"]
    return op.load("finite-learning-rate", [*settings, f"training.rule='{rule}'"])


def replicas(
    problem: Problem, values: Sequence[Value], count: int = 16
) -> dict[Value, SimulationRun]:
    """So many replicas of SGD in each dimension, or at each learning rate of a model that tends to
    its theory there."""
    settings = {"simulation.replicas": count}
    return {
        value: op.simulate(
            at_value(problem, value), settings=settings, workers=processors(), risks=False
        )
        for value in values
    }


def sgd_follows_the_flow() -> Evidence:
    """Preset `finite-learning-rate`: two heads on flipped spikes with ν = 6, L = 3, from given
    overlaps; γ = 0.5, 2, 5, all three activations, 16 replicas of the Gram chain in D = 250, 1000
    and 4000, and at γ = 5 eight in D = 10⁵. Simulation − theory, extrapolated in 1/D, is within the
    spread of the replicas; together the comparisons have a false-alarm probability of 1 %. The
    spread falls as D^(−1/2); 0.05 is 2.5 standard errors of the exponent. At γ = 5 the flow without
    V is rejected.
    """
    checks: list[Check] = []
    spreads = {}
    count = len(ACTIVATIONS) * (len(LEARNING_RATES) + 1)
    for activation in ACTIVATIONS:
        problems = {rate: problem_of(activation, rate) for rate in LEARNING_RATES}
        made = {rate: replicas(problem, DIMENSIONS) for rate, problem in problems.items()}
        runs = {rate: against(problem, made[rate]) for rate, problem in problems.items()}
        last_made, last_problem = made[LEARNING_RATES[-1]], problems[LEARNING_RATES[-1]]
        wide: dict[Value, SimulationRun] = {
            DIMENSIONS[-1]: last_made[DIMENSIONS[-1]],
            **replicas(last_problem, [LARGEST], 8),
        }
        far = against(last_problem, wide)
        without = against(problem_of(activation, LEARNING_RATES[-1], "gradient-flow"), last_made)
        pvalues = [run.comparison.least_pvalue for run in (*runs.values(), far)]
        exponents = [run.scaling.exponent for run in runs.values()]
        last = runs[LEARNING_RATES[-1]].scaling
        spreads[activation] = np.array([*last.spread, far.scaling.spread[-1]])
        rejected = without.comparison.least_pvalue
        checks += [
            above(f"{activation}: least p-value", min(pvalues), FALSE_ALARM / count),
            close(
                f"{activation}: spread's exponent", -0.5, float(np.mean(exponents)), absolute=0.05
            ),
            below(f"{activation}: p-value without V", rejected, 1e-4),
        ]
    panel = Panel(
        "spread",
        "dimension",
        "dimension D",
        np.array([*DIMENSIONS, LARGEST], dtype=np.float64),
        "spread of replicas at γ = 5",
        spreads | {"∝ D^(−1/2)": reference(spreads["softmax"])},
        ("log", "log"),
    )
    return Evidence(op.load("finite-learning-rate"), tuple(checks), (panel,))


def reference(spread: np.ndarray) -> np.ndarray:
    """A power −1/2 through the first value."""
    return np.asarray(spread[0] * (np.array([*DIMENSIONS, LARGEST]) / DIMENSIONS[0]) ** -0.5)
