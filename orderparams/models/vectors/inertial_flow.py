"""The flow of vectors with inertia (theory 10e).

A step of SGD moves a velocity p and by it a vector k, with friction ζ and gain η,

    p ← p − (γ/D) ζ p − γη (gradient),    k ← k + (γ/D) p.

With the pull A = 2Γ + λ of all that is lowered, positions and velocities close in m, q,
m^p = p·k*/D, q^kp = k·p/D and q^pp = p·p/D:

    dm/dt = m^p,    dq/dt = q^kp + q^kpᵀ,    dm^p/dt = −ζ m^p − η (P + Am),
    dq^kp/dt = q^pp − ζ q^kp − η (m Pᵀ + q A),
    dq^pp/dt = −2ζ q^pp − η (m^p Pᵀ + P m^pᵀ + q^kpᵀ A + A q^kp) + (γ/B) η² V.

Gradient flow is integrated in the reduced weights K and their velocities 𝒫, dK/dt = 𝒫 and
d𝒫/dt = −ζ𝒫 − η∇E: from rest n directions outside the hidden ones hold the residuals of both. SGD
has in their place S = q − m mᵀ, S^kp = q^kp − m m^pᵀ and S^pp = q^pp − m^p m^pᵀ, in which P drops
out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.interface import Evaluation, State
from orderparams.models.vectors.flow import Gradient, VectorFlow
from orderparams.models.vectors.geometry import Vectors
from orderparams.models.vectors.inertia import Inertia

Array = NDArray[np.float64]


class Motion(NamedTuple):
    """Velocities: m^p (n, d), and the residual of theirs as it is integrated (n, n), 𝒫's or S^pp;
    ``crossed`` (n, n) is S^kp."""

    overlap: Array
    residual: Array
    crossed: Array


class InertialFlow:
    """The same flow with inertia. y is that of the flow, which says where the vectors are, then the
    same of their velocities, and for SGD S^kp.

    ``names`` are what m^p, q^kp and q^pp are called. Nothing but vectors may learn.
    """

    def __init__(self, inner: VectorFlow, inertia: Inertia, names: tuple[str, ...]) -> None:
        self.inner, self.inertia, self.names = inner, inertia, names
        self.stochastic = inner.rule.stochastic
        self.tolerance, self.long_work = inner.tolerance, inner.long_work
        self.changes = inner.changes
        self.check_rates, self.risk = inner.check_rates, inner.risk
        self.recorded, self.penalties, self.at_end = inner.recorded, inner.penalties, inner.at_end

    @property
    def merged(self) -> bool:
        """Whether some vectors are equal, and so stay."""
        return self.inner.merged

    @property
    def costly(self) -> bool:
        """See :class:`VectorFlow`: velocities fluctuate beside vectors."""
        return True

    @property
    def engine_name(self) -> str:
        """That of the flow."""
        return self.inner.engine_name

    def pack(self, position: Array, velocity: Array, crossed: Array) -> Array:
        """One vector of the parts of a state, or of its time derivative."""
        first = self.inner._first
        own = [crossed[np.ix_(first, first)].ravel()] if self.stochastic else []
        return np.concatenate([position, velocity, *own])

    @property
    def initial_state(self) -> Array:
        """y at t = 0, at rest."""
        still = np.zeros_like(self.inner.initial_state)
        return self.pack(self.inner.initial_state, still, np.zeros_like(self.inner.start.residual))

    def split(self, y: Array) -> tuple[Array, Array, Array]:
        """Positions and velocities, each as in the flow, and what is left."""
        size = self.inner.initial_state.size
        return y[:size], y[size : 2 * size], y[2 * size :]

    def unpack(self, y: Array) -> tuple[Vectors, Array, Motion]:
        """The vectors at y, their residual as it is integrated, and the motion."""
        position, velocity, own = self.split(y)
        vectors, residual = self.inner.unpack(position)
        moving, speed = self.inner.unpack(velocity)
        if self.stochastic:
            group, count = self.inner._group, len(self.inner._first)
            crossed = own.reshape(count, count)[np.ix_(group, group)]
        else:
            crossed = residual @ speed.T
        return vectors, residual, Motion(moving.overlap, speed, crossed)

    def state(self, y: Array) -> State:
        """Where the vectors are, and how they move."""
        vectors, _, motion = self.unpack(y)
        return {**self.inner.state(self.split(y)[0]), **self.moving(vectors, motion)}

    def moving(self, vectors: Vectors, motion: Motion) -> State:
        """m^p, q^kp and q^pp."""
        m, speed = vectors.overlap, motion.overlap
        own = motion.residual if self.stochastic else motion.residual @ motion.residual.T
        values = (
            self.inner.measured(speed),
            motion.crossed + m @ speed.T,
            own + speed @ speed.T,
        )
        return dict(zip(self.names, values, strict=True))

    def point(self, state: State) -> Array:
        """y of given order parameters; those of gradient flow lie in n residual directions."""
        inner, (of_overlap, of_both, of_speed) = self.inner, self.names
        vectors = inner.vectors_at(state)
        m, speed = vectors.overlap, state[of_overlap]
        if inner.inverse is not None:
            speed = speed @ inner.inverse.T
        square, own = state["self_overlap"] - m @ m.T, state[of_speed] - speed @ speed.T
        crossed = state[of_both] - m @ speed.T
        residual, rest = square, own
        if not self.stochastic:
            joint = np.block([[square, crossed], [crossed.T, own]])
            if not np.isfinite(joint).all():
                raise SolverError("the overlaps are not finite")
            sizes, axes = np.linalg.eigh(joint)
            count = len(m)
            roots = axes[:, count:] * np.sqrt(np.maximum(sizes[count:], 0.0))
            residual, rest = roots[:count], roots[count:]
        position = inner.pack(m, residual, vectors.numbers)
        return self.pack(position, inner.pack(speed, rest, {}), crossed)

    @property
    def units(self) -> Array:
        """Of each component of y, the change that matters."""
        units = self.inner.units
        return self.pack(units, units, np.ones_like(self.inner.start.residual))

    @property
    def variances(self) -> NDArray[np.bool_]:
        """Which components of y cannot be negative: the diagonals of S and S^pp."""
        own = self.inner.variances.astype(float)
        return self.pack(own, own, np.zeros_like(self.inner.start.residual)) > 0

    def pull(self, vectors: Vectors, gradient: Gradient) -> Array:
        """A = 2Γ + λ (n, n), of all that is lowered."""
        rule = self.inner.rule
        total: Array = 2 * rule.pull(vectors, gradient)
        return total + rule.weight_decay * np.eye(len(total))

    def noise(self, gradient: Gradient, t: float) -> Array | float:
        """(γ/B) η² V, nothing of gradient flow."""
        if gradient.covariance is None:
            return 0.0
        scale = self.inner.rule.temperature_at(t) * self.inertia.gain**2
        noise: Array = scale * gradient.covariance
        return noise

    def derivative(self, t: float, y: Array) -> Array:
        """dy/dt."""
        inner, friction, gain = self.inner, self.inertia.friction, self.inertia.gain
        if not np.isfinite(y).all():
            raise SolverError("the state is not finite")
        position, velocity, _ = self.split(y)
        if not self.stochastic:
            moved = inner.derivative(t, position)
            return np.concatenate([velocity, gain * moved - friction * velocity])
        vectors, square, (speed, own, crossed) = self.unpack(y)
        found = inner.gradient(vectors, covariance=True)
        pull = self.pull(vectors, found)
        slowed = pull @ crossed
        force = -friction * speed - gain * (found.overlap + pull @ vectors.overlap)
        heated = self.noise(found, t) - 2 * friction * own - gain * (slowed + slowed.T)
        return self.pack(
            inner.pack(speed, crossed + crossed.T, {}),
            inner.pack(force, heated, {}),
            own - friction * crossed - gain * square @ pull,
        )

    def evaluate(self, y: Array) -> Evaluation:
        """Risk, gradient and velocity at y and t = 0; the risk knows nothing of velocities."""
        inner, friction, gain = self.inner, self.inertia.friction, self.inertia.gain
        vectors, _, (speed, _, _) = self.unpack(y)
        found, state = inner.gradient(vectors, covariance=self.stochastic), self.state(y)
        overlap, both, own = (state[name] for name in self.names)
        pull = self.pull(vectors, found)
        force = inner.measured(found.overlap + pull @ vectors.overlap)
        pushed = vectors.overlap @ found.overlap.T + vectors.self_overlap @ pull
        turned = speed @ found.overlap.T + both.T @ pull
        moving = (
            -friction * overlap - gain * force,
            own - friction * both - gain * pushed,
            self.noise(found, 0.0) - 2 * friction * own - gain * (turned + turned.T),
        )
        slopes = (np.zeros_like(state[name]) for name in self.names)
        by_overlap = found.overlap if inner.inverse is None else found.overlap @ inner.inverse
        return Evaluation(
            state=state,
            risk=found.risk,
            gradient={
                "overlap": by_overlap,
                "self_overlap": found.self_overlap,
                **dict(zip(self.names, slopes, strict=True)),
            },
            velocity={
                "overlap": overlap,
                "self_overlap": both + both.T,
                **dict(zip(self.names, moving, strict=True)),
            },
            noise=found.covariance,
            error=found.error,
            noise_error=found.covariance_error if self.stochastic else None,
            engine=found.engine,
        )
