"""The flow of the overlaps of students: a flow of vectors in the frame of the teachers."""

from __future__ import annotations

import numpy as np

from orderparams.models.committee.sections import Problem
from orderparams.models.committee.setup import Setup
from orderparams.models.schedule import schedule_of
from orderparams.models.vectors.flow import Rule, VectorFlow
from orderparams.models.vectors.repulsion import repulsion_of


class Flow(VectorFlow):
    """The flow of K students. ``setup`` is what the problem was built into."""

    def __init__(self, problem: Problem, setup: Setup) -> None:
        training = problem.training
        learned = problem.network.second_layer == "learned"
        rule = Rule(
            training.rule == "sgd",
            training.effective_rate / training.batch_size,
            training.weight_decay,
            {"second_layer": training.second_layer_rate} if learned else {},
            schedule_of(problem),
            repulsion_of(problem),
            training.constraint == "sphere",
        )
        self.setup = setup
        scales = {"second_layer": np.maximum(1.0, np.abs(setup.start.numbers["second_layer"]))}
        super().__init__(
            setup.start, setup.network, rule, frame=setup.network.teachers, scales=scales
        )

    @property
    def engine_name(self) -> str:
        """How the expectations are taken."""
        return self.setup.network.engine(self.rule.stochastic)
