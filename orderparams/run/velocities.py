"""Steps with memory between measured times: what SGD has in motion when an interval begins.

A process z without memory is ahead of X by h, the sum of parts h_k that fade by μ^k in a step
(:class:`~orderparams.models.interface.Memory`). Over an interval of n steps, with the propagator Φ,

    z → Φ z + pushes,    h_k → μ^kn h_k + faded pushes,    X = z − Σ h_k.

Velocities are not measured. What is known of h from all that was measured before, its mean and
covariance, is carried from interval to interval (Kalman's filter), so that innovations are
independent however short the intervals are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.models.interface import Memory

Array = NDArray[np.float64]


class Velocities(NamedTuple):
    """What is known of h when an interval begins: the mean (2N,) and its derivatives, rows of
    (K, 2N), and the covariance (2N, 2N), times D."""

    mean: Array
    covariance: Array


class Remembered(NamedTuple):
    """Of an interval: Φ (N, N) and the derivatives (n, N) of what is measured, the ``memory`` at
    both ends, the number of ``steps`` over D, whether vectors are at ``rest`` at its start, and the
    covariance Q (N, N) of z, times D."""

    flow: Array
    read: Array
    first: Memory
    last: Memory
    length: float
    rest: bool
    covariance: Array

    def at_start(self, rows: int, dimension: float) -> Velocities:
        """What is known of h where nothing was measured before: rest, or what steps of ages
        leave."""
        size = 2 * len(self.flow)
        mean = np.zeros((rows, size))
        if self.rest:
            return Velocities(mean, np.zeros((size, size)))
        mean[0] = settled(self.first) / dimension
        return Velocities(mean, faded(self.first, np.inf)[1] / dimension)

    def through(
        self, before: Velocities, far: Array, error: Array, dimension: float
    ) -> tuple[Array, Array, Velocities]:
        """From what is ``far`` (K, n) from where z alone leads, rows of a deviation and of its
        derivatives: the same from the mean; its covariance (n, n), times D, with that of an
        ``error``; and what is known of h then."""
        steps = self.length * dimension
        size = len(self.flow)
        both = np.hstack([np.eye(size), np.eye(size)])
        fades = np.repeat(power(self.last.share, np.array([1.0, 2.0]) * steps), size)
        ahead = self.flow @ both
        pushed, own = (part / dimension for part in faded(self.last, steps))
        mixed = ahead - both * fades
        spread = self.covariance - pushed @ both.T - both @ pushed.T + both @ own @ both.T
        spread = self.read @ (spread + mixed @ before.covariance @ mixed.T) @ self.read.T + error
        spread = 0.5 * (spread + spread.T)
        gain = pushed.T - own @ both.T + fades[:, None] * before.covariance @ mixed.T
        gained = np.asarray(np.linalg.solve(spread, self.read @ gain.T).T, dtype=np.float64)
        end = settled(self.last) / dimension
        known = 0 * end if self.rest else settled(self.first) / dimension
        moved = before.mean @ mixed.T
        moved[0] += both @ (fades * end) - ahead @ known
        left = far - moved @ self.read.T
        mean = fades * before.mean + left @ gained.T
        mean[0] += (1 - fades) * end
        covariance = np.outer(fades, fades) * before.covariance + own - gained @ spread @ gained.T
        return left, spread, Velocities(mean, covariance)


def power(share: float, steps: Array) -> Array:
    """μ to the power of numbers of steps, the sign of a negative one that of the nearest."""
    found: Array = np.sign(share) ** np.rint(steps) * np.abs(share) ** steps
    return found


def settled(memory: Memory) -> Array:
    """The mean of h (2N,), times D, after many steps."""
    fades = memory.share ** np.array([1, 2])
    return np.concatenate(memory.mean * (fades / (1 - fades))[:, None])


def faded(memory: Memory, steps: float) -> tuple[Array, Array]:
    """What the pushes of so many steps add to the covariances of z with h (N, 2N), and of h
    (2N, 2N), times D²."""
    powers = np.add.outer(np.arange(3), np.arange(3))[:, 1:]
    fades = memory.share**powers
    left = 0.0 if np.isinf(steps) else power(memory.share, powers * steps)
    total = fades * (1 - left) / (1 - fades)
    sums = total[:, :, None, None] * memory.covariance[:, 1:]
    rows = np.block([list(row) for row in sums])
    size = memory.covariance.shape[-1]
    return rows[:size], rows[size:]
