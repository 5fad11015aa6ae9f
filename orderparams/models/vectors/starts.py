"""What configurations say of where vectors start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orderparams.config.matrices import (
    Found,
    array,
    check_positive_semidefinite,
    inside,
    least_eigenvalue,
)
from orderparams.config.values import Matrix
from orderparams.config.words import counted
from orderparams.errors import ConfigurationError

OVERLAPS = ("overlap", "self_overlap")


@dataclass(frozen=True)
class Learners:
    """How many vectors learn, what one is called, and the key that counts them; names of their
    overlaps in ``initial`` begin with the ``prefix``. ``beside`` are the keys by which something
    else is learned."""

    count: int
    word: str
    key: str
    initial: Any
    prefix: str = ""
    beside: tuple[str, ...] = ()

    @property
    def at_origin(self) -> tuple[str, int] | None:
        """The key that lets a vector start at the origin, and which, counted from 1; None if all
        have a length."""
        initial = self.initial
        if initial.kind == "random":
            return ("initial.variance", 1) if initial.variance == 0 else None
        overlap, own = (getattr(initial, self.prefix + name) for name in OVERLAPS)
        if own is not None:
            lengths = [row[i] if i < len(row) else 1.0 for i, row in enumerate(own)]
        else:
            lengths = [float(any(row)) for row in overlap or ()]
        key = f"initial.{self.prefix}{OVERLAPS[own is not None]}"
        return (key, lengths.index(0) + 1) if 0 in lengths else None


def check_no_overlaps(initial: Any, prefix: str = "") -> Found:
    """Overlaps beside a random start, which would have no effect; names begin with the prefix."""
    names = [f"{prefix}{name}" for name in OVERLAPS]
    given = [f"initial.{key}" for key in names if getattr(initial, key) is not None]
    if given:
        are, them = ("are", "them") if len(given) > 1 else ("is", "it")
        yield ConfigurationError(
            f"{' and '.join(given)} {are} given but initial.kind = 'random'; set initial.kind = "
            f"'explicit' to start from {them}",
            "start",
        )


def check_explicit(
    learners: Learners,
    directions: int,
    word: str,
    key: str,
    correlation: Matrix | None = None,
) -> Found:
    """Overlaps with so many hidden directions, orthonormal unless they have a correlation, and
    self-overlaps, of an explicit start; a direction is called so, and the ``key`` says how many
    there are."""
    initial = learners.initial
    if initial.kind != "explicit":
        return
    overlap, own = (getattr(initial, learners.prefix + name) for name in OVERLAPS)
    path, square = (f"initial.{learners.prefix}{name}" for name in OVERLAPS)
    if overlap is None:
        yield ConfigurationError(
            f"{path} is missing; initial.kind = 'explicit' needs it: a row for each "
            f"{learners.word}, with a number for each {word}"
        )
        return
    count, shape = learners.count, (len(overlap), len(overlap[0]))
    if shape != (count, directions):
        yield ConfigurationError(
            f"{path}: expected {counted(count, 'row')} ({learners.key}) of "
            f"{counted(directions, 'number')} ({key}), got {counted(shape[0], 'row')} of "
            f"{shape[1]}",
            "start",
        )
    if own is not None:
        unfit = list(check_positive_semidefinite(own, count, square))
        yield from unfit
        if shape == (count, directions) and not unfit:
            yield from check_residual(overlap, own, square, learners.word, correlation)


def check_residual(
    m: Matrix, q: Matrix, key: str, word: str, correlation: Matrix | None = None
) -> Found:
    """q − m T⁻¹ mᵀ, the part of the vectors outside the hidden directions, which have a correlation
    T unless they are orthogonal; ``key`` has q."""
    residual = array(q) - inside(array(m), correlation)
    least = least_eigenvalue(residual)
    if least < -1e-10 * max(1.0, float(abs(residual).max())):
        within = "m mᵀ" if correlation is None else "m T⁻¹ mᵀ (T = task.feature_correlation)"
        yield ConfigurationError(
            f"{key}: q - {within} must be positive semidefinite, no {word} is shorter than its "
            f"overlaps; its least eigenvalue is {least:.3g}"
        )
