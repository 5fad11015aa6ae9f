"""The flow of keys and values: stacked rows T = [k; v] that learn at two rates.

dT/dt = −ϱ (∂E/∂T + λT) with ϱ = 1 for keys and the value rate ρ for values, and with the noise of
SGD (γ/B) ϱ V ϱ in dQ/dt: the flow of :mod:`orderparams.models.vectors.flow` with rows of gradient
and noise multiplied. On the manifold, where the crosses of the start vanish exactly, they are no
part of the state.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.interface import Evaluation, State
from orderparams.models.single_location.correlation import positions, with_target
from orderparams.models.single_location.engines import Engine, Moments
from orderparams.models.single_location.flow import Flow
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.setup import MORE, Setup
from orderparams.models.single_location.values.curved_engine import make_curved_engine
from orderparams.models.single_location.values.engine import make_value_engine
from orderparams.models.single_location.values.heads import (
    Names,
    ValuedHeads,
    build_values,
    residual_of,
)
from orderparams.models.vectors.flow import Gradient, Parts
from orderparams.models.vectors.geometry import Vectors, equal_vectors

Array = NDArray[np.float64]


class ValueFlow(Flow):
    """The flow of H heads with values of their own, or tied to the keys, and F features."""

    start: ValuedHeads

    def __init__(self, problem: Problem, setup: Setup, engine: Engine, names: Names) -> None:
        self.names = names
        self.metric = np.ones(names.rows)
        self.metric[names.heads :] = problem.training.value_rate
        self.kept: NDArray[np.bool_] | None = None
        super().__init__(problem, setup, engine)
        self.heads, self.features = names.heads, names.features
        overlap, residual = (entries.astype(float) for entries in names.kept)
        own = (np.arange(names.rows) < names.heads).astype(float)
        self.kept = super().pack(overlap, residual, dict.fromkeys(self.rule.rates, own)) > 0

    @property
    def costly(self) -> bool:
        """V of values takes many samples."""
        return True

    def scales_of(self, setup: Setup) -> State:
        """As of known values; v* has no signal."""
        found = dict(super().scales_of(setup))
        return {**found, "overlap": np.append(found["overlap"], 1.0)}

    def frame_of(self, setup: Setup) -> Array | None:
        """That of the hidden directions and v*."""
        return with_target(setup.task.frame)

    def grouped(self, start: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Heads are equal whose keys and values both are."""
        assert isinstance(start, ValuedHeads)
        heads, rows = start.heads, start.weights
        beside = np.hstack([rows[:heads], rows[heads:].reshape(heads, -1)])
        numbers = {"bias": start.bias, "head_weight": start.head_weights, **start.more}
        first, group = equal_vectors(Vectors(beside, np.zeros((heads, 0)), numbers))
        if len(rows) == heads:
            return first, group
        return np.append(first, heads + first), np.append(group, len(first) + group)

    def pack(self, overlap: Array, residual: Array, numbers: Mapping[str, Array]) -> Array:
        """One vector of the parts that can be other than zero."""
        whole = super().pack(overlap, residual, numbers)
        return whole if self.kept is None else whole[self.kept]

    def unpack(self, y: Array) -> tuple[Vectors, Array]:
        """The stacked rows of a state, and the residual as it is integrated."""
        assert self.kept is not None
        whole = np.zeros(self.kept.size)
        whole[self.kept] = y
        vectors, square = super().unpack(whole)
        if self.rule.stochastic:  # keys and values with nothing in common keep factors of their own
            vectors = self.dressed(
                vectors.overlap, residual_of(self.names, square), vectors.numbers
            )
        return vectors, square

    def dressed(self, overlap: Array, residual: Array, numbers: Mapping[str, Array]) -> ValuedHeads:
        """Rows of these parts; the norm bias follows from the keys."""
        heads = self.names.heads
        bias = numbers["bias"][:heads]
        if self.norm_bias:
            bias = -0.5 * ((overlap[:heads] ** 2).sum(1) + (residual[:heads] ** 2).sum(1))
        more = {name: numbers[name][:heads] for name in MORE if name in numbers}
        head_weights = numbers["head_weight"][:heads]
        if self.importance.total:
            head_weights = self.importance.total * self.importances(numbers)
        return ValuedHeads(overlap, residual, bias, head_weights, more)

    def altered(self, vectors: Vectors, numbers: Mapping[str, Array]) -> ValuedHeads:
        """The same heads with other numbers (H,), head weights that are no importances any more."""
        assert isinstance(vectors, ValuedHeads)
        known = {"bias": vectors.bias, "head_weight": vectors.head_weights, **vectors.more}
        known |= {name: of[: self.heads] for name, of in numbers.items()}
        bias, weights = known.pop("bias"), known.pop("head_weight")
        return ValuedHeads(vectors.overlap, vectors.residual, bias, weights, known)

    def taken(self, heads: ValuedHeads) -> Array:
        """What the engine takes as head weights."""
        return heads.head_weights

    def state(self, y: Array) -> State:
        """The order parameters."""
        vectors = self.vectors(y)
        learned = self.shown({name: vectors.numbers[name] for name in self.rule.rates})
        return {**self.named(vectors), **learned}

    def named(self, vectors: Vectors) -> State:
        """Those that are overlaps."""
        return self.names.split(self.measured(vectors.overlap), vectors.self_overlap)

    def moved(self, here: Parts, change: Parts) -> State:
        """See :class:`VectorFlow`; the numbers are those of heads (H,)."""
        overlap, square, _ = change
        numbers = super().moved(here, change)
        named = self.names.split(self.measured(overlap), square)
        return {**{name: numbers[name][: self.heads] for name in change.numbers}, **named}

    def shown(self, numbers: Mapping[str, Array]) -> dict[str, Array]:
        """Those of heads (H,)."""
        return super().shown({name: of[: self.heads] for name, of in numbers.items()})

    def vectors_at(self, state: State) -> ValuedHeads:
        """Rows with given order parameters; numbers that it does not have are as at the start."""
        overlap, square = self.names.stacked(state)
        overlap = positions(overlap, self.frame)
        square = square - overlap @ overlap.T
        if not np.isfinite(square).all():
            raise SolverError("the overlaps are not finite")
        given = self.hidden({name: state[name] for name in self.start.numbers if name in state})
        own = {**self.start.numbers, **{name: self.of_rows(of) for name, of in given.items()}}
        return self.dressed(overlap, residual_of(self.names, square), own)

    def point(self, state: State) -> Array:
        """y of given order parameters."""
        vectors = self.vectors_at(state)
        residual = vectors.residual
        if self.rule.stochastic:
            _, square = self.names.stacked(state)
            residual = square - vectors.overlap @ vectors.overlap.T
        return self.pack(vectors.overlap, residual, vectors.numbers)

    def importances(self, numbers: Mapping[str, Array]) -> Array:
        """p (H,) of their scores, which are filled up."""
        return super().importances({"importance": numbers["importance"][: self.names.heads]})

    def of_rows(self, numbers: Array) -> Array:
        """Numbers of heads (H,) as those of rows, filled up with zeros (n,)."""
        return np.append(numbers, np.zeros(self.names.rows - self.names.heads))

    def gradient_of(self, moments: Moments) -> Gradient:
        """The same, of stacked rows; the norm bias is differentiated through."""
        of_bias = self.of_rows(moments.bias_gradient)
        gamma = moments.self_overlap_gradient
        return Gradient(
            moments.risk,
            moments.overlap_gradient,
            gamma - 0.5 * np.diag(of_bias) if self.norm_bias else gamma,
            {"bias": of_bias, "head_weight": self.of_rows(moments.head_weight_gradient)},
            moments.gradient_covariance,
            moments.error,
            moments.gradient_covariance_error,
            moments.engine,
        )

    def nothing(self, state: State) -> Array:
        """κ E[1/Z_h] given each component of the signal (C, H); NaN where it cannot be had."""
        rows, keys = self.vectors_at(state), slice(self.heads)
        assert self.leaving is not None
        overlap = np.ascontiguousarray(rows.overlap[keys, : self.features])
        square = np.ascontiguousarray(rows.self_overlap[keys, keys])
        try:
            return self.leaving.nothing(overlap, square, rows.bias)
        except SolverError:
            return np.full((len(self.setup.task.signal.weights), self.heads), np.nan)

    def rates(
        self, vectors: Vectors, residual: Array, gradient: Gradient, *when: Any
    ) -> tuple[Array, Array, dict[str, Array]]:
        """Time derivatives, rows at their rates; so is weight decay."""
        row, decay = self.metric[:, None], 0.5 * self.rule.weight_decay
        own = np.eye(len(row))
        noise = gradient.covariance
        scaled = dataclasses.replace(
            gradient,
            overlap=row * gradient.overlap,
            self_overlap=row * (gradient.self_overlap + decay * own) - decay * own,
            covariance=None if noise is None else row * noise * self.metric,
        )
        return super().rates(vectors, residual, scaled, *when)

    def evaluate(self, y: Array) -> Evaluation:
        """Risk, gradient and velocity at y; V of the stacked rows where SGD has noise."""
        stochastic, state = self.rule.stochastic, self.state(y)
        found = self.gradient(self.vectors(y), covariance=stochastic)
        overlap = found.overlap if self.frame is None else found.overlap @ np.linalg.inv(self.frame)
        gradient = self.names.split(overlap, found.self_overlap)
        if "key_value_overlap" in gradient:
            gradient["key_value_overlap"] *= 2.0  # it stands in Q twice
        learned = {name: of[: self.heads] for name, of in self.by_numbers(found).items()}
        velocity = self.velocity(y, found)
        return Evaluation(
            state=state,
            risk=found.risk,
            gradient={**gradient, **learned},
            velocity={name: velocity[name] for name in state},
            noise=found.covariance,
            error=found.error,
            noise_error=found.covariance_error if stochastic else None,
            engine=found.engine,
        )


class ElementwiseValueFlow(ValueFlow):
    """The flow of element-wise activations, of whose slope s and intercept c (theory 2) the engine
    sees u s and u c; the chain rule gives the derivatives in u, s and c."""

    def taken(self, heads: ValuedHeads) -> Array:
        """[u s; u c] (2H,)."""
        weights = heads.head_weights
        return np.concatenate([weights * heads.slope, weights * heads.intercept])

    def _expectations(self, heads: Vectors, covariance: bool) -> Gradient:
        assert isinstance(heads, ValuedHeads)
        moments = self.engine.evaluate(
            heads.weights, heads.bias, self.taken(heads), gradient_covariance=covariance
        )
        of_line, of_constant = np.split(moments.head_weight_gradient, 2)
        of_weights = heads.slope * of_line + heads.intercept * of_constant
        found = self.gradient_of(dataclasses.replace(moments, head_weight_gradient=of_weights))
        line = {
            "logit_slope": self.of_rows(heads.head_weights * of_line),
            "intercept": self.of_rows(heads.head_weights * of_constant),
        }
        return self.scored(dataclasses.replace(found, numbers={**found.numbers, **line}), heads)

    def risk_of(self, vectors: Vectors) -> float:
        """The risk without its gradients."""
        assert isinstance(vectors, ValuedHeads)
        found = self.engine.risk(vectors.weights, vectors.bias, self.taken(vectors))
        self.note(found.value, found.error, found.engine)
        return found.value


def value_flow(problem: Problem, names: Names) -> ValueFlow:
    """The flow of a problem in a system of equations."""
    setup = build_values(problem)
    make = make_value_engine if setup.activation.curve is None else make_curved_engine
    kind = ElementwiseValueFlow if setup.activation.elementwise else ValueFlow
    return kind(problem, setup, make(problem, setup, names), names)


def flow_in_all_directions(problem: Problem) -> ValueFlow:
    """The flow of a problem with the crosses among its order parameters, be they zero."""
    names = Names.of(problem)
    system = "full" if names.system == "manifold" else names.system
    return value_flow(problem, dataclasses.replace(names, system=system))


def descent_of_values(problem: Problem) -> ValueFlow:
    """Gradient flow in all directions, crosses among them, with keys and values at one rate."""
    training = dataclasses.replace(problem.training, value_rate=1.0)
    return flow_in_all_directions(dataclasses.replace(problem, training=training))
