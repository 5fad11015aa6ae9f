"""Settings without effect: which keys a command does not use, why, and what would make them count.

Two kinds are told apart. What belongs to other commands is named only if it was assigned for this
call, since one file serves several commands. What another setting makes ineffective is named also
if it stands in a file.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orderparams.config.sections import (
    ACTIVATION_DEFAULTS,
    Given,
    LengthLaw,
    Problem,
    TaskConfig,
    settings_of,
    to_table,
)
from orderparams.errors import IgnoredSettingWarning

INDEX = re.compile(r"\[\d+\]$")


@dataclass(frozen=True)
class Unused:
    """Keys, or whole sections; ``elsewhere`` if it is the command that does not use them."""

    keys: tuple[str, ...]
    reason: str
    elsewhere: bool = False


NO_SIMULATION = Unused(("simulation",), "no SGD is run; simulate and validate run it", True)
NO_STEPS = ("training.learning_rate", "training.batch_size")
DRAWN = ("initial.dimension", "initial.seed")
DRAWN_ANEW = Unused(
    DRAWN, "replicas are drawn in simulation.dimension with simulation.seed; set those", True
)

BY_COMMAND = {
    "solve": (NO_SIMULATION,),
    "analyze": (NO_SIMULATION,),
    "evaluate": (
        NO_SIMULATION,
        Unused(
            ("integrator", "output", "training.duration"),
            "nothing is integrated in time; solve does it",
            True,
        ),
    ),
    "simulate": (
        Unused(("integrator",), "no flow is integrated; solve and validate do it", True),
        Unused(("training.rule",), "a simulation is always SGD; solve has the choice", True),
        DRAWN_ANEW,
    ),
    "validate": (
        Unused(("training.rule",), "validate has an option of its own for the rule", True),
        DRAWN_ANEW,
    ),
    "optimum": (
        NO_SIMULATION,
        Unused(
            (
                "integrator", "output", "training.rule", *NO_STEPS, "training.duration",
                "training.weight_decay", "initial.kind", "initial.variance", *DRAWN,
                "initial.overlap", "initial.self_overlap", "expectation.tolerance",
            ),
            "the optimum is searched for from starts and with a precision of its own; solve uses "
            "them",
            True,
        ),
    ),
}  # fmt: skip
"""Commands, and the action of a scan that is none, with what they never use."""


def ruled_out(dimensions: object) -> tuple[Unused, ...]:
    """What the options of a validation rule out."""
    reason = "the dimensions are given by an option of validate; leave that out"
    return (Unused(("simulation.dimension",), reason, True),) if dimensions else ()


def unused(problem: Problem, command: str) -> Iterator[Unused]:
    """All that a command does not use of a configuration; what settings rule out comes first.

    Of a validation ``training.rule`` is that of its own option.
    """
    yield from vanishing(problem)
    yield from learning(problem)
    sampled = command in ("simulate", "validate")
    if not sampled and problem.training.rule != "sgd":
        yield Unused(NO_STEPS, "gradient flow takes no steps; set training.rule = 'sgd'")
    if not (sampled or noisy(problem, command) or problem.task.noise):
        reason = "both targets have one risk and gradient; they differ in the noise of SGD"
        yield Unused(("task.target",), reason, True)
    if command != "optimum":
        yield from starting(problem)
    yield from expectations(problem, command)
    yield from BY_COMMAND[command]


def vanishing(problem: Problem) -> Iterator[Unused]:
    """Components and lengths of weight zero, and weights with nothing to weigh against."""
    components, length = problem.task.signal.components or (), problem.task.length
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
    joint = attention.activation == "bayes-softmax"
    if not attention.kappa and (not joint or attention.heads == 1):
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


def starting(problem: Problem) -> Iterator[Unused]:
    """What only random heads have, or only those that have a length."""
    initial = problem.initial
    if initial.kind == "explicit":
        reason = "the start is given by its overlaps; set initial.kind = 'random'"
        yield Unused(("initial.variance", *DRAWN), reason)
    elif initial.variance == 0:
        yield Unused(DRAWN, "initial.variance = 0 puts all heads at the origin; raise it")


def expectations(problem: Problem, command: str) -> Iterator[Unused]:
    """Keys of the engine that is not at work."""
    settings = problem.expectation
    if settings.engine == "sampling":
        reason = "sampling has no tolerance; set expectation.samples, or engine = 'auto'"
        yield Unused(("expectation.tolerance",), reason)
        return
    if settings.engine == "auto" and noisy(problem, command) and not noise_by_quadrature(problem):
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
    joint = problem.attention.activation == "bayes-softmax"
    return joint or (problem.attention.heads == 1 and problem.task.target == "token")


def leaves(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of a table; tables in a list are counted."""
    for name, value in table.items():
        key = f"{path}{name}"
        if isinstance(value, Mapping):
            yield from leaves(value, f"{key}.")
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            for i, entry in enumerate(value):
                yield from leaves(entry if isinstance(entry, Mapping) else {}, f"{key}[{i}].")
        else:
            yield key, value


@functools.cache
def defaults(activation: str) -> dict[str, Any]:
    """Defaults by dotted key, with those of an activation."""
    sections = {
        name: to_table(entry.default)
        for name, entry in settings_of(Problem).items()
        if dataclasses.is_dataclass(entry.default)
    }
    sections["task"] = {
        name: entry.default
        for name, entry in settings_of(TaskConfig).items()
        if entry.default is not dataclasses.MISSING
    }
    sections["attention"] |= ACTIVATION_DEFAULTS.get(activation, {})
    return dict(leaves(sections))


def covers(key: str, other: str) -> bool:
    """Whether a key is another one or holds it."""
    return other == key or other.startswith((f"{key}.", f"{key}["))


def given_in(table: Mapping[str, Any], assigned: Iterable[str], *, stored: bool = True) -> Given:
    """What was given in a table after these keys were assigned in it; ``stored`` unless nobody
    wrote the rest of it. A default that is written out is not given, unless it was assigned."""
    tops = [INDEX.sub("", key) if "components" not in key else key for key in assigned]
    values = {key: value for key, value in leaves(table) if key != "title"}
    own = {key for key in values if any(covers(top, key) for top in tops)}
    if not stored:
        return Given(frozenset(), frozenset(own))
    attention = table.get("attention", {})
    activation = attention.get("activation") if isinstance(attention, Mapping) else None
    known = defaults(activation if isinstance(activation, str) else "softmax")
    told = {key for key, value in values.items() if key not in known or known[key] != value}
    return Given(frozenset(told - own), frozenset(own))


def ignored(
    problem: Problem, command: str, given: Given, more: Iterable[Unused] = ()
) -> dict[str, str]:
    """Of what was given, the keys that change nothing, and why; ``more`` that this call rules
    out."""
    found: dict[str, str] = {}
    for entry in (*unused(problem, command), *more):
        keys = given.assigned if entry.elsewhere else given.assigned | given.stored
        for key in entry.keys:
            for known in sorted(keys):
                if covers(key, known) or covers(known, key):
                    found.setdefault(key if "[" in key else known, entry.reason)
    return found


def sentence(command: str, keys: Mapping[str, str]) -> str:
    """All keys with their reasons in one line; "" if there are none."""
    reasons: dict[str, list[str]] = {}
    for key, reason in keys.items():
        reasons.setdefault(reason, []).append(key)
    parts = [f"{', '.join(keys)} ({reason})" for reason, keys in reasons.items()]
    return f"without effect in {command}: {'; '.join(parts)}" if parts else ""


def heed(problem: Problem, command: str, more: Iterable[Unused] = (), *, depth: int = 3) -> Problem:
    """Warn of what was given without effect; the same problem, of which that is then known.

    ``depth`` as of :func:`warn`, seen from there.
    """
    warn(sentence(command, ignored(problem, command, problem.given, more)), depth)
    return dataclasses.replace(problem, given=Given())


def warn(text: str, depth: int = 2) -> None:
    """An :class:`IgnoredSettingWarning` where a public function was called, ``depth`` calls above.

    Nothing if there is no text, or if the package itself called: commands say it on their own.
    """
    caller = sys._getframe(depth).f_globals.get("__name__", "")
    if text and caller.partition(".")[0] != "orderparams":
        warnings.warn(text, IgnoredSettingWarning, stacklevel=depth + 1)
