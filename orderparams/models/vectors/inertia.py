"""Inertia of vectors: a memory of O(D) steps (theory 10e)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Inertia:
    """Friction ζ and gain η."""

    friction: float
    gain: float

    def rate(self, eigenvalue: float) -> float:
        """How a small deviation grows along a mode of the Hessian with this eigenvalue λ: the
        larger real part of the roots of s² + ζs + ηλ = 0."""
        square = 0.25 * self.friction**2 - self.gain * eigenvalue
        return -0.5 * self.friction + math.sqrt(max(square, 0.0))


def inertia_of(problem: Any) -> Inertia | None:
    """That of a configuration, of whatever model; None where vectors have none."""
    config = getattr(problem.training, "inertia", None)
    return None if config is None else Inertia(config.friction, config.gain)
