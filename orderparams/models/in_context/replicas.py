"""Replicas of SGD on heads that learn in context, in three backends.

reduced      ω and μ by prompts in the reduced law, at a cost that does not depend on d
restricted   ω and μ by prompts in d dimensions
full         whole matrices, with their distance from the manifold of ω and μ
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orderparams import memory
from orderparams.models import replicas as base
from orderparams.models.in_context import matrices, sgd
from orderparams.models.in_context.drawing import Law, law_of
from orderparams.models.in_context.parameters import PART
from orderparams.models.in_context.sections import Problem
from orderparams.models.in_context.setup import prompts_of, start_of
from orderparams.models.replicas import OVERHEAD, Replicas, State, check_count, whole_steps

Array = NDArray[np.float64]


class Heads(Replicas):
    """Replicas from the start of a problem, the same in all; time (T,) is rounded to steps t/γ.

    :class:`~orderparams.errors.ConfigurationError` for no replicas, for no step or too many, or for
    more than fits into memory.
    """

    def __init__(self, problem: Problem, time: ArrayLike) -> None:
        settings, training = problem.simulation, problem.training
        self.rule = sgd.Rule(
            training.learning_rate,
            training.batch_size,
            training.weight_decay,
            sgd.METRICS[training.metric],
            problem.attention.activation == "linear",
        )
        self.whole = settings.backend == "full"
        self.law: Law = law_of(prompts_of(problem), direct=settings.backend != "reduced")
        self.begin = start_of(problem)
        step = whole_steps(
            np.asarray(time) / training.learning_rate,
            "training.duration / training.learning_rate",
        )
        check_count(settings.replicas)
        held, working = self.size()
        shapes = {"key_query": self.begin[0].shape, "output": self.begin[1].shape}
        if self.whole:
            shapes["off_manifold"] = (len(self.begin[0]), len(PART.names))
        recorded = len(step) * (1 + sum(map(math.prod, shapes.values())))
        memory.require(
            2 * settings.replicas * (8 * (held + recorded) + OVERHEAD) + 8 * working,
            f"{settings.replicas} replicas with d = {self.law.sizes.sum()}, "
            f"{problem.task.length} examples and {len(step)} times in the {settings.backend} "
            "backend",
            "lower simulation.replicas, task.length or output.points"
            + ", or set simulation.backend = 'reduced'" * self.law.direct,
        )
        first = max(1, base.FIRST // (working * self.rule.batch_size))
        super().__init__(
            step, training.learning_rate, shapes, settings.replicas, settings.seed, first
        )

    def size(self) -> tuple[int, int]:
        """How many numbers a replica holds, and about how many a prompt works with."""
        (heads, blocks), tasks = self.begin[0].shape, self.begin[1].shape[1]
        total, length = int(self.law.sizes.sum()), self.law.length + 1
        held = heads * (blocks + tasks)
        if self.whole:
            held = heads * (total + 2 * tasks) * (total + tasks)
            return held, held + length * (total + tasks + heads)
        drawn = length * total if self.law.direct else 0
        return held, held + length * (heads + blocks + tasks) + drawn

    def start(self, generator: np.random.Generator, seeds: np.random.SeedSequence) -> State:
        """ω and μ, or the matrices that they stand for."""
        begin = self.begin
        if self.whole:
            begin = matrices.on_the_manifold(self.law.sizes, *begin)
        names = ("keys", "values") if self.whole else ("key_query", "output")
        arrays = dict(
            zip(names, (np.ascontiguousarray(part.copy()) for part in begin), strict=True)
        )
        return {**arrays, "loss": np.zeros(1)}

    def measure(self, replica: State) -> State:
        """The order parameters; of whole matrices those of the nearest point of the manifold, and
        the distance from it."""
        if not self.whole:
            return {name: replica[name][None].copy() for name in ("key_query", "output")}
        arrays = replica["keys"], replica["values"]
        key_query, output = matrices.projected(self.law.sizes, *arrays)
        off = matrices.off_manifold(self.law.sizes, *arrays)
        return {"key_query": key_query[None], "output": output[None], "off_manifold": off[None]}

    def course(
        self, replica: State, generator: np.random.Generator, strides: NDArray[np.int64]
    ) -> tuple[State, Array]:
        """Steps of the backend, measured after each stride."""
        advance: Any = matrices.advance if self.whole else sgd.advance
        first, second = ("keys", "values") if self.whole else ("key_query", "output")
        taken, losses = [], []
        for stride, steps in enumerate(strides):
            if stride > 0:
                replica["loss"][:] = 0.0
            arrays = replica[first], replica[second], replica["loss"]
            advance(self.law, self.rule, *arrays, generator, int(steps))
            taken.append(self.measure(replica))
            losses.append(replica["loss"][0])
        measured = {name: np.concatenate([one[name] for one in taken]) for name in taken[0]}
        return measured, np.array(losses)
