"""What the committee machine does: its flow, its replicas, its geometry."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from numpy.typing import ArrayLike

from orderparams.models.committee.flow import Flow
from orderparams.models.committee.geometry import StudentGeometry
from orderparams.models.committee.parameters import MOTION
from orderparams.models.committee.proportion import at_start, in_course
from orderparams.models.committee.responses import Students
from orderparams.models.committee.sections import Problem
from orderparams.models.committee.setup import build
from orderparams.models.committee.sgd import Rule, build_model
from orderparams.models.interface import Reference, State
from orderparams.models.vectors.fluctuations.inertia import noise_of_inertia
from orderparams.models.vectors.fluctuations.noise import VectorNoise
from orderparams.models.vectors.inertia import inertia_of
from orderparams.models.vectors.inertial_flow import InertialFlow
from orderparams.models.vectors.replicas import Ensemble, replicas_of


def references(problem: Problem) -> Mapping[str, Reference]:
    """None: the least risk is that of a fit, which only a search finds."""
    return {}


def flow(problem: Problem) -> Flow | InertialFlow:
    """The flow of a problem."""
    inertia, plain = inertia_of(problem), Flow(problem, build(problem))
    return plain if inertia is None else InertialFlow(plain, inertia, MOTION)


def descent(problem: Problem, tolerance: float) -> Flow:
    """Gradient flow of a problem; its expectations are exact."""
    training = dataclasses.replace(problem.training, rule="gradient-flow")
    descending = dataclasses.replace(problem, training=training)
    return Flow(descending, build(descending))


def geometry(problem: Problem) -> StudentGeometry:
    """Students against teachers."""
    return StudentGeometry(problem)


def simulator(problem: Problem, time: ArrayLike) -> Ensemble:
    """The replicas of a problem at step zero."""
    setup = build(problem)
    network = setup.network
    model = build_model(network.teachers, network.second_layer, network.noise, network.rectified)
    rule = update_rule(problem)
    return replicas_of(problem, model, rule, setup.start, time, motion=MOTION)


def noise(problem: Problem, own: Flow | InertialFlow, workers: int) -> VectorNoise:
    """The fluctuations around a flow."""
    responder = Students(build(problem).network)
    if isinstance(own, InertialFlow):
        return noise_of_inertia(problem, own, own, responder, workers)
    return VectorNoise(problem, own, own, responder, workers)


def conserved(problem: Problem) -> str:
    """Nothing."""
    return ""


def examples(problem: Problem, states: Sequence[State]) -> None:
    """None: students attend to nothing."""


def update_rule(problem: Problem) -> Rule:
    """The step of SGD that a configuration asks for."""
    training = problem.training
    return Rule(
        learning_rate=training.learning_rate,
        batch_size=training.batch_size,
        weight_decay=training.weight_decay,
        second_layer_rate=training.second_layer_rate * (problem.network.second_layer == "learned"),
    )


def starting_at(problem: Problem, state: State) -> Problem:
    """The same problem with an explicit start."""
    second_layer = problem.initial.second_layer
    if problem.network.second_layer == "learned" and "second_layer" in state:
        second_layer = tuple(state["second_layer"].tolist())
    initial = dataclasses.replace(
        problem.initial,
        kind="explicit",
        overlap=tuple(map(tuple, state["overlap"].tolist())),
        self_overlap=tuple(map(tuple, state["self_overlap"].tolist())),
        second_layer=second_layer,
    )
    return dataclasses.replace(problem, initial=initial)


def remedy(problem: Problem, *, start: bool = False, sgd: bool = False) -> str:
    """What to change where the start, or else a run, is out of range."""
    return at_start(problem) if start else in_course(problem, sgd=sgd)


def kernel_key(problem: Problem, simulated: bool) -> tuple[object, ...]:
    """What decides which kernels are needed."""
    own = (problem.simulation.backend,) if simulated else ()
    return (problem.network.activation, problem.training.rule, *own)
