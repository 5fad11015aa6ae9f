"""Errors of sampled expectations in a verdict: told apart from those of a theory.

Oracles: more nodes, with which the same simulation agrees; quadrature, which has none.
"""

import numpy as np
import pytest

import orderparams as op
from orderparams.run.nodes import moved_by_nodes

SETTINGS = {
    "training.learning_rate": 2.0,
    "training.value_rate": 0.25,
    "training.duration": 2.0,
    "output.points": 6,
    "simulation.replicas": 200,
    "simulation.dimension": 800,
    "initial.overlap": [[0.3]],
    "initial.key_target_overlap": [0.1],
    "initial.value_overlap": [[0.1]],
    "initial.value_alignment": [0.2],
    "expectation.seed": 1,
}


@pytest.mark.parametrize(("samples", "verdict"), [(64, "inconclusive"), (16384, "agree")])
def test_too_few_nodes_are_no_disagreement(samples, verdict):
    settings = {**SETTINGS, "expectation.samples": samples}
    found = op.validate("learned-values", settings=settings, test="replicas", risks=False)
    assert found.verdict == verdict
    assert ("Raise expectation.samples." in found.reason) == (verdict != "agree")


def test_a_wrong_theory_is_rejected_whatever_the_nodes():
    settings = {**SETTINGS, "expectation.samples": 16384, "simulation.replicas": 40}
    found = op.validate("learned-values", settings=settings, rule="gradient-flow", risks=False)
    assert found.verdict == "disagree"


def test_what_nodes_move_is_told_as_a_part():
    run = op.solve("learned-values", settings={**SETTINGS, "training.rule": "sgd"})
    other = op.solve(op.load(run.problem, {"expectation.seed": 2}), times=run.time)
    difference = (other.value_self_overlap - run.value_self_overlap).ravel()
    found = moved_by_nodes(run, lambda flow: flow.value_self_overlap.ravel(), 2 * difference)
    assert found == pytest.approx(0.5)
    exact = op.solve("learned-values", settings={"training.duration": 1.0})
    assert moved_by_nodes(exact, lambda flow: flow.risk, np.ones(1)) == 0.0
