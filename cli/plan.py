"""The plan of a scan: from the command line, and for reading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orderparams.cli import given

if TYPE_CHECKING:
    from orderparams.progress import ProgressLine
    from orderparams.scans.plan import Plan
    from orderparams.scans.run import Machine

FIRST_POINTS = 5


def make_plan(
    config: str | None,
    assignments: tuple[str, ...],
    stored: Path | None,
    *,
    bar: ProgressLine | None,
    varied: tuple[str, ...],
    zipped: bool,
    points: int | None,
    **others: Any,
) -> Plan:
    """The plan of the command line; where it says nothing, the one ``stored`` was started with."""
    from orderparams.scans.plan import base_table, make_plan
    from orderparams.sources import place_of

    entries = {
        key: value for key, value in others.items() if value is not None and value is not False
    }
    if zipped:
        entries["mode"] = "zip"
    if points is not None:
        entries |= {"mode": "random", "points": points}
    if stored is not None and config is None and not (assignments or varied or entries):
        from orderparams.scans.folder import Folder

        folder = Folder.beside(stored)
        if folder.exists() or not stored.exists():
            return folder.plan(checking(bar))
        return make_plan(base_table(stored), report=checking(bar))
    source = "two-stage" if config is None else config
    given.announce(source, "scan")
    table = base_table(source)
    if varied:
        keys = [key for key, _ in map(parts, varied)]
        for key in keys:
            if keys.count(key) > 1:
                raise click.UsageError(f"--vary {key} stands twice; give one list of its values")
        entries["vary"] = dict(table.get("scan", {}).get("vary", {})) | dict(map(parts, varied))
    return make_plan(table, entries, assignments, checking(bar), place=place_of(source))


def parts(varied: str) -> tuple[str, str]:
    """Key and specification of one ``--vary``."""
    key, separator, spec = varied.partition("=")
    if not separator or not spec.strip():
        raise click.UsageError(
            f"--vary {varied}: expected KEY=SPEC with at least one value, such as "
            "attention.heads=1,2,4 or task.length=log:4:4096:11"
        )
    return key.strip(), spec


def checking(bar: ProgressLine | None) -> Callable[[int, int], None] | None:
    """Shows how many points of a plan are ready."""
    if bar is None:
        return None

    def report(done: int, points: int) -> None:
        bar(done / points, f"{done} of {points} points checked")
        if done == points:
            bar.clear()

    return report


def describe(plan: Plan) -> list[str]:
    """The plan for reading: its size, and the first points."""
    from orderparams.config.words import counted

    size = " x ".join(map(str, plan.shape))
    lines = [f"  {counted(len(plan.points), 'point')} ({size}), each to {plan.settings.action}"]
    for axis in plan.axes:
        lines.append(f"  {axis.key} as axis {axis.name}")
    lines += ["", "  point  hash              varied settings"]
    for point in plan.points[:FIRST_POINTS]:
        lines.append(f"  {point.number:5d}  {point.hash}  {plan.describe(point)}")
    if len(plan.points) > FIRST_POINTS:
        lines.append("  ...")
    return lines


def estimate(plan: Plan, machine: Machine) -> str:
    """How long the plan would take, from a few of its points run for a short time."""
    from orderparams.progress import duration
    from orderparams.scans.run import PROBE, estimate

    found = estimate(plan, machine)
    about = "about" if found.ended == found.tried else "more than"
    return (
        f"  {about} {duration(found.seconds)} on {found.workers} processes "
        f"({found.ended} of {found.tried} points that were tried took less than {PROBE:g} s)"
    )
