"""The flow of learned vectors in R^D against hidden directions (theory 4).

Whatever the model, one-pass SGD with the mean gradient that its risk E(m, q) implies moves the
overlaps m (n, d) and self-overlaps q (n, n) of n vectors by

    dm/dt = −(P + 2Γm) − λm,    dq/dt = −(P mᵀ + m Pᵀ + 2Γq + 2qΓ) − 2λq + (γ/B) V,

P = ∂E/∂m at fixed q, Γ = ∂E/∂q with all entries independent, V the covariance of the gradient's
coefficients. Gradient flow is integrated in the reduced weights K = [m W], S = W Wᵀ, where q stays
positive semidefinite by itself; SGD's noise would make the equation of W singular, and S is
integrated in its place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError, SolverError
from orderparams.models.interface import Evaluation, State
from orderparams.models.schedule import CONSTANT, Schedule
from orderparams.models.vectors.fluctuations.momentum import Turned
from orderparams.models.vectors.geometry import Vectors, equal_vectors, residual_factor, resized
from orderparams.models.vectors.repulsion import NO_REPULSION, Repulsion, penalty, slopes
from orderparams.models.vectors.sphere import tangential

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Gradient:
    """The risk of some vectors and its derivatives: P (n, d), Γ (n, n), those in the numbers (n,).

    ``covariance`` is V (n, n), or None where it was not asked for. ``error`` is an estimate of the
    largest error of the risk and its derivatives, ``covariance_error`` that of V. ``engine`` tells
    how they were taken.
    """

    risk: float
    overlap: Array
    self_overlap: Array
    numbers: Mapping[str, Array]
    covariance: Array | None = None
    error: float = 0.0
    covariance_error: float = 0.0
    engine: str = ""


@dataclass(frozen=True)
class Rule:
    """How the vectors learn: by gradient flow or by SGD at temperature γ/B, with weight decay λ.

    ``rates`` are the learning rates of the numbers that are learned, in units of the vectors'. A
    schedule changes the temperature in time. A repulsion adds a penalty to the risk. On
    a ``sphere`` vectors keep their lengths.
    """

    stochastic: bool = False
    temperature: float = 0.0
    weight_decay: float = 0.0
    rates: Mapping[str, float] = field(default_factory=dict)
    schedule: Schedule = CONSTANT
    repulsion: Repulsion = NO_REPULSION
    sphere: bool = False

    def temperature_at(self, t: float) -> float:
        """γ(t)/B."""
        return self.temperature * self.schedule.share_at(t)

    @property
    def singular(self) -> bool:
        """Whether a vector without length has no velocity."""
        return self.sphere or (self.repulsion.strength > 0.0 and self.repulsion.cosine)

    def pull(self, vectors: Vectors, gradient: Gradient) -> Array:
        """∂/∂q (n, n) of the risk and of what is added to it, but weight decay."""
        if self.repulsion.strength == 0.0:
            return gradient.self_overlap
        total: Array = gradient.self_overlap + self.repelling(vectors)
        return total

    def repelling(self, vectors: Vectors) -> Array:
        """Γ_R = ∂R/∂q (n, n) of the repulsion."""
        own = np.zeros((vectors.count, vectors.count))
        if self.repulsion.strength > 0.0:
            slopes(self.repulsion, vectors.self_overlap, own)
        return own

    def restraint(self, vectors: Vectors) -> Array:
        """λI + 2Γ_R (n, n), by which vectors K move by −(λ + 2Γ_R)K whatever the sequences are."""
        total: Array = self.weight_decay * np.eye(vectors.count) + 2 * self.repelling(vectors)
        return total


class Parts(NamedTuple):
    """Overlaps m (n, d), self-overlaps q (n, n) and learned numbers of n vectors, or changes of
    these."""

    overlap: Array
    self_overlap: Array
    numbers: Mapping[str, Array]


NOTING = threading.Lock()
"""A run takes its gradients and the risks at its stored times at the same time."""

Expectations = Callable[[Vectors, bool], Gradient]
"""Risk and gradient of some vectors; V as well if the second argument is true."""


class VectorFlow:
    """The ordinary differential equation dy/dt = velocity(y).

    y is m, the residual (W, or the lower triangle of S for SGD), then the numbers that are learned.
    Vectors that start equal stay equal; y holds one of each such group, so that no rounding can
    drive them apart. The order parameter "overlap" is m, or with a ``frame`` B (M, d) the overlap
    R = m Bᵀ with M vectors in the span of the hidden directions. ``scales`` are changes that matter
    of m (d,), under "overlap", and of the numbers (n,); 1 where they are not given.
    """

    long_work = False

    def __init__(
        self,
        start: Vectors,
        expectations: Expectations,
        rule: Rule,
        *,
        tolerance: float = np.inf,
        scales: State | None = None,
        frame: Array | None = None,
    ) -> None:
        self.start, self.expectations, self.rule = start, expectations, rule
        self.tolerance, self.worst_error = tolerance, 0.0
        self.ways: set[str] = set()
        self.scales = scales or {}
        self.frame = frame
        self.inverse = None if frame is None else np.linalg.pinv(frame)
        self._first, self._group = self.grouped(start)
        self._triangle = np.tril_indices(len(self._first))

    @property
    def merged(self) -> bool:
        """Whether vectors start equal, and stay so."""
        return len(self._first) < len(self._group)

    def grouped(self, start: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices of the distinct vectors, and for every vector which of them it equals."""
        return equal_vectors(start)

    def entries(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of a learned number, indices of its distinct entries, and which of them each equals."""
        return self._first, self._group

    @property
    def engine_name(self) -> str:
        """How the expectations were taken so far, unless a model knows better."""
        return ", ".join(sorted(self.ways))

    def pack(self, overlap: Array, residual: Array, numbers: Mapping[str, Array]) -> Array:
        """One vector of the parts of a state, or of its time derivative."""
        first = self._first
        if self.rule.stochastic:
            packed = residual[np.ix_(first, first)][self._triangle]
        else:
            packed = residual[first].ravel()
        learned = [numbers[name][self.entries(name)[0]].ravel() for name in self.rule.rates]
        return np.concatenate([overlap[first].ravel(), packed, *learned])

    @property
    def initial_state(self) -> Array:
        """y at t = 0."""
        start = self.start
        residual = start.residual @ start.residual.T if self.rule.stochastic else start.residual
        return self.pack(start.overlap, residual, start.numbers)

    def unpack(self, y: Array) -> tuple[Vectors, Array]:
        """The vectors of a state, and the residual in the form in which it is integrated (n, n)."""
        (count, directions), distinct = self.start.overlap.shape, len(self._first)
        group = self._group
        sizes = [distinct * directions]
        sizes.append(len(self._triangle[0]) if self.rule.stochastic else distinct * count)
        of_numbers = {n: self.start.numbers[n][self.entries(n)[0]] for n in self.rule.rates}
        sizes += [values.size for values in of_numbers.values()]
        parts, residual, *learned = np.split(y, np.cumsum(sizes)[:-1])
        overlap = parts.reshape(distinct, directions)[group]
        if self.rule.stochastic:
            lower = np.zeros((distinct, distinct))
            lower[self._triangle] = residual
            square = (lower + np.tril(lower, -1).T)[np.ix_(group, group)]
            factor = residual_factor(square)
        else:
            square = factor = residual.reshape(distinct, count)[group]
        values = {
            name: part.reshape(like.shape)[self.entries(name)[1]]
            for (name, like), part in zip(of_numbers.items(), learned, strict=True)
        }
        return self.dressed(overlap, factor, {**self.start.numbers, **values}), square

    def dressed(self, overlap: Array, residual: Array, numbers: Mapping[str, Array]) -> Vectors:
        """Vectors of these parts; numbers that follow from others are set here."""
        return Vectors(overlap, residual, numbers)

    def altered(self, vectors: Vectors, numbers: Mapping[str, Array]) -> Vectors:
        """The same vectors with other numbers."""
        known = {**vectors.numbers, **numbers}
        return self.dressed(vectors.overlap, vectors.residual, known)

    def resized(self, vectors: Vectors) -> Vectors | None:
        """As many vectors as here, some or copies of those of a neighbouring problem; None where
        there is no such choice."""
        return resized(vectors, self.start.count)

    def vectors(self, y: Array) -> Vectors:
        """The vectors at y."""
        return self.unpack(y)[0]

    def state(self, y: Array) -> State:
        """Overlap, self-overlap, and the numbers that are learned."""
        vectors = self.vectors(y)
        numbers = self.shown(vectors.numbers)
        return {**self.named(vectors), **{name: numbers[name] for name in self.rule.rates}}

    def named(self, vectors: Vectors) -> State:
        """Overlaps by name."""
        state = vectors.state
        overlap = self.measured(state["overlap"])
        return {"overlap": overlap, "self_overlap": state["self_overlap"]}

    @property
    def costly(self) -> bool:
        """Whether its fluctuations take longer than replicas, by which they can be judged."""
        return False

    @property
    def curved(self) -> bool:
        """Whether order parameters are other functions of m, q and learned numbers than linear."""
        return False

    def moved(self, here: Parts, change: Parts) -> State:
        """How order parameters change with m, q and learned numbers that are ``here``."""
        overlap, square, numbers = change
        return {"overlap": self.measured(overlap), "self_overlap": square, **numbers}

    def turned(self, vectors: Vectors) -> Turned | None:
        """Numbers that do not move by what steps remember as it is."""
        return None

    def restraint(self, vectors: Vectors) -> Array:
        """R (n, n), by which vectors K move by −RK whatever the sequences are."""
        return self.rule.restraint(vectors)

    def follows(self, name: str, index: tuple[int, ...]) -> bool:
        """Whether an entry of an order parameter is a function of others."""
        return False

    def rests(self, name: str, index: tuple[int, ...]) -> bool:
        """Whether no sequence moves it: a length on a sphere."""
        return self.rule.sphere and name.endswith("self_overlap") and index[0] == index[1]

    def measured(self, overlap: Array) -> Array:
        """The order parameter "overlap" of an overlap m (n, d), or of its time derivative."""
        return overlap if self.frame is None else overlap @ self.frame.T

    def vectors_at(self, state: State) -> Vectors:
        """Vectors with given order parameters; numbers that it does not have are as at the start.

        Of all residuals the symmetric one. :class:`SolverError` if they are not finite.
        """
        overlap, self_overlap = state["overlap"], state["self_overlap"]
        if self.inverse is not None:
            overlap = overlap @ self.inverse.T
        square = self_overlap - overlap @ overlap.T
        if not np.isfinite(square).all():
            raise SolverError("the overlaps are not finite")
        own = {name: state[name] for name in self.start.numbers if name in state}
        numbers = {**self.start.numbers, **self.hidden(own)}
        return self.dressed(overlap, residual_factor(square), numbers)

    def point(self, state: State) -> Array:
        """y of given order parameters; of all residuals W the symmetric one."""
        vectors = self.vectors_at(state)
        residual = vectors.residual
        if self.rule.stochastic:
            residual = state["self_overlap"] - vectors.overlap @ vectors.overlap.T
        return self.pack(vectors.overlap, residual, vectors.numbers)

    @property
    def units(self) -> Array:
        """Of each component of y, the change that matters."""
        count, directions = self.start.overlap.shape
        vectors = np.ones(count)
        overlap = np.outer(vectors, self.scales.get("overlap", np.ones(directions)))
        ones = {name: np.ones_like(self.start.numbers[name]) for name in self.rule.rates}
        numbers = {name: self.scales.get(name, one) for name, one in ones.items()}
        return self.pack(overlap, np.outer(vectors, vectors), numbers)

    @property
    def variances(self) -> NDArray[np.bool_]:
        """Which components of y cannot be negative: the diagonal of S."""
        none = np.zeros_like(self.start.overlap)
        diagonal = np.eye(len(none)) * self.rule.stochastic
        numbers = {name: np.zeros_like(self.start.numbers[name]) for name in self.rule.rates}
        return self.pack(none, diagonal, numbers) > 0

    @property
    def changes(self) -> tuple[float, ...]:
        """Those of the schedule, which only noise knows of."""
        return self.rule.schedule.changes if self.rule.stochastic else ()

    def gradient(self, vectors: Vectors, *, covariance: bool) -> Gradient:
        """Expectations at a state; a :class:`SolverError` if they are not finite."""
        found = self.expectations(vectors, covariance)
        if not np.isfinite(found.overlap).all():
            raise SolverError("the expectations are not finite")
        self.note(found.risk, found.error, found.engine)
        return found

    def note(self, risk: float, error: float, way: str) -> None:
        """Remember an error and how expectations were taken; :class:`SolverError` if the risk is
        not finite."""
        if not np.isfinite(risk):
            raise SolverError("the expectations are not finite")
        with NOTING:
            self.worst_error = max(self.worst_error, error)
        self.ways.add(way)

    def rate_key(self, name: str) -> str:
        """The key of ``training`` that has the learning rate of a number."""
        return f"{name}_rate"

    def check_rates(self, duration: float, longest: float) -> None:
        """:class:`ConfigurationError` for numbers that are learned too fast to be followed."""
        for name, rate in self.rule.rates.items():
            if rate * duration > longest:
                what = name.replace("_", " ")
                raise ConfigurationError(
                    f"training.{self.rate_key(name)} = {rate:g}, training.duration = "
                    f"{duration:g}: a learned {what} can be followed until their product is "
                    f"{longest:g}, beyond it the last digits of the expectations move it; lower "
                    "one of them"
                )

    def risk(self, state: State) -> float:
        """The risk of given order parameters."""
        return self.risk_of(self.vectors_at(state))

    def risk_of(self, vectors: Vectors) -> float:
        """The risk of some vectors; a model that can take it without gradients does."""
        return self.gradient(vectors, covariance=False).risk

    def recorded(self, state: State) -> tuple[float, State]:
        """The risk of a state, and the penalty that is added to it, where there is any."""
        return self.risk(state), self.penalties(state)

    def penalties(self, state: State) -> State:
        """The penalty of a state, by its name, where there is any."""
        if not self.penalised:
            return {}
        return {"penalty": np.array(self.penalty(self.vectors_at(state)))}

    @property
    def penalised(self) -> bool:
        """Whether the rule adds a penalty to the risk, beside weight decay."""
        return self.rule.repulsion.strength > 0.0

    def penalty(self, vectors: Vectors) -> float:
        """That penalty."""
        return penalty(self.rule.repulsion, vectors.self_overlap)

    def shown(self, numbers: Mapping[str, Array]) -> dict[str, Array]:
        """Numbers as order parameters."""
        return dict(numbers)

    def hidden(self, numbers: Mapping[str, Array]) -> dict[str, Array]:
        """Order parameters as numbers."""
        return dict(numbers)

    def at_end(self, state: State) -> State:
        """None."""
        return {}

    def by_numbers(self, found: Gradient) -> State:
        """The gradient of the risk by what is learned beside vectors."""
        return {name: found.numbers[name] for name in self.rule.rates}

    def evaluate(self, y: Array) -> Evaluation:
        """Risk, gradient and velocity at y and t = 0; V where SGD has noise."""
        stochastic, state = self.rule.stochastic, self.state(y)
        found = self.gradient(self.vectors(y), covariance=stochastic)
        velocity = self.velocity(y, found)
        overlap = found.overlap if self.inverse is None else found.overlap @ self.inverse
        return Evaluation(
            state=state,
            risk=found.risk,
            gradient={
                "overlap": overlap,
                "self_overlap": found.self_overlap,
                **self.by_numbers(found),
            },
            velocity={name: velocity[name] for name in state},
            noise=found.covariance,
            error=found.error,
            noise_error=found.covariance_error if stochastic else None,
            engine=found.engine,
        )

    def rates(
        self, vectors: Vectors, residual: Array, gradient: Gradient, t: float = 0.0
    ) -> tuple[Array, Array, dict[str, Array]]:
        """Time derivatives of the overlap, of the residual as integrated, of the numbers.

        ``gradient`` must hold V if the rule is SGD, which alone knows of t.
        """
        rule, gamma = self.rule, self.rule.pull(vectors, gradient)
        overlap = -(gradient.overlap + 2 * gamma @ vectors.overlap)
        overlap -= rule.weight_decay * vectors.overlap
        drift = -2 * gamma @ residual - rule.weight_decay * residual
        if rule.stochastic:
            assert gradient.covariance is not None
            drift = drift + drift.T + rule.temperature_at(t) * gradient.covariance
        if rule.sphere:
            overlap, drift = tangential(
                vectors.overlap, residual, overlap, drift, stochastic=rule.stochastic
            )
        numbers = {name: -rate * gradient.numbers[name] for name, rate in rule.rates.items()}
        return overlap, drift, numbers

    def derivative(self, t: float, y: Array) -> Array:
        """dy/dt."""
        if not np.isfinite(y).all():
            raise SolverError("the state is not finite")
        vectors, residual = self.unpack(y)
        gradient = self.gradient(vectors, covariance=self.rule.stochastic)
        return self.pack(*self.rates(vectors, residual, gradient, t))

    def velocity(self, y: Array, gradient: Gradient) -> State:
        """dm/dt, dq/dt and those of the learned numbers at y and t = 0, from its gradient."""
        vectors, residual = self.unpack(y)
        overlap, drift, numbers = self.rates(vectors, residual, gradient)
        half = overlap @ vectors.overlap.T
        half = half + 0.5 * drift if self.rule.stochastic else half + drift @ residual.T
        here = Parts(vectors.overlap, vectors.self_overlap, vectors.numbers)
        return self.moved(here, Parts(overlap, half + half.T, numbers))
