"""SGD of the committee machine agrees with its flow in both backends, and not with a wrong one.

Fixed seeds; by chance a right theory would fail with probability 0.01 for a new one.
"""

import numpy as np
import pytest

import orderparams as op

RIGHT = {
    "erf": {"output.points": 21},
    "direct": {
        "simulation.backend": "direct",
        "simulation.dimension": 600,
        "training.duration": 10.0,
    },
    "three students, noise": {
        "network.students": 3,
        "task.noise": 0.3,
        "initial.overlap": [[0.1, 0.0], [0.0, 0.05], [0.02, 0.03]],
        "initial.self_overlap": np.diag([0.2, 0.3, 0.25]),
    },
    "oblique teachers, learned second layer, decay, batch": {
        "task.teacher_overlap": [[1.0, 0.4], [0.4, 0.7]],
        "network.second_layer": "learned",
        "training.weight_decay": 0.05,
        "training.batch_size": 3,
        "training.learning_rate": 1.0,
        "training.duration": 20.0,
    },
    "means": {
        "network.second_layer": "mean",
        "task.teacher_second_layer": "mean",
        "training.learning_rate": 2.0,
    },
    "relu": {
        "network.activation": "relu",
        "training.learning_rate": 0.3,
        "task.noise": 0.2,
        "initial.overlap": [[0.3, 0.0], [0.0, 0.2]],
        "training.duration": 10.0,
    },
    "teachers in a line": {
        "task": {"teacher_overlap": [[1.0, 2.0], [2.0, 4.0]]},
        "initial.overlap": [[0.1, 0.2], [-0.05, -0.1]],
        "training.duration": 20.0,
    },
}
SHORT = {
    "initial.overlap": [[0.1, 0.0], [0.0, 0.05]],
    "initial.self_overlap": np.diag([0.2, 0.3]),
    "training.duration": 40.0,
    "output.points": 21,
    "simulation.dimension": 1000,
    "simulation.replicas": 16,
    "simulation.seed": 1,
}


@pytest.mark.parametrize("settings", RIGHT.values(), ids=RIGHT)
def test_the_theory_agrees_with_sgd(settings):
    result = op.validate("saad-solla", settings={**SHORT, **settings}, test="replicas", workers=2)
    assert result.verdict == "agree", result.reason
    assert result.comparison.resolution < 0.1
    assert not result.loss_pvalue < 0.01


def test_the_flow_without_noise_is_rejected():
    result = op.validate(
        "saad-solla", settings=SHORT, rule="gradient-flow", test="replicas", workers=2
    )
    assert result.verdict == "disagree"


def test_a_decay_of_q_at_the_rate_of_r_is_rejected(monkeypatch):
    """The published mistake: λ where Q, a product of two vectors, decays at 2λ."""
    from orderparams.models.committee.flow import Flow

    rates = Flow.rates

    def once(self, vectors, residual, gradient, *when):
        overlap, drift, numbers = rates(self, vectors, residual, gradient, *when)
        return overlap, drift + self.rule.weight_decay * vectors.self_overlap, numbers

    monkeypatch.setattr(Flow, "rates", once)
    decay = {"training.weight_decay": 0.05, "training.duration": 20.0}
    assert (
        op.validate("saad-solla", settings={**SHORT, **decay}, test="replicas", workers=2).verdict
        == "disagree"
    )
