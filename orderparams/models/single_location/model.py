"""What single-location regression does: its flow, its replicas, its Bayes risk."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orderparams.config.values import Numbers
from orderparams.models.findings import Course, Finding
from orderparams.models.interface import Example, Reference, State
from orderparams.models.single_location.bayes.known import known_as, known_bayes_risk
from orderparams.models.single_location.curved_responses import CurvedAttention
from orderparams.models.single_location.curved_sgd import CurvedRule, build_curved_model
from orderparams.models.single_location.elementwise_flow import ElementwiseFlow
from orderparams.models.single_location.engines.auto import make_engine
from orderparams.models.single_location.examples import attend_to_examples
from orderparams.models.single_location.flow import Flow
from orderparams.models.single_location.geometry import HeadGeometry
from orderparams.models.single_location.importance import LEAST, Importance, importance_of
from orderparams.models.single_location.parameters import (
    MOTION,
    OF_BASES,
    OF_VALUES,
    OVERLAP,
    SELF_OVERLAP,
)
from orderparams.models.single_location.proportion import at_start, in_course
from orderparams.models.single_location.responses import Attention
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.setup import (
    build,
    build_activation,
    build_task,
)
from orderparams.models.single_location.sgd import UpdateRule, build_model
from orderparams.models.single_location.shared.bases import build_shared, heads_of
from orderparams.models.single_location.shared.chapters import chapters as span_chapters
from orderparams.models.single_location.shared.flow import SharedFlow
from orderparams.models.single_location.shared.geometry import SharedGeometry
from orderparams.models.single_location.shared.responses import SharedAttention
from orderparams.models.single_location.shared.sgd import shared_replicas
from orderparams.models.single_location.values.chapters import chapters
from orderparams.models.single_location.values.flow import (
    ValueFlow,
    descent_of_values,
    value_flow,
)
from orderparams.models.single_location.values.fluctuations import noise_of_values
from orderparams.models.single_location.values.geometry import ValueGeometry
from orderparams.models.single_location.values.heads import Names, build_values
from orderparams.models.single_location.values.sgd import value_replicas
from orderparams.models.vectors.fluctuations.inertia import noise_of_inertia
from orderparams.models.vectors.fluctuations.noise import VectorNoise
from orderparams.models.vectors.inertia import inertia_of
from orderparams.models.vectors.inertial_flow import InertialFlow
from orderparams.models.vectors.replicas import Ensemble, replicas_of

Array = NDArray[np.float64]

GENTLE = 1e-8
"""Error of expectations that bears differences."""


def references(problem: Problem) -> Mapping[str, Reference]:
    """The Bayes risk, or the projection bound (theory 5c)."""
    best = known_bayes_risk(problem.task)
    return {known_as(problem.task): Reference(best.value, best.error)}


def flow(problem: Problem) -> Flow | InertialFlow:
    """The flow of a problem by the engine that serves it."""
    inertia, plain = inertia_of(problem), flow_without_inertia(problem)
    return plain if inertia is None else InertialFlow(plain, inertia, MOTION)


def flow_without_inertia(problem: Problem) -> Flow:
    """The same of heads that move by the gradient itself."""
    if problem.attention.value != "known":
        return value_flow(problem, Names.of(problem))
    if problem.attention.keys == "shared":
        setup = build_shared(problem)
        return SharedFlow(problem, setup, make_engine(problem, setup))
    setup = build(problem)
    kind = ElementwiseFlow if setup.activation.elementwise else Flow
    return kind(problem, setup, make_engine(problem, setup))


def descent(problem: Problem, tolerance: float) -> Flow:
    """Gradient flow of a problem, with its expectations to a tolerance."""
    replace = dataclasses.replace
    descending = replace(
        problem,
        training=replace(problem.training, rule="gradient-flow"),
        expectation=replace(problem.expectation, tolerance=tolerance),
    )
    if problem.attention.value != "known":
        return descent_of_values(descending)
    return flow_without_inertia(descending)


def geometry(problem: Problem) -> HeadGeometry:
    """Heads against the hidden directions."""
    if problem.attention.keys == "shared":
        return SharedGeometry(problem)
    return HeadGeometry(problem) if problem.attention.value == "known" else ValueGeometry(problem)


def findings(problem: Problem, run: Course, told: Callable[[float, str], None]) -> list[Finding]:
    """What happened in a run whose values are not known, or whose keys are shared."""
    if problem.attention.keys == "shared":
        told(0.0, "what the keys span")
        return span_chapters(problem, run, freed_at(problem, run.state(-1)))
    told(0.0, "what keys and values do")
    return chapters(problem, run)


def simulator(problem: Problem, time: ArrayLike) -> Ensemble:
    """The replicas of a problem at step zero."""
    if problem.attention.value != "known":
        valued = build_values(problem)
        rule = update_rule(problem) if valued.activation.curve is None else curved_rule(problem)
        return value_replicas(problem, valued, rule, time)
    if problem.attention.keys == "shared":
        return shared_replicas(problem, build_shared(problem), update_rule(problem), time)
    setup = build(problem)
    if setup.activation.curve is not None:
        curved = build_curved_model(setup.task, setup.activation, importance_of(problem).total)
        bent, frame = curved_rule(problem), setup.task.frame
        return replicas_of(problem, curved, bent, setup.start, time, motion=MOTION, frame=frame)
    total = importance_of(problem).total
    model = build_model(setup.task, setup.activation, total)
    rule, frame = update_rule(problem), setup.task.frame
    return replicas_of(problem, model, rule, setup.start, time, motion=MOTION, frame=frame)


def noise(problem: Problem, own: Flow | InertialFlow, workers: int) -> VectorNoise:
    """The fluctuations around a flow."""
    if isinstance(own, ValueFlow):
        return noise_of_values(problem, own, workers)
    gentle = own
    if np.isfinite(own.tolerance) and own.tolerance > GENTLE:
        expectation = dataclasses.replace(problem.expectation, tolerance=GENTLE)
        gentle = flow(dataclasses.replace(problem, expectation=expectation))
    if isinstance(own, InertialFlow):
        assert isinstance(own.inner, Flow)
        assert isinstance(gentle, InertialFlow)
        return noise_of_inertia(problem, own, gentle, responder_of(own.inner), workers)
    assert not isinstance(gentle, InertialFlow)
    return VectorNoise(problem, own, gentle, responder_of(own), workers)


def responder_of(own: Flow) -> Attention:
    """What the heads of a flow answer to sequences."""
    setup = own.setup
    kind = Attention if setup.activation.curve is None else CurvedAttention
    if isinstance(own, SharedFlow):
        kind = SharedAttention
    return kind(setup.task, setup.activation, own.norm_bias, own.importance)


def conserved(problem: Problem) -> str:
    """What heads have in which every sequence moves them alike."""
    attention, sharing = problem.attention, problem.attention.sharing
    if sharing is not None and sharing.learned:
        return "CᵀC/η_C − TTᵀ of mixing and bases, but for noise of a higher order"
    if attention.heads == 1 or attention.value != "known":
        return ""
    if attention.activation == "linear":
        return "the differences of keys over their weights: linear heads are one together"
    if attention.intercept == "learned":
        return "the differences of intercepts over their weights, which add to one number"
    return ""


def examples(problem: Problem, states: Sequence[State]) -> list[list[Example]]:
    """The attention at each of some states to the same example sequences."""
    heads = [heads_of(starting_at(problem, state)) for state in states]
    return attend_to_examples(build_task(problem.task), build_activation(problem.attention), heads)


def update_rule(problem: Problem) -> UpdateRule:
    """The step of SGD that a configuration asks for."""
    training, attention = problem.training, problem.attention
    return UpdateRule(
        learning_rate=training.learning_rate,
        batch_size=training.batch_size,
        weight_decay=training.weight_decay,
        norm_bias=attention.bias == "norm",
        bias_rate=training.bias_rate * (attention.bias == "learned"),
        head_weight_rate=training.head_weight_rate * (attention.head_weights == "learned"),
        importance=stepped_importance(problem),
    )


def stepped_importance(problem: Problem) -> Importance:
    """Importances as steps have them. They remember the gradients by head weights; the penalty,
    which these have no part in, is scaled in their place."""
    own = importance_of(problem)
    return own._replace(penalty=own.penalty / (1 - problem.training.momentum))


def curved_rule(problem: Problem) -> CurvedRule:
    """The same for functions of a logit other than the exponential."""
    training, attention = problem.training, problem.attention
    return CurvedRule(
        learning_rate=training.learning_rate,
        batch_size=training.batch_size,
        weight_decay=training.weight_decay,
        bias_rate=training.bias_rate * (attention.bias == "learned"),
        head_weight_rate=training.head_weight_rate * (attention.head_weights == "learned"),
        slope_rate=(training.slope_rate or 0.0) * (attention.slope == "learned"),
        intercept_rate=(training.intercept_rate or 0.0) * (attention.intercept == "learned"),
        importance=stepped_importance(problem),
    )


def starting_at(problem: Problem, state: State) -> Problem:
    """The same problem with an explicit start."""
    attention = problem.attention

    def learned(name: str, choice: object, before: Numbers | None) -> Numbers | None:
        return tuple(state[name].tolist()) if choice == "learned" and name in state else before

    sharing = attention.sharing
    names = (
        *(one.name for one in (OF_BASES if sharing else (OVERLAP, SELF_OVERLAP))),
        *(one.name for one in OF_VALUES if one.name in state),
    )
    initial = dataclasses.replace(
        problem.initial,
        kind="explicit",
        **{name: listed(state[name]) for name in names},
        bias=learned("bias", attention.bias, problem.initial.bias),
        head_weights=learned("head_weight", attention.head_weights, problem.initial.head_weights),
        importance=importances_at(problem, state),
        slope=learned("logit_slope", attention.slope, problem.initial.slope),
        intercept=learned("intercept", attention.intercept, problem.initial.intercept),
    )
    if sharing and "mixing" in state:
        sharing = dataclasses.replace(sharing, mixing=listed(state["mixing"]))
        attention = dataclasses.replace(attention, shared=sharing)
    return dataclasses.replace(problem, attention=attention, initial=initial)


def freed_at(problem: Problem, state: State) -> Problem:
    """A problem of shared keys with free ones, started at a state, and the risk alone."""
    training = dataclasses.replace(problem.training.unpenalised(), constraint="none")
    attention = dataclasses.replace(problem.attention, keys="free", shared=None)
    free = dataclasses.replace(problem, training=training, attention=attention)
    return starting_at(free, state)


def importances_at(problem: Problem, state: State) -> Numbers | None:
    """Those of a state, or else where they start."""
    if problem.attention.head_weights != "importance" or "importance" not in state:
        return problem.initial.importance
    return tuple(np.maximum(state["importance"], LEAST).tolist())


def listed(values: Array) -> Any:
    """Numbers, or rows of them, as a configuration has them."""
    return tuple(tuple(row) if isinstance(row, list) else row for row in values.tolist())


def remedy(problem: Problem, *, start: bool = False, sgd: bool = False) -> str:
    """What to change where the start, or else a run, is out of range."""
    return at_start(problem) if start else in_course(problem, sgd=sgd)


def kernel_key(problem: Problem, simulated: bool) -> tuple[object, ...]:
    """What decides which kernels are needed."""
    attention = problem.attention
    own = (attention.bias, attention.head_weights, problem.simulation.backend)
    return (
        attention.activation,
        attention.heads > 1,
        attention.value,
        attention.keys,
        problem.task.target,
        problem.training.rule,
        problem.expectation.engine,
        *(own if simulated else ()),
    )
