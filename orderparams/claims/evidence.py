"""What a claim comes to: checks with a verdict each, and what was computed for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.trajectory import Trajectory

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Check:
    """One line of the table: what is compared, what is expected, what was found."""

    what: str
    expected: str
    found: str
    holds: bool


def close(
    what: str,
    expected: float,
    found: float,
    *,
    relative: float | None = None,
    absolute: float | None = None,
) -> Check:
    """A number that must agree with another within a relative or an absolute tolerance."""
    if relative is not None:
        tolerance, words = relative * abs(expected), f"± {100 * relative:g} %"
    else:
        tolerance = absolute or 0.0
        words = f"± {tolerance:g}"
    holds = bool(abs(found - expected) <= tolerance)
    return Check(what, f"{expected:.6g} {words}", f"{found:.6g}", holds)


def below(what: str, found: float, limit: float) -> Check:
    """A number that must stay below a limit."""
    return Check(what, f"< {limit:.4g}", f"{found:.4g}", bool(found < limit))


def above(what: str, found: float, limit: float) -> Check:
    """A number that must exceed a limit."""
    return Check(what, f"> {limit:.4g}", f"{found:.4g}", bool(found > limit))


def same(what: str, expected: object, found: object) -> Check:
    """Words, orders or counts that must be the same."""
    return Check(what, str(expected), str(found), str(expected) == str(found))


@dataclass(frozen=True, eq=False)
class Panel:
    """Curves over one variable: what a claim computed, and what its figure shows.

    ``curves`` name → (N,) over ``values`` (N,) of the variable called ``axis``; labels carry the
    symbols. Scales are "linear" or "log". ``ticks`` name the values, drawn as points then.
    """

    name: str
    axis: str
    axis_label: str
    values: Array
    label: str
    curves: Mapping[str, Array]
    scales: tuple[str, str] = ("linear", "linear")
    ticks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Evidence:
    """Checks, and the panels and the trajectory that they were read off."""

    problem: Problem
    checks: tuple[Check, ...]
    panels: tuple[Panel, ...] = ()
    trajectory: Trajectory | None = None

    @property
    def holds(self) -> bool:
        """Whether every check holds."""
        return all(check.holds for check in self.checks)
