"""What a model of one's own is to the rest of the program: its configuration, and its work."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from numpy.typing import ArrayLike

from orderparams.config.matrices import Found
from orderparams.config.unused import Unused
from orderparams.config.words import Words, counted, of_training
from orderparams.models.findings import Course, Finding
from orderparams.models.interface import Reference, State
from orderparams.models.limit import LARGE_DIMENSION
from orderparams.models.own.building import Rule, built, kernels_of
from orderparams.models.own.description import OwnModel
from orderparams.models.own.flow import OwnFlow, Sampling, start_of
from orderparams.models.own.geometry import OwnGeometry
from orderparams.models.own.overlaps import of_overlaps
from orderparams.models.own.responses import Answering
from orderparams.models.own.sections import check_rule, check_start
from orderparams.models.parameters import Axis, OrderParameter
from orderparams.models.unused import BY_COMMAND, NO_STEPS, drawn_anew, fluctuating, starting
from orderparams.models.vectors import learning
from orderparams.models.vectors.fluctuations.consistency import check_fluctuations
from orderparams.models.vectors.fluctuations.noise import VectorNoise
from orderparams.models.vectors.observables import PENALTY
from orderparams.models.vectors.replicas import Ensemble, replicas_of
from orderparams.models.vectors.starts import Learners


class Own:
    """The modules ``config`` and ``model`` of a model of one's own, as
    ``models/single_location/config.py`` and :class:`~orderparams.models.interface.Model` say."""

    LIMIT, RISK, DECIDING = LARGE_DIMENSION, "population risk", ()
    REFERENCES: Mapping[str, str] = {}
    OBSERVABLES = (PENALTY,)
    OWN_ANALYSIS = True
    SYMBOLS: Mapping[str, str] = {"task.vectors": "n", "task.hidden": "d", "task.tokens": "L"}

    def __init__(self, model: OwnModel) -> None:
        self.model, self.Problem = model, model.Problem
        self.tried: set[Any] = set()
        self.WEIGHTS = (f"{model.vector}s", "directions")
        vector = Axis(model.vector, f"{model.vector}, counted from 1", model.vector)
        hidden = Axis("hidden", "hidden direction, counted from 1", "direction")
        self.PARAMETERS = (
            OrderParameter("overlap", "m", "overlap m = w_i . w*_f / D", (vector, hidden)),
            OrderParameter(
                "self_overlap", "q", "self-overlap q = w_i . w_j / D", (vector, vector), True
            ),
        )

    @functools.cached_property
    def kernels(self) -> ModuleType:
        """The kernels around those of the model."""
        return kernels_of(self.model)

    def dependent_defaults(self, table: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def filled(self, problem: Any) -> Any:
        return problem

    def order_parameters(self, problem: Any) -> tuple[OrderParameter, ...]:
        return self.PARAMETERS

    def sizes(self, problem: Any) -> dict[str, int]:
        return {self.model.vector: problem.task.vectors, "hidden": problem.task.hidden}

    def contradictions(self, problem: Any) -> Iterator[Found]:
        """Every check that involves more than one key."""
        word = self.model.vector
        learners = Learners(problem.task.vectors, word, "task.vectors", problem.initial)
        yield from learning.contradictions(problem.training, learners)
        yield check_rule(problem.training)
        yield check_start(learners, problem.task.hidden)
        yield check_fluctuations(problem)

    def unused(self, problem: Any, command: str) -> Iterator[Unused]:
        """All that a command does not use of a configuration."""
        if command not in ("simulate", "validate") and problem.training.rule != "sgd":
            yield NO_STEPS
        if command == "simulate":
            reason = "SGD takes no expectations; solve and validate take them"
            yield Unused(("expectation",), reason, True)
        if command != "optimum":
            yield from starting(problem.initial, f"{self.model.vector}s")
        yield from fluctuating(problem.fluctuations)
        yield from BY_COMMAND[command]
        yield from drawn_anew(command)

    def describe(self, problem: Any, rule: str) -> dict[str, Words]:
        """Task and training in a few words each."""
        task = problem.task
        pieces = [
            ("task.vectors", counted(task.vectors, self.model.vector)),
            ("task.hidden", counted(task.hidden, "hidden direction")),
            ("task.tokens", counted(task.tokens, "token")),
        ]
        for name in self.model.settings:
            pieces.append(
                (f"task.{name}", f"{name.replace('_', ' ')} {words(getattr(task, name))}")
            )
        return {"task": pieces, "training": of_training(problem, rule)}

    def references(self, problem: Any) -> Mapping[str, Reference]:
        """None is known."""
        return {}

    def flow(self, problem: Any) -> OwnFlow:
        """The flow of a problem."""
        task, chosen = problem.task, problem.expectation
        model = self.checked(task)
        return OwnFlow(
            problem, Sampling(self.kernels, model, task.vectors, chosen.samples, chosen.seed)
        )

    def checked(self, task: Any) -> Any:
        """The model of a task as kernels see it, once it has been tried."""
        model = built(self.kernels, self.model, task)
        if task not in self.tried:
            self.model.tried(model.settings, task.vectors, task.hidden, task.tokens)
            self.tried.add(task)
        return model

    def simulator(self, problem: Any, time: ArrayLike) -> Ensemble:
        """The replicas of a problem at step zero."""
        training = problem.training
        rule = Rule(training.learning_rate, training.batch_size, training.weight_decay)
        return replicas_of(problem, self.checked(problem.task), rule, start_of(problem), time)

    def noise(self, problem: Any, own: OwnFlow, workers: int) -> VectorNoise:
        """The fluctuations around a flow."""
        responder = Answering(self.kernels, own.sampling.model)
        return VectorNoise(problem, own, own, responder, workers)

    def geometry(self, problem: Any) -> OwnGeometry:
        """Where the vectors are, as far as one kernel tells."""
        return OwnGeometry(problem, self.model.vector)

    def conserved(self, problem: Any) -> str:
        """Nothing is known to be."""
        return ""

    def findings(self, problem: Any, run: Course, told: Any) -> list[Finding]:
        """How overlaps came to where they end."""
        return [of_overlaps(self.PARAMETERS[0], run)]

    def examples(self, problem: Any, states: Sequence[State]) -> None:
        """None."""

    def starting_at(self, problem: Any, state: State) -> Any:
        """The same problem with an explicit start."""
        initial = dataclasses.replace(
            problem.initial,
            kind="explicit",
            **{
                name: tuple(map(tuple, state[name].tolist()))
                for name in ("overlap", "self_overlap")
            },
        )
        return dataclasses.replace(problem, initial=initial)

    def remedy(self, problem: Any, *, start: bool = False, sgd: bool = False) -> str:
        """What to change where the start, or else a run, is out of range."""
        if start:
            return "weaken the start, or the settings of the task"
        return "lower training.learning_rate" if sgd and problem.training.learning_rate > 1 else ""

    def kernel_key(self, problem: Any, simulated: bool) -> tuple[object, ...]:
        """What decides which kernels are needed."""
        own = (problem.simulation.backend,) if simulated else ()
        return (problem.model, problem.training.rule, *own)


def words(value: Any) -> str:
    """The value of a setting."""
    if isinstance(value, tuple):
        return "[" + ", ".join(f"{entry:g}" for entry in value) + "]"
    return f"{value:g}"
