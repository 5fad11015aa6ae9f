"""The flow of key-query strengths ω (H, B) and outputs μ (H, J).

    dω_hb/dt = −(1/d_b) ∂E/∂ω_hb,   dμ_hj/dt = −∂E/∂μ_hj,   E = Σ_j E_j

is gradient flow of the whole matrices, which do not leave the manifold of these numbers. The metric
"scalar" has no 1/d_b, "factored" factors 2|ω_hb| and 2|μ_hj| instead, those of balanced factors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError, SolverError
from orderparams.models.in_context import linear, softmax
from orderparams.models.in_context.sections import Problem
from orderparams.models.in_context.setup import prompts_of, start_of
from orderparams.models.interface import Evaluation, State

Array = NDArray[np.float64]

TABLE_ERROR = 1e-6
"""Of risk and gradient by the tables, in units of the tasks' strengths, at outputs of order one."""


class Flow:
    """The ordinary differential equation of a problem; y is ω, then μ."""

    def __init__(self, problem: Problem) -> None:
        self.prompts = prompts_of(problem)
        self.start = start_of(problem)
        self.metric = problem.training.metric
        self.decay = problem.training.weight_decay
        self.linear = problem.attention.activation == "linear"
        self.long_work = not self.linear
        self.tolerance = np.inf

    @property
    def engine_name(self) -> str:
        """How the expectations are taken."""
        return "closed forms" if self.linear else "tables of Laplace integrals"

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

    @property
    def variances(self) -> NDArray[np.bool_]:
        """None of y is a variance."""
        return np.zeros(self.initial_state.size, bool)

    def at(self, key_query: Array, output: Array) -> softmax.Risk:
        """Risk and gradient; :class:`SolverError` where they cannot be had."""
        if not (np.isfinite(key_query).all() and np.isfinite(output).all()):
            raise SolverError("the state is not finite")
        expected = linear.risk if self.linear else softmax.risk
        found = expected(self.prompts, key_query, output)
        if not np.isfinite(found.risk).all():
            raise SolverError("the expectations are not finite")
        return found

    def rates(self, key_query: Array, output: Array, found: softmax.Risk) -> tuple[Array, Array]:
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

    def evaluate(self, y: Array) -> Evaluation:
        """Risk, gradient and velocity."""
        key_query, output = self.unpack(y)
        found = self.at(key_query, output)
        velocity = self.rates(key_query, output, found)
        return Evaluation(
            state=self.state(y),
            risk=float(found.risk.sum()),
            gradient={"key_query": found.key_query, "output": found.output},
            velocity=dict(zip(("key_query", "output"), velocity, strict=True)),
            noise=None,
            error=self.error(output, float(found.risk.sum())),
            noise_error=None,
            engine=self.engine_name,
        )

    def error(self, output: Array, risk: float) -> float:
        """Of risk and gradient: that of the tables grows with the square of the outputs."""
        if self.linear:
            return 1e-15 * max(1.0, risk)
        scale = self.prompts.labels.max() * max(1.0, float((output**2).sum()))
        return float(TABLE_ERROR * scale)

    def check_rates(self, duration: float, longest: float) -> None:
        """:class:`ConfigurationError` where weight decay over the duration is beyond the longest
        time that can be followed."""
        if self.decay * duration > longest:
            raise ConfigurationError(
                f"training.weight_decay = {self.decay:g}: over t = {duration:g} it cannot be "
                f"followed; up to {longest / duration:g} can"
            )
