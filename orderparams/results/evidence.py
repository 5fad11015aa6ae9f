"""What a claim comes to: checks with a verdict each, and what was computed for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.results.result import Result
from orderparams.results.schema import CHECKS
from orderparams.results.trajectory import Trajectory, read_run
from orderparams.storage.schema import Variable
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    from orderparams.storage.nodes import Node

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
    return Check(what, f"{expected:z.6g} {words}", f"{found:z.6g}", holds)


def below(what: str, found: float, limit: float) -> Check:
    """A number that must stay below a limit."""
    return Check(what, f"< {limit:.4g}", f"{found:z.4g}", bool(found < limit))


def above(what: str, found: float, limit: float) -> Check:
    """A number that must exceed a limit."""
    return Check(what, f"> {limit:.4g}", f"{found:z.4g}", bool(found > limit))


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


@dataclass(frozen=True, eq=False, repr=False)
class Evidence(Result):
    """Checks, and the panels and the trajectory that they were read off.

    ``orderparams reproduce`` writes it to files, and :func:`orderparams.open` reads it.

    Examples
    --------
    >>> run = op.solve("single-head", settings={"training.duration": 5})
    >>> op.Evidence(run.problem, checks=(), trajectory=run).holds
    True
    """

    main: ClassVar[str] = "checks"

    problem: Problem
    checks: tuple[Check, ...]
    panels: tuple[Panel, ...] = ()
    trajectory: Trajectory | None = None

    @property
    def holds(self) -> bool:
        """Whether every check holds."""
        return all(check.holds for check in self.checks)

    @property
    def ended(self) -> str:
        """The status of a file."""
        return "finished" if self.holds else "failed"

    def groups(self) -> dict[str, Tree]:
        """/checks, /curves, and the run as /trajectory where there is one."""
        rows = {name: [getattr(check, name) for check in self.checks] for name in CHECKS}
        arrays = {
            name: np.array(column, dtype=np.int8 if name == "holds" else object)
            for name, column in rows.items()
        }
        found = {"checks": Tree({name: (CHECKS[name], array) for name, array in arrays.items()})}
        if self.panels:
            found["curves"] = Tree(groups={panel.name: drawn(panel) for panel in self.panels})
        return found if self.trajectory is None else {**found, **self.trajectory.groups()}

    def facts(self) -> dict[str, str]:
        """How many checks hold."""
        return {"checks": f"{sum(check.holds for check in self.checks)} of {len(self.checks)} hold"}


def drawn(panel: Panel) -> Tree:
    """``value`` (curve, axis), and how it is drawn as attributes."""
    values = np.array([*panel.curves.values()])
    return Tree(
        variables={"value": (Variable(("curve", panel.axis), panel.label), values)},
        coordinates={"curve": np.array(list(panel.curves), dtype=object), panel.axis: panel.values},
        axis_names={panel.axis: panel.axis_label},
        attributes={
            "axis": panel.axis,
            "scales": json.dumps(panel.scales),
            "ticks": json.dumps(panel.ticks),
        },
    )


def read_evidence(file: Node, problem: Problem) -> Evidence:
    """The evidence of a claim."""
    columns = [file["checks"].array(name).tolist() for name in CHECKS]
    run = read_run(file, problem, "finished") if "trajectory" in file else None
    checks = [
        Check(what, expected, found, bool(holds))
        for what, expected, found, holds in zip(*columns, strict=True)
    ]
    return Evidence(problem, tuple(checks), tuple(read_panels(file)), run)


def read_panels(file: Node) -> list[Panel]:
    """The panels in a file."""
    if "curves" not in file:
        return []
    return [read_panel(name, file["curves"][name]) for name in file["curves"]]


def read_panel(name: str, node: Node) -> Panel:
    """What :func:`drawn` made."""
    axis = str(node.attribute("axis"))
    return Panel(
        name=name,
        axis=axis,
        axis_label=str(node.about(axis, "long_name")),
        values=node.array(axis),
        label=str(node.about("value", "long_name")),
        curves=dict(zip(node.array("curve"), node.array("value"), strict=True)),
        scales=tuple(json.loads(node.attribute("scales"))),
        ticks=tuple(json.loads(node.attribute("ticks"))),
    )
