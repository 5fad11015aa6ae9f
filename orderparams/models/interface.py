"""What a model is to the rest of the program.

A model is a folder beside this file with two modules that the rest asks for. ``config`` reads
without any numerical library: the sections of its configuration, what keys must satisfy together,
the table of its order parameters (``models/single_location/config.py`` lists all). ``model`` does
the work and is described by :class:`Model`. Integration, replicas, verdicts, files, scans, tables,
figures and exports learn names, axes and symbols from the table, and know no model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orderparams.config import Problem
from orderparams.models import registry
from orderparams.models.parameters import OrderParameter

Array = NDArray[np.float64]
State: TypeAlias = Mapping[str, Array]
"""An array for each order parameter, by its name."""

Progress = Callable[[int, int], None]
"""Called with the steps that are done, and their number."""


OWN = frozenset({"parameters", "problem", "references", "records", "comparison"})
"""What order parameters are read from: not there yet while an object is copied or unpickled."""


class Named:
    """Order parameters as items, ``result["overlap"]``, and for convenience as attributes."""

    parameters: State

    def __getitem__(self, name: str) -> Array:
        """An order parameter by its name; KeyError, with those there are, if it is not known."""
        if name not in self.parameters:
            raise KeyError(f"{name!r} is not among {', '.join(self.parameters)}")
        return self.parameters[name]

    def __contains__(self, name: object) -> bool:
        return name in self.parameters

    def __iter__(self) -> Iterator[str]:
        return iter(self.parameters)

    def __getattr__(self, name: str) -> Any:
        if name in OWN or name.startswith("_") or name not in self.parameters:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self.parameters[name]


@dataclass(frozen=True)
class Reference:
    """A risk to compare with, such as the Bayes risk, and its error; NaN if it is not known, and
    perhaps ``why``."""

    value: float
    error: float = 0.0
    why: str = ""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The flow at one state.

    ``gradient`` has the total derivatives of the risk by the order parameters, all entries of
    symmetric ones taken as independent; ``velocity`` their time derivatives. ``noise`` is the
    covariance of the gradient's coefficients (V of theory 4), or None where nothing asks for it.
    ``error`` is an estimate of the largest error of risk and gradient, ``noise_error`` that of V.
    ``engine`` tells how the expectations were taken.
    """

    state: State
    risk: float
    gradient: State
    velocity: State
    noise: Array | None
    error: float
    noise_error: float | None
    engine: str


@dataclass(frozen=True, eq=False)
class Example:
    """What a layer attends to in one sequence, of which so many tokens are ``shown``.

    shares (H, shown) of each head and attention (shown,), the weights of the tokens in the
    prediction; ``other_shares`` (H,) and ``other_attention`` on the ``others`` tokens that are not
    shown. ``informative`` counts from 0; ``signal`` (F,) is the amplitude θ that it carries.
    """

    signal: Array
    informative: int
    others: int
    shares: Array
    attention: Array
    other_shares: Array
    other_attention: float


class Memory(NamedTuple):
    """Of steps that repeat a ``share`` μ of those before: a process z without memory is ahead of
    the N order parameters by the sum of two parts, which fade by μ and μ² in a step.

    Before that, z and the parts are pushed: the parts by a ``mean`` (2, N), times D, and all three
    with a ``covariance`` (3, 3, N, N), times D².
    """

    share: float
    mean: Array
    covariance: Array


@dataclass(frozen=True, eq=False)
class Local:
    """SGD around a state of its flow, to leading order in 1/D, in N coordinates.

    velocity f (N,), Jacobian J (N, N), covariance γC (N, N) of a step, the 1/D drift c (N,) of a
    step, ∂f/∂γ (N,), the ``lag`` (N,), times D, of what is behind a process without memory, of
    which all else is told; the derivatives of the risk (N,). ``curvature`` takes a covariance S
    (N, N) to ½ Σ S_ij ∂_i∂_j of f and of the risk, (N+1,). One of the sequences that were looked at
    has the ``share`` in the variance of some combination, none more. ``memory`` is of steps that
    have one.
    """

    velocity: Array
    jacobian: Array
    covariance: Array
    drift: Array
    by_rate: Array
    lag: Array
    gradient: Array
    curvature: Callable[[Array], Array]
    share: float
    memory: Memory | None = None


class View(NamedTuple):
    """Order parameters at a state of the flow, M entries of them, as functions of N coordinates.

    Their derivatives ``slope`` (M, N); ``bent`` takes a covariance S (N, N) to ½ Σ S_ij ∂_i∂_j of
    them, (M,). Of those that are ``free`` (M,) the others are functions; ``moving`` (M,) are the
    free ones but for those that SGD leaves as they are.
    """

    slope: Array
    bent: Callable[[Array], Array]
    free: NDArray[np.bool_]
    moving: NDArray[np.bool_]


class Noise(Protocol):
    """The fluctuations of SGD around a flow, in coordinates that order parameters are functions of.

    Some may stand for what is zero in the flow, and no order parameter.
    """

    @property
    def size(self) -> int:
        """Coordinates N."""
        ...

    @property
    def start(self) -> Array:
        """The y of the flow at t = 0 around which all fluctuates."""
        ...

    @property
    def spread(self) -> Array:
        """D times the covariance of starts (N, N)."""
        ...

    def view(self, parameters: Sequence[OrderParameter], y: Array) -> View:
        """The entries of order parameters, in their order, at y of the flow."""
        ...

    def at(self, t: float, y: Array, pulse: Callable[[], None]) -> Local:
        """What there is to know at y of the flow and time t; ``pulse`` is called now and then."""
        ...

    def share(self, t: float, y: Array) -> float:
        """The largest share of one node in what fluctuates there, as :meth:`at` finds it."""
        ...

    def roughly(self, flow: Flow) -> Noise:
        """The same, with derivatives to a part in a thousand, of a coarser flow if that serves."""
        ...


class Flow(Protocol):
    """The ordinary differential equation of a problem, dy/dt = derivative(t, y).

    An integrator sees y alone. :class:`~orderparams.errors.SolverError` where the expectations
    cannot be had.
    """

    tolerance: float
    """Error of the expectations that was asked for; infinite for sampling."""
    long_work: bool
    """Whether a risk is long work in kernels, which several threads can do at the same time."""

    @property
    def engine_name(self) -> str:
        """How the expectations were taken so far, and whether they ever missed the tolerance."""
        ...

    @property
    def initial_state(self) -> Array:
        """y at t = 0, (N,)."""
        ...

    @property
    def units(self) -> Array:
        """Of each component of y, the change that matters, (N,)."""
        ...

    @property
    def variances(self) -> NDArray[np.bool_]:
        """Which components of y cannot be negative, (N,)."""
        ...

    @property
    def changes(self) -> tuple[float, ...]:
        """Times at which the derivative jumps or bends in t; none of a flow that does not depend on
        t, and the last, perhaps infinite, where it does not any more."""
        ...

    def derivative(self, t: float, y: Array) -> Array:
        """dy/dt."""
        ...

    def state(self, y: Array) -> State:
        """The order parameters at y."""
        ...

    def point(self, state: State) -> Array:
        """y at a state; what is not learned is as at the start."""
        ...

    def risk(self, state: State) -> float:
        """The risk alone, without gradients."""
        ...

    def recorded(self, state: State) -> tuple[float, State]:
        """The risk of a state, and what else is stored of it by the model's OBSERVABLES."""
        ...

    def penalties(self, state: State) -> State:
        """Those observables that are added to the risk by the rule of learning."""
        ...

    def at_end(self, state: State) -> State:
        """Those observables that are stored of the last state alone."""
        ...

    def evaluate(self, y: Array) -> Evaluation:
        """Risk, gradient and velocity."""
        ...

    def check_rates(self, duration: float, longest: float) -> None:
        """:class:`~orderparams.errors.ConfigurationError` where a rate times the duration is beyond
        the longest time that can be followed."""
        ...


@dataclass(frozen=True, eq=False)
class Records(Named):
    """What was recorded of R replicas at T times.

    time (T,); step (T,), the steps of SGD that were recorded; ``parameters`` have the order
    parameters (R, T, …), also those that are not learned; loss (R, T), the mean per step over the
    steps since the record before (NaN where there are none). NaN too where a replica has not come
    yet.
    """

    time: Array
    step: NDArray[np.int64]
    parameters: State
    loss: Array


class Simulator(Protocol):
    """Replicas of SGD that can stop at any call of ``progress`` and go on to the same bits."""

    def run(self, workers: int = 1, progress: Progress | None = None) -> Records:
        """Advance all replicas to the last time; an exception of ``progress`` stops it."""
        ...

    def result(self) -> Records:
        """What was recorded so far."""
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of all that changes in a run."""
        ...

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from such a copy."""
        ...


class Model(Protocol):
    """What a model does: the functions of its module ``model``."""

    def references(self, problem: Any, /) -> Mapping[str, Reference]:
        """Risks to compare with by name, the first of them the one that figures show."""
        ...

    def flow(self, problem: Any, /) -> Flow:
        """The flow of a problem."""
        ...

    def descent(self, problem: Any, tolerance: float, /) -> Any:
        """Gradient flow of a problem of vectors in R^D, its expectations to a tolerance."""
        ...

    def geometry(self, problem: Any, /) -> Any:
        """What the vectors of such a problem can turn to, and what else they could be."""
        ...

    def findings(self, problem: Any, run: Any, told: Any, /) -> Any:
        """What there is to say of a run, as chapters (:mod:`orderparams.models.findings`); only of
        a model that analyzes its runs by itself. ``told`` hears of the part of the work that is
        done, and what."""
        ...

    def simulator(self, problem: Any, time: ArrayLike, /) -> Simulator:
        """Replicas at step zero, to be recorded at these times."""
        ...

    def examples(self, problem: Any, states: Sequence[State], /) -> list[list[Example]] | None:
        """The attention at each of some states to the same sequences; None of a model without."""
        ...

    def starting_at(self, problem: Any, state: State, /) -> Problem:
        """The same problem with an explicit start; what the state does not have is as before."""
        ...

    def remedy(self, problem: Any, /, *, start: bool = False, sgd: bool = False) -> str:
        """What to change where the start, or else a run, is out of range; for a run "" if no rate
        is large."""
        ...

    def kernel_key(self, problem: Any, simulated: bool, /) -> Sequence[object]:
        """What decides which kernels a flow needs, and if ``simulated`` SGD."""
        ...


class Fluctuating(Protocol):
    """What a model does beside that whose problems can ask for fluctuations."""

    def noise(self, problem: Any, flow: Any, workers: int, /) -> Noise:
        """The fluctuations around a flow, with so many threads."""
        ...

    def conserved(self, problem: Any, /) -> str:
        """What no sequence changes while all else rests, so that it has no innovations; or ""."""
        ...


class Searching(Protocol):
    """What a model with an analysis of its own does beside that."""

    def optimum(self, problem: Any, start: State | None, /) -> tuple[float, State, float]:
        """The lowest risk that a search finds, where, and the largest slope that is left there."""
        ...


class Tested(Protocol):
    """What a model does beside that whose last states are tested at other values of a key."""

    def compared(self, problem: Any, /) -> Mapping[str, Reference]:
        """The references that take no search, of a problem with such a value."""
        ...


def model_of(problem: Problem) -> Model:
    """The model of a problem."""
    return cast(Model, registry.work(problem.model))
