"""What keys of shared keys must satisfy together."""

from __future__ import annotations

from collections.abc import Iterator

from orderparams.config.matrices import Found
from orderparams.config.words import counted
from orderparams.errors import ConfigurationError
from orderparams.models.single_location.activations.table import TABLE
from orderparams.models.single_location.parameters import OF_BASES
from orderparams.models.single_location.sections import Problem
from orderparams.models.vectors.starts import OVERLAPS


def shared_contradictions(problem: Problem) -> Found:
    """Every check that involves shared keys."""
    if problem.attention.sharing is None:
        yield from check_absent(problem)
        return
    yield from check_served(problem)
    yield from check_mixing(problem)
    yield from check_start(problem)


def check_absent(problem: Problem) -> Found:
    """A start of bases where keys are free."""
    for key in (f"initial.{one.name}" for one in OF_BASES if given(problem, one.name)):
        yield ConfigurationError(
            f"{key}: attention.keys = 'free', heads have keys of their own; set attention.keys = "
            "'shared', or leave it out"
        )


def given(problem: Problem, name: str) -> bool:
    """Whether the start has such a key."""
    return getattr(problem.initial, name) is not None


def check_served(problem: Problem) -> Found:
    """What does not go with shared keys."""
    attention = problem.attention
    if attention.value != "known":
        yield ConfigurationError(
            f"attention.keys = 'shared' does not go with attention.value = {attention.value!r}; "
            "use attention.value = 'known', or attention.keys = 'free'"
        )
    if problem.task.feature_correlation is not None:
        yield ConfigurationError(
            "attention.keys = 'shared' does not go with task.feature_correlation; give task.signal "
            "in orthogonal directions, or use attention.keys = 'free'"
        )
    if TABLE[attention.activation].module:
        having = ", ".join(name for name, facts in TABLE.items() if not facts.module)
        yield ConfigurationError(
            f"attention.keys = 'shared' is served for {having}, not for {attention.activation}; "
            "use one of them, or attention.keys = 'free'"
        )


def check_mixing(problem: Problem) -> Found:
    """The shape of the mixing, and heads and bases that it leaves out."""
    attention, sharing, path = problem.attention, problem.attention.sharing, "attention.shared"
    assert sharing is not None
    rows = sharing.mixing
    if rows is None:
        return
    if (len(rows), len(rows[0])) != (attention.heads, sharing.bases):
        yield ConfigurationError(
            f"{path}.mixing: expected {counted(attention.heads, 'row')} (attention.heads) of "
            f"{counted(sharing.bases, 'number')} ({path}.bases), got {counted(len(rows), 'row')} "
            f"of {len(rows[0])}"
        )
    elif not sharing.learned:
        yield from left_out(rows, path)


def left_out(rows: tuple[tuple[float, ...], ...], path: str) -> Iterator[ConfigurationError]:
    """Rows and columns of zeros in a mixing that is not learned."""
    for number, row in enumerate(rows, 1):
        if not any(row):
            yield ConfigurationError(
                f"{path}.mixing: row {number} is zero, and head {number} would have no key and "
                f"learn none; give it a share of a base, or set {path}.learned = true"
            )
    for number, column in enumerate(zip(*rows, strict=True), 1):
        if not any(column):
            yield ConfigurationError(
                f"{path}.mixing: column {number} is zero, and no head would use base {number}; "
                f"lower {path}.bases, or set {path}.learned = true"
            )


def check_start(problem: Problem) -> Found:
    """Overlaps of heads, which start where their bases do."""
    for name in OVERLAPS:
        if given(problem, name):
            yield ConfigurationError(
                f"initial.{name}: attention.keys = 'shared', and heads start where their bases do; "
                f"give initial.base_{name} instead"
            )
