"""The fluctuations of SGD of keys and values, crosses among them.

On the manifold the flow does not know the crosses k·v*, v·k*_f and k·v', which SGD knows: they
fluctuate, and enter the mean of what the flow knows. So derivatives are those of the full system.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.values.flow import ValueFlow, flow_in_all_directions
from orderparams.models.single_location.values.responses import ValuedAttention
from orderparams.models.vectors.fluctuations.noise import VectorNoise

GENTLE = 1e-8
"""Tolerance of expectations that are differentiated."""


def noise_of_values(problem: Problem, own: ValueFlow, workers: int) -> VectorNoise:
    """The fluctuations around a flow; V is differentiated at as many nodes as steps are looked at
    on, as only its share of the velocity depends on them."""
    known, training = problem.expectation, problem.training
    expectation = dataclasses.replace(
        known,
        tolerance=min(known.tolerance, GENTLE),
        samples=min(known.samples, problem.fluctuations.taken),
    )
    gentle = flow_in_all_directions(dataclasses.replace(problem, expectation=expectation))
    responder = ValuedAttention(
        own.setup.task,
        own.setup.activation,
        own.norm_bias,
        training.value_rate,
        training.weight_decay,
    )
    shares = np.ones(own.names.rows)
    shares[own.names.heads :] *= problem.initial.values == "random"
    return VectorNoise(problem, own, gentle, responder, workers, shares)
