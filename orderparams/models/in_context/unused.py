"""Which settings of in-context regression a command does not use, and why."""

from __future__ import annotations

from collections.abc import Iterator

from orderparams.config.unused import Unused
from orderparams.models.in_context.sections import Problem
from orderparams.models.unused import BY_COMMAND, NO_SIMULATION, STEPS


def unused(problem: Problem, command: str) -> Iterator[Unused]:
    """All that a command does not use of a configuration; what settings rule out comes first."""
    if command == "optimum":
        reason = "the optimum is searched for from starts of its own; solve uses them"
        keys = "integrator", "output", "training", "initial", "task.test_lengths"
        yield from (NO_SIMULATION, Unused(keys, reason, True), *expectations(problem))
        return
    if command not in ("simulate", "validate"):
        small = "the flow is the limit of small learning rates, whatever the rule"
        yield Unused(("training.rule", *STEPS), f"{small}; simulate and validate are SGD", True)
    initial = problem.initial
    if initial.kind == "explicit":
        reason = "the start is given; set initial.kind = 'random'"
        yield Unused(("initial.scale", "initial.output_scale", "initial.seed"), reason)
    elif initial.kind == "allocated":
        reason = "an allocated start is not drawn; set initial.kind = 'random'"
        yield Unused(("initial.seed",), reason)
    yield from expectations(problem)
    if command in ("simulate", "validate"):
        reason = "SGD is followed at one length; solve evaluates the end of its run at others"
        yield Unused(("task.test_lengths",), reason, True)
    yield from BY_COMMAND[command]


def expectations(problem: Problem) -> Iterator[Unused]:
    """Keys of the engine that is not at work."""
    engine = problem.expectation.engine
    if problem.attention.activation == "linear":
        yield Unused(("expectation",), "linear attention has closed forms; nothing is integrated")
    elif engine == "sampling":
        reason = "prompts are drawn; set expectation.samples, or engine = 'auto'"
        yield Unused(("expectation.tolerance", "expectation.radii"), reason)
    else:
        reason = "nothing is sampled; set expectation.engine = 'sampling'"
        yield Unused(("expectation.samples", "expectation.seed"), reason)
    if engine == "tables":
        reason = "tables have an error of their own; set expectation.engine = 'quadrature'"
        yield Unused(("expectation.tolerance",), reason)
