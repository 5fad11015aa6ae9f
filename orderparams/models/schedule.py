"""Schedules of the learning rate: how it falls in the course of SGD, and what time it then is.

A step n of SGD has the learning rate γ_n = γ·share. Time is t = Σ γ_n / D; what it would be at the
full rate throughout is the *elapsed* time σ = γ·n / D, so that dt = share(σ) dσ. In t the drift of
the flow knows nothing of a schedule, and its noise is (γ/B)·share(t)·V.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Schedule:
    """The full rate throughout: t = σ."""

    @property
    def changes(self) -> tuple[float, ...]:
        """Times t at which shares jump or bend; the last ends all change, infinity if none does."""
        return ()

    @property
    def largest(self) -> float:
        """The largest share."""
        return 1.0

    def shares(self, elapsed: Array) -> Array:
        """Shares at elapsed times σ."""
        return np.ones_like(elapsed)

    def time(self, elapsed: Array) -> Array:
        """Times t at elapsed times σ."""
        return elapsed

    def elapsed(self, time: Array) -> Array:
        """Elapsed times σ at times t."""
        return time

    def share_at(self, time: float) -> float:
        """The share at a time t."""
        return float(self.shares(self.elapsed(np.array(time))))

    def slope_at(self, time: float) -> float:
        """The derivative of the share by t."""
        return 0.0


@dataclass(frozen=True)
class Inverse(Schedule):
    """share = 1/(1 + σ/τ): t = τ log(1 + σ/τ), and in t the share is exp(−t/τ)."""

    scale: float

    @property
    def changes(self) -> tuple[float, ...]:
        """It never ends."""
        return (np.inf,)

    def shares(self, elapsed: Array) -> Array:
        """1/(1 + σ/τ)."""
        shares: Array = 1 / (1 + elapsed / self.scale)
        return shares

    def time(self, elapsed: Array) -> Array:
        """τ log(1 + σ/τ)."""
        time: Array = self.scale * np.log1p(elapsed / self.scale)
        return time

    def elapsed(self, time: Array) -> Array:
        """τ (exp(t/τ) − 1)."""
        with np.errstate(over="ignore"):
            elapsed: Array = self.scale * np.expm1(time / self.scale)
        return elapsed

    def slope_at(self, time: float) -> float:
        """−share/τ."""
        return -self.share_at(time) / self.scale


@dataclass(frozen=True)
class Cosine(Schedule):
    """share = f + (1 − f)(1 + cos(πσ/S))/2 until σ = S, and f from there on."""

    period: float
    final: float

    @property
    def changes(self) -> tuple[float, ...]:
        """Where the final rate is reached."""
        return (self.period * (1 + self.final) / 2,)

    def shares(self, elapsed: Array) -> Array:
        """As above."""
        phase = np.pi * np.minimum(elapsed / self.period, 1.0)
        shares: Array = self.final + (1 - self.final) * 0.5 * (1 + np.cos(phase))
        return shares

    def time(self, elapsed: Array) -> Array:
        """fσ + (1 − f)(σ + (S/π) sin(πσ/S))/2, the second part as at S from there on."""
        within = np.minimum(elapsed, self.period)
        phase = np.pi * within / self.period
        wave = 0.5 * (within + self.period / np.pi * np.sin(phase))
        time: Array = self.final * elapsed + (1 - self.final) * wave
        return time

    def elapsed(self, time: Array) -> Array:
        """Its inverse, by bisection; infinite where a rate that ends at zero never comes to."""
        time, end = np.asarray(time), self.changes[0]
        low = np.zeros(time.shape)
        high = np.full(time.shape, self.period)
        for _ in range(64):
            middle = 0.5 * (low + high)
            above = self.time(middle) > time
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            beyond = self.period + np.where(time > end, (time - end) / self.final, 0.0)
        elapsed: Array = np.where(time >= end, beyond, 0.5 * (low + high))
        return elapsed

    def slope_at(self, time: float) -> float:
        """dshare/dσ / share, where dt = share dσ."""
        phase = np.pi * float(self.elapsed(np.array(time))) / self.period
        if phase >= np.pi:
            return 0.0
        steep = -0.5 * (1 - self.final) * np.pi / self.period * np.sin(phase)
        return float(steep / self.share_at(time))


@dataclass(frozen=True)
class Piecewise(Schedule):
    """share = factors[i] from σ = times[i] on, and 1 before the first."""

    times: tuple[float, ...]
    factors: tuple[float, ...]

    @property
    def _pieces(self) -> tuple[Array, Array]:
        """Where pieces begin, and their shares."""
        return np.array([0.0, *self.times]), np.array([1.0, *self.factors])

    @property
    def _begun(self) -> Array:
        """The times t at which pieces begin."""
        begins, shares = self._pieces
        return np.append(0.0, np.cumsum(shares[:-1] * np.diff(begins)))

    @property
    def changes(self) -> tuple[float, ...]:
        """Where the rate jumps."""
        return tuple(self._begun[1:].tolist())

    @property
    def largest(self) -> float:
        """The largest share."""
        return float(self._pieces[1].max())

    def shares(self, elapsed: Array) -> Array:
        """As above."""
        begins, shares = self._pieces
        found: Array = shares[np.searchsorted(begins, elapsed, side="right") - 1]
        return found

    def time(self, elapsed: Array) -> Array:
        """Linear in each piece."""
        begins, shares = self._pieces
        piece = np.searchsorted(begins, elapsed, side="right") - 1
        time: Array = self._begun[piece] + shares[piece] * (elapsed - begins[piece])
        return time

    def elapsed(self, time: Array) -> Array:
        """Linear in each piece."""
        (begins, shares), begun = self._pieces, self._begun
        piece = np.searchsorted(begun, time, side="right") - 1
        elapsed: Array = begins[piece] + (time - begun[piece]) / shares[piece]
        return elapsed

    def share_at(self, time: float) -> float:
        """The share at a time t; at a jump that after it."""
        return float(self._pieces[1][np.searchsorted(self._begun, time, side="right") - 1])


CONSTANT = Schedule()


def schedule_of(problem: Problem) -> Schedule:
    """The schedule of a problem."""
    config: Any = getattr(problem.training, "schedule", None)
    if config is None or config.kind == "constant":
        return CONSTANT
    if config.kind == "inverse":
        return Inverse(config.time)
    if config.kind == "cosine":
        return Cosine(config.time, config.final or 0.0)
    return Piecewise(config.times, config.factors)


def steps_at(problem: Problem, time: Array) -> Array:
    """The steps of SGD (T,) that come to times t (T,), not rounded."""
    steps: Array = schedule_of(problem).elapsed(time) / problem.step_time
    return steps
