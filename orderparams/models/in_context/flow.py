"""The flow of key-query strengths ω (H, B) and outputs μ (H, J).

    dω_hb/dt = −(1/d_b) ∂E/∂ω_hb,   dμ_hj/dt = −∂E/∂μ_hj,   E = Σ_j E_j

is gradient flow of the whole matrices, which do not leave the manifold of these numbers. The metric
"scalar" has no 1/d_b, "factored" factors 2|ω_hb| and 2|μ_hj| instead, those of balanced factors.
"""

from __future__ import annotations

import contextlib

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError, SolverError
from orderparams.models.in_context.found import Found
from orderparams.models.in_context.risk import by_closed_form, by_quadrature, by_sampling, by_tables
from orderparams.models.in_context.sections import Problem
from orderparams.models.in_context.setup import prompts_of, start_of
from orderparams.models.interface import Evaluation, State

Array = NDArray[np.float64]

ENGINES = {
    "tables": "tables of Laplace integrals",
    "auto": "tables of Laplace integrals, quadrature beyond them",
    "quadrature": "quadrature of Laplace integrals",
    "sampling": "sampled prompts",
    "closed": "closed forms",
}
"""Engines in words."""


GROWTH = 1.2
"""Factor of the largest ω or μ of a run at which the error is looked at again."""

LARGEST = 1e100
"""Size of ω and μ from which on a run has diverged: their squares would overflow."""


class Worst:
    """The largest error that was met, and the largest |ω| and |μ| where it was looked at."""

    def __init__(self) -> None:
        self.error, self.strength = 0.0, 0.0
        self.sizes = 0.0, 0.0

    def exceeded(self, sizes: tuple[float, float]) -> bool:
        """Whether |ω| or |μ| have grown by a factor, so that errors may have."""
        return any(size > GROWTH * most for size, most in zip(sizes, self.sizes, strict=True))

    def heed(self, error: float, sizes: tuple[float, float]) -> None:
        """An error, NaN where it is not known, at a state of these sizes."""
        if np.isnan(error):
            return
        self.sizes = max(self.sizes[0], sizes[0]), max(self.sizes[1], sizes[1])
        if error > self.error:
            self.error, self.strength = error, sizes[0]


class Flow:
    """The ordinary differential equation of a problem; y is ω, then μ.

    Where engine = "auto" has tables, scores beyond them are taken by quadrature, or with
    ``beyond=False`` refused: there searches turn back, which would be slow. Those of a ``search``
    by quadrature are taken by one rule, whose error is not looked at.
    """

    def __init__(self, problem: Problem, *, beyond: bool = True, search: bool = False) -> None:
        self.prompts = prompts_of(problem)
        self.start = start_of(problem)
        self.metric = problem.training.metric
        self.decay = problem.training.weight_decay
        self.expectation = problem.expectation
        self.lengths = problem.task.test_lengths or ()
        self.activation = problem.attention.activation
        self.engine = engine_of(problem)
        alone = len(self.start[0]) == 1  # tables of one head reach as far as anything
        self.beyond = beyond and self.expectation.engine == "auto" and not alone
        self.long_work = self.engine in ("quadrature", "sampling")
        self.tolerance = np.inf if self.engine == "sampling" else self.expectation.tolerance
        self.search = search
        self.worst = Worst()

    @property
    def words(self) -> str:
        """How the expectations are taken."""
        return ENGINES["auto" if self.engine == "tables" and self.beyond else self.engine]

    @property
    def engine_name(self) -> str:
        """The same, and whether what was recorded ever missed the tolerance asked for."""
        if self.worst.error <= self.tolerance:
            return self.words
        way = "" if self.engine == "quadrature" else "; engine = 'quadrature' can do better"
        return (
            f"{self.words} (tolerance {self.tolerance:g} not reached, errors up to "
            f"{self.worst.error:.1e}, at |omega| = {self.worst.strength:.3g}{way})"
        )

    @property
    def initial_state(self) -> Array:
        """y at t = 0."""
        return self.pack(*self.start)

    def pack(self, key_query: Array, output: Array) -> Array:
        """One vector of both."""
        return np.concatenate([key_query.ravel(), output.ravel()])

    def unpack(self, y: Array) -> tuple[Array, Array]:
        """ω and μ of y."""
        key_query, output = self.start
        return (
            y[: key_query.size].reshape(key_query.shape),
            y[key_query.size :].reshape(output.shape),
        )

    @property
    def units(self) -> Array:
        """Of each component of y, the change that matters."""
        key_query, output = self.start
        return self.pack(
            np.ones_like(key_query) / np.sqrt(self.prompts.blocks), np.ones_like(output)
        )

    changes = ()

    @property
    def variances(self) -> NDArray[np.bool_]:
        """None of y is a variance."""
        return np.zeros(self.initial_state.size, bool)

    def at(self, key_query: Array, output: Array, *, error: bool = False) -> Found:
        """Risk and gradient, with an estimate of their error if asked for, or where it comes along;
        :class:`SolverError` where they cannot be had."""
        if not all((np.abs(values) < LARGEST).all() for values in (key_query, output)):
            raise SolverError("the state diverges")
        at, chosen = (self.prompts, key_query, output), self.expectation
        if self.engine == "closed":
            found = by_closed_form(*at)
        elif self.engine == "sampling":
            found = by_sampling(*at, chosen.samples, chosen.seed)
        elif self.engine == "quadrature":
            found = by_quadrature(
                *at,
                chosen.tolerance,
                chosen.radii,
                error=error or not self.search,
                quick=chosen.engine == "auto",
            )
        else:
            found = by_tables(*at, chosen.radii, error=error, beyond=self.beyond)
        if not np.isfinite(found.risk).all():
            raise SolverError("the expectations are not finite")
        return found

    def rates(self, key_query: Array, output: Array, found: Found) -> tuple[Array, Array]:
        """Time derivatives of ω and μ."""
        by_key_query, by_output = -found.key_query, -found.output
        if self.metric == "matrix":
            by_key_query = by_key_query / self.prompts.blocks
        elif self.metric == "factored":
            by_key_query = 2 * np.abs(key_query) * by_key_query
            by_output = 2 * np.abs(output) * by_output
        return by_key_query - self.decay * key_query, by_output - self.decay * output

    def derivative(self, t: float, y: Array) -> Array:
        """dy/dt, autonomous in t."""
        key_query, output = self.unpack(y)
        return self.pack(*self.rates(key_query, output, self.at(key_query, output)))

    def state(self, y: Array) -> State:
        """The order parameters at y."""
        key_query, output = self.unpack(y)
        return {"key_query": key_query.copy(), "output": output.copy()}

    def point(self, state: State) -> Array:
        """y at a state."""
        return self.pack(state["key_query"], state["output"])

    def risk(self, state: State) -> float:
        """The risk, summed over tasks."""
        return float(self.at(state["key_query"], state["output"]).risk.sum())

    def recorded(self, state: State) -> tuple[float, State]:
        """The risk, and risks, gains and sums of outputs of the tasks."""
        key_query, output = state["key_query"], state["output"]
        gain = output.T @ key_query
        risks = self.measured(key_query, output).risk
        return float(risks.sum()), {
            "task_risk": risks,
            "output_sum": output.sum(0),
            "gain": gain,
        }

    def measured(self, key_query: Array, output: Array) -> Found:
        """Risk and gradient; their error is kept, if it is the largest, but for states of tables
        that are no larger than those before."""
        sizes = float(np.abs(key_query).max()), float(np.abs(output).max())
        if self.worst.exceeded(sizes):
            with contextlib.suppress(SolverError):  # the rule that tells it has farther radii
                found = self.at(key_query, output, error=True)
                self.worst.heed(found.error, sizes)
                return found
        found = self.at(key_query, output)
        self.worst.heed(found.error, sizes)
        return found

    def penalties(self, state: State) -> State:
        """None."""
        return {}

    def at_end(self, state: State) -> State:
        """The risks of the tasks at other lengths."""
        if not self.lengths:
            return {}
        at = state["key_query"], state["output"]
        return {"test_risk": np.array([self.tested(length, *at) for length in self.lengths])}

    def tested(self, length: int, key_query: Array, output: Array) -> Array:
        """The risk of each task (J,) at another length."""
        at = self.prompts._replace(length=length), key_query, output
        if self.engine == "closed":
            return by_closed_form(*at).risk
        if self.engine == "sampling":
            return by_sampling(*at, self.expectation.samples, self.expectation.seed).risk
        return by_quadrature(*at, self.expectation.tolerance, self.expectation.radii).risk

    def evaluate(self, y: Array) -> Evaluation:
        """Risk, gradient and velocity."""
        key_query, output = self.unpack(y)
        found, words = self.at(key_query, output, error=True), self.words
        tables = self.engine == "tables" and self.expectation.engine == "auto"
        if tables and found.error > self.tolerance:
            with contextlib.suppress(SolverError):  # scores beyond what seconds serve
                better = by_quadrature(
                    self.prompts,
                    key_query,
                    output,
                    self.tolerance,
                    self.expectation.radii,
                    error=True,
                    quick=True,
                )
                if better.error < found.error:
                    found, words = better, ENGINES["quadrature"]
        velocity = self.rates(key_query, output, found)
        return Evaluation(
            state=self.state(y),
            risk=float(found.risk.sum()),
            gradient={"key_query": found.key_query, "output": found.output},
            velocity=dict(zip(("key_query", "output"), velocity, strict=True)),
            noise=None,
            error=found.error,
            noise_error=None,
            engine=words,
        )

    def check_rates(self, duration: float, longest: float) -> None:
        """:class:`ConfigurationError` where weight decay over the duration is beyond the longest
        time that can be followed."""
        if self.decay * duration > longest:
            raise ConfigurationError(
                f"training.weight_decay = {self.decay:g}: over t = {duration:g} it cannot be "
                f"followed; up to {longest / duration:g} can"
            )


def engine_of(problem: Problem) -> str:
    """The engine of a problem."""
    if problem.attention.activation == "linear":
        return "closed"
    if problem.expectation.engine != "auto":
        return problem.expectation.engine
    return "quadrature" if problem.task.query_in_softmax else "tables"
