"""The fluctuations of SGD of keys and values, crosses among them.

On the manifold the flow does not know the crosses k·v*, v·k*_f and k·v', which SGD knows: they
fluctuate, and enter the mean of what the flow knows. So derivatives are those of the full system;
the reflection of all values and v*, under which crosses are odd, parts them from the rest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from orderparams.models.interface import Local
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.values.curved_responses import CurvedValues
from orderparams.models.single_location.values.flow import ValueFlow, flow_in_all_directions
from orderparams.models.single_location.values.responses import ValuedAttention
from orderparams.models.vectors.fluctuations.noise import VectorNoise

Array = NDArray[np.float64]

GENTLE = 1e-8
"""Tolerance of expectations that are differentiated."""


class ValueNoise(VectorNoise):
    """Of stacked rows."""

    flow: ValueFlow
    everywhere = False

    @property
    def odd(self) -> NDArray[np.bool_]:
        """The coordinates (N,) that are crosses around a flow on the manifold."""
        overlap, square = ((~kept).astype(float) for kept in self.flow.names.kept)
        return self.seen.pack(overlap, square, self.seen.still) > 0

    def at(self, t: float, y: Array, pulse: Callable[[], None]) -> Local:
        """See :class:`VectorNoise`; what the symmetry makes zero is zero."""
        local, odd = super().at(t, y, pulse), self.odd
        same = np.equal.outer(odd, odd)

        def even(values: Array) -> Array:
            return np.where(odd, 0.0, values)

        def curvature(covariance: Array) -> Array:
            shift = local.curvature(covariance)
            return np.append(even(shift[:-1]), shift[-1])

        memory = local.memory
        if memory is not None:
            pushes = np.where(same, memory.covariance, 0.0)
            memory = memory._replace(mean=even(memory.mean), covariance=pushes)
        return Local(
            even(local.velocity),
            np.where(same, local.jacobian, 0.0),
            np.where(same, local.covariance, 0.0),
            even(local.drift),
            even(local.by_rate),
            even(local.lag),
            even(local.gradient),
            curvature,
            local.share,
            memory,
        )


def noise_of_values(problem: Problem, own: ValueFlow, workers: int) -> ValueNoise:
    """The fluctuations around a flow; V is differentiated at as many nodes as steps are looked at
    on, as only its share of the velocity depends on them."""
    known, training, settings = problem.expectation, problem.training, problem.fluctuations
    assert settings is not None
    expectation = dataclasses.replace(
        known,
        tolerance=min(known.tolerance, GENTLE),
        samples=min(known.samples, settings.taken),
    )
    gentle = flow_in_all_directions(dataclasses.replace(problem, expectation=expectation))
    kind = ValuedAttention if own.setup.activation.curve is None else CurvedValues
    responder = kind(
        own.setup.task,
        own.setup.activation,
        own.norm_bias,
        own.importance,
        training.value_rate,
        training.weight_decay,
    )
    shares = np.ones(own.names.rows)
    shares[own.names.heads :] *= problem.initial.values == "random"
    return ValueNoise(problem, own, gentle, responder, workers, shares)
