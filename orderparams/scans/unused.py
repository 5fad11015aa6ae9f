"""Settings that change nothing at any point of a scan."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from orderparams.config import parse, parse_toml
from orderparams.config.sections import Given
from orderparams.config.unused import ignored
from orderparams.scans.plan import Plan
from orderparams.sources import Source, given

KEEPING = ("solve", "simulate", "validate")
"""Actions whose points have more to keep than their values."""


def given_to(plan: Plan, source: Source, assigned: Iterable[str] = ()) -> Given:
    """What the user of a scan gave: the ``source`` of its base, assignments, and varied keys."""
    axes = frozenset(axis.key for axis in plan.axes)
    table = {key: value for key, value in parse_toml(plan.config).items() if key != "scan"}
    own = given(source, table, assigned)
    return Given(own.stored - axes, own.assigned | axes)


def ignored_in(plan: Plan, keys: Given) -> dict[str, str]:
    """Of what was given, the keys that change nothing at any point, and why."""
    settings = plan.settings
    found: dict[str, str] = {}
    if settings.seed and settings.mode != "random":
        found["scan.seed"] = "no points are drawn; they are with --random N or mode = 'random'"
    if settings.trajectories and settings.action not in KEEPING:
        found["scan.trajectories"] = f"{settings.action} has none; {', '.join(KEEPING)} have"
    if settings.action == "solve" and not settings.trajectories:
        reason = "points keep what they come to; scan.trajectories = true keeps fluctuations too"
        given = sorted(keys.assigned | keys.stored)
        found |= {key: reason for key in given if key.startswith("fluctuations.")}
    at_all: dict[str, str] | None = None
    for config in kinds(plan):
        problem = parse(parse_toml(config))
        if settings.action == "validate":  # its points take the rule that validate takes
            training = dataclasses.replace(problem.training, rule="sgd")
            problem = dataclasses.replace(problem, training=training)
        here = ignored(problem, settings.action, keys)
        at_all = {k: v for k, v in here.items() if at_all is None or k in at_all}
        if not at_all:
            break
    return found | (at_all or {})


def kinds(plan: Plan) -> Iterable[str]:
    """Configurations of points that may differ in what they use: of numbers it only matters
    whether they are zero or one."""

    def kind(value: Any) -> Any:
        return (value == 0, value == 1) if isinstance(value, int | float) else repr(value)

    return {tuple(map(kind, p.values)): p.config for p in reversed(plan.points)}.values()
