"""What a step of SGD on vectors in R^D makes of the plain step −(γ/D)·gradient, model or not.

With Δ the plain step of a vector or of a learned number, weight decay included, a velocity v keeps
a part of the steps before:

    v ← keep·v + gain·Δ,    w ← w + v.

Momentum μ has keep = μ and gain = 1; inertia keep = 1 − (γ/D) ζ and gain = (γ/D) η, with
v = (γ/D) p. No vector has a velocity where ``keep`` is zero. A repulsion adds its gradient to that
of every batch; on spheres vectors have their lengths after every step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.errors import ConfigurationError
from orderparams.models.vectors.inertia import Inertia, inertia_of
from orderparams.models.vectors.repulsion import NO_REPULSION, Repulsion, repulsion_of

Array = NDArray[np.float64]

FULL_RATE = np.ones(1)
"""Shares of the learning rate that steps have, the last of which holds on: those of no schedule."""


class Step(NamedTuple):
    """As above."""

    keep: float = 0.0
    gain: float = 1.0
    repulsion: Repulsion = NO_REPULSION
    sphere: bool = False
    time: float = 0.0

    @property
    def momentum(self) -> float:
        """μ, by which time runs faster."""
        return 0.0 if self.measured else self.keep

    @property
    def measured(self) -> bool:
        """Whether velocities v = (γ/D) p are those of order parameters; γ/D is ``time``."""
        return self.time > 0.0

    @property
    def inertial(self) -> bool:
        """Whether vectors have velocities."""
        return self.keep != 0.0


PLAIN = Step()


def step_of(problem: Any) -> Step:
    """What the configuration of a model of vectors asks for."""
    training, inertia = problem.training, inertia_of(problem)
    plain = Step(
        keep=training.momentum,
        repulsion=repulsion_of(problem),
        sphere=training.constraint == "sphere",
    )
    return plain if inertia is None else with_inertia(plain, inertia, problem.step_time)


def with_inertia(plain: Step, inertia: Inertia, time: float) -> Step:
    """The same with inertia, where a step takes this time γ/D; :class:`ConfigurationError` where
    it stops a velocity at once."""
    lost = time * inertia.friction
    if lost >= 1:
        raise ConfigurationError(
            f"training.inertia.friction = {inertia.friction:g}: a step of SGD takes the time "
            f"training.learning_rate / simulation.dimension = {time:g}, and {lost:.3g} of a "
            "velocity with it; raise simulation.dimension, or lower the friction"
        )
    return plain._replace(keep=1 - lost, gain=time * inertia.gain, time=time)


@kernel()
def remember(step: Step, gradient: Array, memory: Array) -> None:
    """Of learned numbers: what of the gradients (numbers, N) before, in ``memory``, is added to the
    last; nothing where the memory has no rows."""
    for number in range(len(memory)):
        for k in range(memory.shape[1]):
            memory[number, k] = step.keep * memory[number, k] + step.gain * gradient[number, k]
            gradient[number, k] = memory[number, k]


def memory_of(numbers: Any, count: int, step: Step) -> Array:
    """Memory of the learned numbers of n vectors before the first step, (numbers, N) or (0, N) with
    N the entries of the longest, or n."""
    longest = max([count, *(values.size for values in numbers)])
    return np.zeros((len(numbers) * step.inertial, longest))
