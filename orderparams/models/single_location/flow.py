"""The flow of the order parameters of single-location regression (theory 4).

Its expectations, and the bias and head weights that heads have beside their vectors, make it a
:class:`~orderparams.models.vectors.flow.VectorFlow`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError, SolverError
from orderparams.expectations.separate.integrals import Integrals
from orderparams.models.interface import State
from orderparams.models.schedule import schedule_of
from orderparams.models.single_location.engines import Engine, Moments, taken_by
from orderparams.models.single_location.engines.scored import ScoredQuadrature
from orderparams.models.single_location.importance import (
    by_scores,
    entropy,
    importance_of,
    importances,
    scores,
    turned,
)
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.setup import LINE, MORE, Heads, Setup, key_of
from orderparams.models.vectors.flow import Gradient, Parts, Rule, VectorFlow
from orderparams.models.vectors.fluctuations.momentum import Turned
from orderparams.models.vectors.geometry import Vectors
from orderparams.models.vectors.repulsion import repulsion_of

Array = NDArray[np.float64]

LEARNED = {
    "bias": "bias",
    "head_weights": "head_weight",
    **LINE,
}
"""Keys of ``attention`` that can be learned, and the numbers that they are."""

MOST_NOISE = 1e8
"""Noise of SGD in q beyond which no run stays in range: V falls as q^(-1/2) at most."""


class Flow(VectorFlow):
    """The flow of H heads and F features. ``setup`` is what the problem was built into."""

    start: Heads
    long_work = True

    def __init__(self, problem: Problem, setup: Setup, engine: Engine) -> None:
        training, attention = problem.training, problem.attention
        self.problem, self.engine, self.setup = problem, engine, setup
        self.norm_bias = attention.bias == "norm"
        learned = {
            name: getattr(training, self.rate_key(name))
            for key, name in LEARNED.items()
            if getattr(attention, key) == "learned"
        }
        if attention.sharing is not None and attention.sharing.learned:
            learned["mixing"] = training.mixing_rate
        self.importance = importance_of(problem)
        if self.importance.total:
            learned["importance"] = self.importance.rate
        rule = Rule(
            training.rule == "sgd",
            training.effective_rate / training.batch_size,
            training.weight_decay,
            learned,
            schedule_of(problem),
            repulsion_of(problem),
            training.constraint == "sphere",
        )
        sampled = engine.name.startswith("sampling")  # of which no error was asked for
        super().__init__(
            setup.start,
            self._expectations,
            rule,
            tolerance=np.inf if sampled else problem.expectation.tolerance,
            scales=self.scales_of(setup),
            frame=self.frame_of(setup),
        )
        self.heads, self.features = attention.heads, self.start.overlap.shape[1]
        task, activation = setup.task, setup.activation
        self.leaving: Integrals | ScoredQuadrature | None = None
        if activation.kappa > 0 and not activation.joint:
            tolerance = problem.expectation.tolerance
            if activation.curve is not None:
                self.leaving = ScoredQuadrature(task, activation, tolerance=tolerance)
            else:
                self.leaving = Integrals(
                    task.signal,
                    task.other_tokens,
                    activation.kappa,
                    tolerance,
                    task.signal_variance,
                )

    def scales_of(self, setup: Setup) -> State:
        """Changes that matter of overlaps and head weights."""
        return {
            # m acts through m·θ on the scores
            "overlap": 1 / np.sqrt(1 + np.diag(setup.task.signal.second_moment)),
            "head_weight": np.maximum(1.0, np.abs(setup.start.numbers["head_weight"])),
        }

    def frame_of(self, setup: Setup) -> Array | None:
        """That of the hidden directions, where they are not orthogonal."""
        return setup.task.frame

    def dressed(self, overlap: Array, residual: Array, numbers: Mapping[str, Array]) -> Heads:
        """Heads of these parts; the norm bias follows from q, importances from their scores."""
        bias = numbers["bias"]
        if self.norm_bias:
            bias = -0.5 * ((overlap**2).sum(1) + (residual**2).sum(1))
        more = {name: numbers[name] for name in MORE if name in numbers}
        head_weights = numbers["head_weight"]
        if self.importance.total:
            head_weights = self.importance.total * self.importances(numbers)
        return Heads(overlap, residual, bias, head_weights, more)

    def layer(self, vectors: Vectors) -> Heads:
        """The heads that some vectors make: themselves."""
        assert isinstance(vectors, Heads)
        return vectors

    def importances(self, numbers: Mapping[str, Array]) -> Array:
        """p (H,) of their scores."""
        return importances(numbers["importance"])

    def altered(self, vectors: Vectors, numbers: Mapping[str, Array]) -> Heads:
        """The same heads with other numbers, head weights that are no importances any more."""
        known = {**vectors.numbers, **numbers}
        bias, weights = known.pop("bias"), known.pop("head_weight")
        return Heads(vectors.overlap, vectors.residual, bias, weights, known)

    def shown(self, numbers: Mapping[str, Array]) -> dict[str, Array]:
        """Importances, not their scores."""
        own = {k: importances(of) for k, of in numbers.items() if k == "importance"}
        return {**numbers, **own}

    def hidden(self, numbers: Mapping[str, Array]) -> dict[str, Array]:
        """Scores of importances."""
        own = {k: scores(of) for k, of in numbers.items() if k == "importance"}
        return {**numbers, **own}

    @property
    def penalised(self) -> bool:
        """Whether there is a penalty of importances or a repulsion."""
        return super().penalised or self.importance.penalty != 0.0

    def penalty(self, vectors: Vectors) -> float:
        """Those of a repulsion and of importances."""
        total = super().penalty(vectors)
        if self.importance.penalty:
            own = self.importances(vectors.numbers)
            total += self.importance.penalty * entropy(own)
        return total

    def rate_key(self, name: str) -> str:
        """The key of ``training`` that has the learning rate of a number."""
        return super().rate_key(key_of(name))

    def check_rates(self, duration: float, longest: float) -> None:
        """Also where the noise of SGD carries the heads out of range at once.

        Nothing holds them back but weight decay, and a bias that lowers all attention; then the
        last digits of V carry them.
        """
        super().check_rates(duration, longest)
        training, attention, rule = self.problem.training, self.problem.attention, self.rule
        held = bool(attention.kappa) and attention.bias in ("norm", "learned")
        noise = (
            rule.temperature
            * rule.schedule.largest
            * min(duration, 1 / max(training.weight_decay, 1e-300))
        )
        limit = longest if held else MOST_NOISE
        if not rule.stochastic or np.isinf(self.tolerance) or noise <= limit:
            return
        covariance = self.gradient(self.start, covariance=True).covariance
        assert covariance is not None
        if held or noise * np.diag(covariance).max() > limit:
            raise ConfigurationError(
                f"training.learning_rate = {training.learning_rate:g}, training.batch_size = "
                f"{training.batch_size}, training.duration = {training.duration:g}: the noise of "
                "SGD carries the heads beyond what quadrature serves; lower the learning rate or "
                "the duration"
            )

    @property
    def engine_name(self) -> str:
        """The engine, and whether it ever missed the tolerance asked for."""
        words = taken_by(self.engine, self.ways)
        if self.worst_error <= self.tolerance:
            return words
        missed = f"tolerance {self.tolerance:g} not reached, errors up to {self.worst_error:.1e}"
        return f"{words} ({missed})"

    def gradient_of(self, moments: Moments) -> Gradient:
        """Total derivatives of the risk: the norm bias β = −q_hh/2 is differentiated through."""
        gamma = moments.self_overlap_gradient
        if self.norm_bias:
            gamma = gamma - 0.5 * np.diag(moments.bias_gradient)
        return Gradient(
            moments.risk,
            moments.overlap_gradient,
            gamma,
            {"bias": moments.bias_gradient, "head_weight": moments.head_weight_gradient},
            moments.gradient_covariance,
            moments.error,
            moments.gradient_covariance_error,
            moments.engine,
        )

    def _expectations(self, vectors: Vectors, covariance: bool) -> Gradient:
        heads = self.layer(vectors)
        moments = self.engine.evaluate(
            heads.weights, heads.bias, heads.head_weights, gradient_covariance=covariance
        )
        return self.scored(self.gradient_of(moments), heads)

    def scored(self, found: Gradient, heads: Heads) -> Gradient:
        """The same with derivatives by the scores of importances, where there are any."""
        if not self.importance.total:
            return found
        by_importance = np.empty(self.heads)
        p = heads.head_weights / self.importance.total
        by_weights = found.numbers["head_weight"][: self.heads]
        by_scores(self.importance, p, by_weights, by_importance)
        numbers = {**found.numbers, "importance": self.of_rows(by_importance)}
        return dataclasses.replace(found, numbers=numbers)

    def of_rows(self, numbers: Array) -> Array:
        """Numbers of heads (H,) as those of vectors."""
        return numbers

    def by_numbers(self, found: Gradient) -> State:
        """The same, by importances in place of their scores."""
        known = super().by_numbers(found)
        if not self.importance.total:
            return known
        return {**known, "importance": self.importance.total * found.numbers["head_weight"]}

    def risk_of(self, vectors: Vectors) -> float:
        """The risk without its gradients."""
        heads = self.layer(vectors)
        found = self.engine.risk(heads.weights, heads.bias, heads.head_weights)
        self.note(found.value, found.error, found.engine)
        return found.value

    def recorded(self, state: State) -> tuple[float, State]:
        """The risk, a penalty, and what each head leaves to nothing, where it can."""
        risk, known = super().recorded(state)
        if self.leaving is None:
            return risk, known
        nothing = self.setup.task.signal.weights @ self.nothing(state)
        return risk, {**known, "nothing": nothing}

    def at_end(self, state: State) -> State:
        """The same given each component of the signal."""
        return {} if self.leaving is None else {"nothing_by_component": self.nothing(state).T}

    def nothing(self, state: State) -> Array:
        """κ E[1/Z_h] given each component of the signal (C, H); NaN where it cannot be had."""
        heads = self.layer(self.vectors_at(state))
        assert self.leaving is not None
        try:
            return self.leaving.nothing(heads.overlap, heads.self_overlap, heads.bias)
        except SolverError:
            return np.full((len(self.setup.task.signal.weights), self.heads), np.nan)

    def velocity(self, y: Array, gradient: Gradient) -> State:
        """dm/dt, dq/dt and those of the bias and the head weights; none is zero where they rest."""
        found = super().velocity(y, gradient)
        still = dict.fromkeys(("bias", "head_weight"), np.zeros(self.heads))
        if self.norm_bias:
            still["bias"] = -0.5 * np.diag(found["self_overlap"])
        return {**still, **found}

    @property
    def curved(self) -> bool:
        """Importances are functions of their scores."""
        return bool(self.importance.total)

    def moved(self, here: Parts, change: Parts) -> State:
        """See :class:`VectorFlow`; importances, not their scores."""
        found = super().moved(here, change)
        if not self.importance.total:
            return found
        p = self.importances(here.numbers)
        moved = found["importance"][: len(p)]
        return {**found, "importance": p * (moved - p @ moved)}

    def turned(self, vectors: Vectors) -> Turned | None:
        """Scores of importances move by the gradient by head weights, and what a penalty adds."""
        if not self.importance.total:
            return None
        return turned(self.importance, self.of_rows(self.importances(vectors.numbers)))

    def follows(self, name: str, index: tuple[int, ...]) -> bool:
        """The last importance is one."""
        return name == "importance" and index == (self.heads - 1,)
