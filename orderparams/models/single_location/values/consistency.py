"""What keys of learned and tied values must satisfy together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from orderparams.config.matrices import Found, array, inside, least_eigenvalue
from orderparams.config.words import counted
from orderparams.errors import ConfigurationError
from orderparams.models.single_location.parameters import KEY_TARGET_OVERLAP, OF_VALUES
from orderparams.models.single_location.sections import Problem
from orderparams.models.vectors.starts import check_residual

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAMES = tuple(one.name for one in OF_VALUES)


def value_contradictions(problem: Problem) -> Found:
    """Every check that involves values."""
    yield from check_target(problem)
    yield from check_rule(problem)
    yield from check_meaning(problem)
    unfit = list(check_shapes(problem))
    yield from unfit
    if not unfit:
        yield from check_gram(problem)


def check_target(problem: Problem) -> Found:
    value = problem.attention.value
    if value != "known" and problem.task.target != "scalar":
        yield ConfigurationError(
            f"attention.value = {value!r} predicts numbers, and task.target = 'token' is a vector; "
            "set task.target = 'scalar', or attention.value = 'known'"
        )


def check_rule(problem: Problem) -> Found:
    """What does not go with values that learn."""
    training, value = problem.training, problem.attention.value
    if training.constraint == "sphere" and value == "learned" and short_value(problem):
        yield ConfigurationError(
            "training.constraint = 'sphere' keeps lengths, and a value of length zero has no "
            "direction; give initial.value_self_overlap or initial.value_alignment, or random "
            "initial.values"
        )


def short_value(problem: Problem) -> bool:
    """Whether a value starts at the origin."""
    initial, heads = problem.initial, problem.attention.heads
    if initial.kind == "random":
        return initial.values == "zero" or initial.variance == 0
    if initial.value_self_overlap is not None:
        rows = enumerate(initial.value_self_overlap)
        return any(row[h] == 0 for h, row in rows if h < len(row))
    along, across = initial.value_alignment, initial.value_overlap
    return any(
        not (along is not None and h < len(along) and along[h])
        and not (across is not None and h < len(across) and any(across[h]))
        for h in range(heads)
    )


def given_values(problem: Problem) -> Iterator[str]:
    """Overlaps of values that the start has."""
    return (name for name in NAMES if getattr(problem.initial, name) is not None)


def check_meaning(problem: Problem) -> Found:
    """Overlaps of values that are not learned, or beside a random start."""
    value, kind = problem.attention.value, problem.initial.kind
    names = [*given_values(problem)]
    own = [name for name in names if name != KEY_TARGET_OVERLAP.name]
    keys = ", ".join(f"initial.{name}" for name in (own if value == "tied" and own else names))
    if names and value == "known":
        yield ConfigurationError(
            f"{keys}: attention.value = 'known', values are v* and move nowhere; set "
            "attention.value = 'learned', or leave it out"
        )
    elif own and value == "tied":
        yield ConfigurationError(
            f"{keys}: attention.value = 'tied', values are the keys; give initial.overlap, "
            "initial.self_overlap and initial.key_target_overlap alone"
        )
    elif names and kind == "random":
        yield ConfigurationError(
            f"{keys}: initial.kind = 'random'; set initial.kind = 'explicit' to start from there",
            "start",
        )


def check_shapes(problem: Problem) -> Found:
    """A number a head; rows of heads or features."""
    initial, heads = problem.initial, problem.attention.heads
    if problem.attention.value == "known":
        return
    for one in OF_VALUES:
        given = getattr(initial, one.name)
        if given is None:
            continue
        columns = problem.task.signal.features if one.name == "value_overlap" else heads
        if len(one.axes) == 1:
            if len(given) != heads:
                yield ConfigurationError(
                    f"initial.{one.name}: expected {counted(heads, 'number')}, one a head "
                    f"(attention.heads), got {len(given)}"
                )
        elif len(given) != heads or {len(row) for row in given} != {columns}:
            yield ConfigurationError(
                f"initial.{one.name}: expected {counted(heads, 'row')} (attention.heads) of "
                f"{counted(columns, 'number')}"
            )
        elif one.symmetric and any(
            abs(given[i][j] - given[j][i]) > 1e-12 * max(1.0, abs(given[i][j]))
            for i in range(heads)
            for j in range(i)
        ):
            yield ConfigurationError(f"initial.{one.name}: the matrix must be symmetric")


def check_gram(problem: Problem) -> Found:
    """The Gram matrix of keys, values, k* and v*, which no vectors have if it is not positive."""
    initial, value = problem.initial, problem.attention.value
    heads, features = problem.attention.heads, problem.task.signal.features
    overlap, own = initial.overlap, initial.self_overlap
    if initial.kind != "explicit" or value == "known" or overlap is None:
        return
    if (len(overlap), len(overlap[0])) != (heads, features):
        return
    if own is not None and {len(own), *map(len, own)} != {heads}:
        return
    least = least_eigenvalue(outside(problem))
    if least < -1e-10 and not short_key(problem):
        rows = "keys" if value == "tied" else "keys and values"
        keys = "initial.self_overlap" if value == "tied" else "initial.value_self_overlap"
        yield ConfigurationError(
            f"initial.overlap … {keys}: no {rows} have these overlaps with k*, v* and each other; "
            "less the part along k* and v*, their Gram matrix has the least eigenvalue "
            f"{least:.3g}, and it must be positive semidefinite. Lower the crosses, or raise "
            f"self_overlap{'' if value == 'tied' else ' or value_self_overlap'}"
        )


def short_key(problem: Problem) -> bool:
    """Whether keys and k* have no place together, of which the check of keys tells."""
    overlap, own = problem.initial.overlap, problem.initial.self_overlap
    correlation = problem.task.feature_correlation
    if overlap is None or own is None:
        return False
    return any(check_residual(overlap, own, "initial.self_overlap", "head", correlation))


def outside(problem: Problem) -> NDArray[np.float64]:
    """Q of keys, and of values if they are learned, less what is along hidden directions."""
    import numpy as np

    initial, heads = problem.initial, problem.attention.heads
    features = problem.task.signal.features

    def numbers(name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        given = getattr(initial, name)
        return np.zeros(shape) if given is None else np.array(given, dtype=float)

    assert initial.overlap is not None
    keys = np.column_stack([array(initial.overlap), numbers("key_target_overlap", (heads,))])
    rows = keys
    if problem.attention.value == "learned":
        values = numbers("value_overlap", (heads, features))
        values = np.column_stack([values, numbers("value_alignment", (heads,))])
        rows = np.vstack([keys, values])
    hidden, along = rows[:, :features], rows[:, features:]
    shared = inside(hidden, problem.task.feature_correlation) + along @ along.T
    square = shared.copy()
    for name, (first, second) in {
        "self_overlap": (0, 0),
        "value_self_overlap": (heads, heads),
        "key_value_overlap": (0, heads),
    }.items():
        given = getattr(initial, name)
        if given is not None:
            square[first : first + heads, second : second + heads] = array(given)
            square[second : second + heads, first : first + heads] = array(given).T
    return square - shared
