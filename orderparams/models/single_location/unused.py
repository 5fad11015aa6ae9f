"""Which settings of single-location regression a command does not use, and why."""

from __future__ import annotations

from collections.abc import Iterator

from orderparams.config.unused import Unused
from orderparams.models.single_location.activations.table import TABLE
from orderparams.models.single_location.parameters import OF_BASES, OF_VALUES, system_of
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.task_sections import LengthLaw
from orderparams.models.unused import (
    NO_STEPS,
    by_command,
    drawn_anew,
    fluctuating,
    repelling,
    starting,
)


def unused(problem: Problem, command: str) -> Iterator[Unused]:
    """All that a command does not use of a configuration; what settings rule out comes first.

    Of a validation ``training.rule`` is that of its own option.
    """
    yield from vanishing(problem)
    yield from repelling(problem.training)
    yield from fluctuating(problem.fluctuations)
    yield from learning(problem)
    yield from importances(problem)
    sampled = command in ("simulate", "validate")
    if not sampled and problem.training.rule != "sgd":
        yield NO_STEPS
    known = problem.attention.value == "known"
    if known and not (sampled or noisy(problem, command) or problem.task.noise):
        reason = "both targets have one risk and gradient; they differ in the noise of SGD"
        yield Unused(("task.target",), reason, True)
    yield from of_values(problem, command)
    yield from of_bases(problem, command)
    if command != "optimum":
        yield from starting(
            problem.initial, "heads" if problem.attention.keys == "free" else "bases"
        )
    yield from expectations(problem, command)
    yield from by_command(problem, command)
    yield from drawn_anew(command)


def vanishing(problem: Problem) -> Iterator[Unused]:
    """Components and lengths of weight zero, and weights with nothing to weigh against."""
    components, length = problem.task.signal.components or (), problem.task.length
    rows = problem.task.feature_correlation or ((1.0,),)
    if not any(value for f, row in enumerate(rows) for g, value in enumerate(row) if f != g):
        reason = "these directions are orthogonal, as they are without it; leave it out"
        yield Unused(("task.feature_correlation",), reason)
    weights = {"task.signal.components": [component.weight for component in components]}
    if isinstance(length, LengthLaw):
        weights["task.length.values"] = list(length.weights or ())
    for key, values in weights.items():
        absent = tuple(f"{key}[{i}]" for i, weight in enumerate(values) if weight == 0)
        if absent:
            yield Unused(absent, "of weight zero; raise the weight, or leave it out")
    if len(components) == 1:
        yield Unused(("task.signal.components[0].weight",), "a single component has all weight")
    if isinstance(length, LengthLaw) and len(length.values) == 1:
        yield Unused(("task.length.weights",), "a single length has all the weight")


def learning(problem: Problem) -> Iterator[Unused]:
    """Biases and head weights that cancel or are not learned."""
    attention = problem.attention
    facts = TABLE[attention.activation]
    joint = facts.joint
    if not (attention.kappa or facts.module) and (not joint or attention.heads == 1):
        keys = ("attention.bias",) * (attention.bias != "none")
        where = "one Bayes-softmax head without kappa" if joint else "softmax"
        yield Unused(
            (*keys, "initial.bias", "training.bias_rate"),
            f"the bias cancels in {where}; use attention.activation = 'softmax-1'",
        )
    elif attention.bias != "learned":
        yield Unused(("training.bias_rate",), "no bias is learned; set attention.bias = 'learned'")
    if joint:
        yield Unused(
            ("attention.head_weights", "training.head_weight_rate"),
            "bayes-softmax has no head weights; use attention.activation = 'softmax-1'",
        )
    elif attention.head_weights != "learned":
        yield Unused(
            ("training.head_weight_rate",),
            "no head weights are learned; set attention.head_weights = 'learned'",
        )
    for key in ("slope", "intercept"):
        if getattr(attention, key) != "learned":
            having = [name for name, known in TABLE.items() if key in known.defaults]
            named = "" if key in facts.defaults else f" of {' or '.join(having)}"
            yield Unused(
                (f"training.{key}_rate",),
                f"no {key} is learned; set attention.{key} = 'learned'{named}",
            )


def importances(problem: Problem) -> Iterator[Unused]:
    """Keys of importances where there are none, or a single head has all."""
    attention = problem.attention
    keys = ("training.importance_rate",)
    if attention.head_weights != "importance":
        yield Unused(keys, "there are no importances; set attention.head_weights = 'importance'")
    elif attention.heads == 1:
        more = ("training.importance_penalty", "initial.importance")
        yield Unused((*keys, *more), "one head has all importance; raise attention.heads")


def of_values(problem: Problem, command: str) -> Iterator[Unused]:
    """What only learned values have, or those that start somewhere."""
    value, initial = problem.attention.value, problem.initial
    if command == "optimum" and value != "known":
        keys = ("training.value_rate", "initial.values", *(f"initial.{n.name}" for n in OF_VALUES))
        yield Unused(keys, "the optimum is searched for from starts of its own", True)
    if value != "learned":
        reason = f"values are {value}; set attention.value = 'learned'"
        yield Unused(("training.value_rate", "initial.values"), reason)
    elif initial.kind == "explicit":
        yield Unused(("initial.values",), "the start is given by its overlaps")


def of_bases(problem: Problem, command: str) -> Iterator[Unused]:
    """What only a mixing has that is learned, or drawn; bases that are as many as heads."""
    attention, sharing = problem.attention, problem.attention.sharing
    if command == "optimum":
        keys = [f"initial.{one.name}" for one in OF_BASES]
        if sharing is not None and sharing.learned:
            keys += ["attention.shared.mixing", "attention.shared.seed"]
        yield Unused(tuple(keys), "the optimum is searched for from starts of its own", True)
    if sharing is None or not sharing.learned:
        reason = "no mixing is learned; set attention.keys = 'shared' and attention.shared.learned"
        yield Unused(("training.mixing_rate",), f"{reason} = true")
    if sharing is None:
        yield Unused(("attention.shared",), "keys are free; set attention.keys = 'shared'")
        return
    if sharing.mixing is not None:
        yield Unused(("attention.shared.seed",), "the mixing is given; leave it out")
    if sharing.bases >= attention.heads:
        yield Unused(
            ("attention.shared.bases",),
            f"{sharing.bases} bases can make any keys of {attention.heads} heads, which share "
            "nothing but rates; lower it",
        )


def expectations(problem: Problem, command: str) -> Iterator[Unused]:
    """Keys of the engine that is not at work."""
    settings, attention = problem.expectation, problem.attention
    facts = TABLE[attention.activation]
    sampled = attention.value != "known" and (facts.joint or (facts.module and not facts.closed))
    manifold = system_of(problem) == "manifold" and command != "optimum"
    by_nature = sampled and (facts.elementwise or not manifold)
    if by_nature and settings.engine in ("auto", "sampling"):
        reason = (
            f"{attention.activation} is sampled where keys and values can have overlaps; set "
            "expectation.samples"
        )
        yield Unused(("expectation.engine", "expectation.tolerance"), reason)
        return
    if settings.engine == "sampling":
        reason = "sampling has no tolerance; set expectation.samples, or engine = 'auto'"
        yield Unused(("expectation.tolerance",), reason)
        return
    if facts.closed:
        yield Unused(
            ("expectation.tolerance",),
            f"the expectations of {problem.attention.activation} are closed forms; leave it out",
        )
    if settings.engine == "auto" and noisy(problem, command) and not noise_by_quadrature(problem):
        return
    if sampled and command == "analyze":  # what is across the manifold is sampled
        return
    keys = ["expectation.samples"]
    if command not in ("analyze", "optimum"):  # their random starts are drawn with it
        keys.append("expectation.seed")
    yield Unused(
        tuple(keys), "quadrature serves and nothing is sampled; set expectation.engine = 'sampling'"
    )


def noisy(problem: Problem, command: str) -> bool:
    """Whether a command takes the gradient covariance V of a problem."""
    return command not in ("simulate", "optimum") and problem.training.rule == "sgd"


def noise_by_quadrature(problem: Problem) -> bool:
    """Whether the engines of quadrature give the gradient covariance V."""
    if problem.attention.value != "known":
        return problem.attention.activation == "linear"
    facts = TABLE[problem.attention.activation]
    if facts.module:
        return facts.closed
    return facts.joint or (problem.attention.heads == 1 and problem.task.target == "token")
