"""Small problems that together use every option of SGD."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orderparams.models.schedule import CONSTANT, Piecewise, Schedule
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.setup import Heads
from orderparams.models.single_location.sgd import UpdateRule, build_model
from orderparams.models.single_location.task import Signal, Task
from orderparams.models.vectors.replicas import Ensemble
from orderparams.models.vectors.step import PLAIN, Step

SIGNAL = Signal(
    np.array([0.3, 0.7]),
    np.array([[1.5, 0.2], [-0.5, 1.8]]),
    np.array([np.zeros((2, 2)), [[0.4, 0.1], [0.1, 0.2]]]),
)
HEADS = Heads(
    np.array([[0.8, 0.3], [-0.2, 1.1]]),
    np.array([[0.5, 0.0], [0.2, 0.4]]),
    np.array([0.1, -0.2]),
    np.array([0.5, 0.7]),
)
SOFTMAX = Activation("softmax", False, 0.0)
SOFTMAX_1 = Activation("softmax-1", False, 1.0)
BAYES = Activation("bayes-softmax", True, 0.0)


@dataclass(frozen=True)
class Case:
    """A problem at a dimension, and for how many steps to follow it."""

    activation: Activation
    rule: UpdateRule
    lengths: tuple[int, ...] = (3,)
    target: str = "token"
    noise: float = 0.0
    variance: float | None = None
    heads: Heads = HEADS
    dimension: int = 16
    steps: int = 12
    step: Step = PLAIN
    schedule: Schedule = CONSTANT

    @property
    def task(self) -> Task:
        """The task, with equal weights on the lengths."""
        weights = np.full(len(self.lengths), 1 / len(self.lengths))
        return Task(np.array(self.lengths), weights, SIGNAL, self.target, self.noise)


def ensemble(case: Case, **options) -> Ensemble:
    """Replicas of a case from its heads."""
    model = build_model(case.task, case.activation)
    learning = {"step": case.step, "schedule": case.schedule}
    return Ensemble(model, case.rule, case.heads, **learning, **options)


FLAT = Heads(HEADS.overlap, np.zeros((2, 2)), HEADS.bias, HEADS.head_weights)

CASES = {
    "softmax": Case(SOFTMAX, UpdateRule(1.5)),
    "few dimensions, large steps": Case(
        SOFTMAX_1, UpdateRule(10.0, norm_bias=True), dimension=7, steps=8
    ),
    "two lengths, all learned": Case(
        SOFTMAX_1,
        UpdateRule(2.0, weight_decay=0.3, bias_rate=0.7, head_weight_rate=0.4),
        lengths=(2, 4),
        heads=FLAT,
        dimension=12,
    ),
    "joint, batch": Case(BAYES, UpdateRule(6.0, batch_size=3, norm_bias=True), dimension=9),
    "scalar, batch, all learned": Case(
        SOFTMAX_1,
        UpdateRule(2.0, batch_size=2, weight_decay=0.1, bias_rate=0.5, head_weight_rate=0.5),
        target="scalar",
        noise=0.5,
        dimension=11,
    ),
    "momentum and a schedule, batch, all learned": Case(
        SOFTMAX_1,
        UpdateRule(1.0, batch_size=2, weight_decay=0.1, bias_rate=0.5, head_weight_rate=0.5),
        dimension=14,
        steps=6,
        step=Step(keep=0.6),
        schedule=Piecewise((0.3,), (0.5,)),
    ),
    "momentum, norm bias": Case(
        SOFTMAX_1, UpdateRule(1.5, norm_bias=True), dimension=12, steps=8, step=Step(keep=-0.4)
    ),
    "joint, scalar, random start": Case(
        BAYES,
        UpdateRule(3.0, weight_decay=0.1, norm_bias=True),
        target="scalar",
        noise=0.5,
        variance=1.0,
        dimension=8,
        steps=2,
    ),
}
