"""What happened in a run: who turned where and when, and where the risk rested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from orderparams.results.analyzed.stages import LEAST_MOVE
from orderparams.views.story.blocks import Block, Chapter, Table, sentences
from orderparams.views.story.words import (
    Words,
    explained,
    instant,
    instants,
    numbered,
    words_of,
)

if TYPE_CHECKING:
    from orderparams.results.analyzed.stages import Event, Excursion, Stages
    from orderparams.results.trajectory import Trajectory

FEWEST_TIMES = 5
"""Stored times below which there are no stages to tell."""


def happened(
    run: Trajectory, stages: Stages, title: str = "What happened", learner: str = ""
) -> list[Chapter]:
    """The stages of a run; nothing where its model has none. What learns has the name of its axis,
    or that of ``learner``."""
    words = words_of(run.order_parameters)
    if words is None:
        return []
    words = words._replace(learner=learner or words.learner)
    blocks: list[Block] = []
    if not run.complete:
        blocks += sentences(f"The run did not finish: {run.message or run.status}.")
    if few := too_few(len(run.time)):
        return [Chapter(title, [*blocks, *sentences(few)])]
    blocks += sentences(*together(stages, words))
    if stages.events:
        blocks += sentences(*explained(stages.directions, words), legend(words))
        blocks.append(table(stages.events, words))
    return [Chapter(title, [*blocks, *sentences(*course(stages, words), *called(run))])]


def too_few(times: int) -> str:
    """What is said instead of stages where there are too few times."""
    return f"{times} stored times are too few to tell stages." if times < FEWEST_TIMES else ""


def together(stages: Stages, words: Words) -> list[str]:
    """What all have in common."""
    lines = []
    count = sum(map(len, stages.groups)) + len(stages.dormant)
    if stages.unspecialized is not None:
        span, who = " to ".join(map(instant, stages.unspecialized)), words.every(count).capitalize()
        lines.append(f"{who} are the same (within 10 %) from t = {span}.")
    if count > 1 and not stages.specializations:
        lines.append(
            f"No {words.learner} specialized: no {words.measure} grew that the {words.learner}s "
            "do not share."
        )
    return lines


def legend(words: Words) -> str:
    """What the columns of the table mean."""
    return (
        f"A row is a {words.learner} that turns towards a direction: the times at which 10 %, half "
        "and 90 % of the change are done, and the cosine of both and the risk before and after it."
    )


def table(events: Sequence[Event], words: Words) -> Table:
    """An event a row."""
    times = instants([t for e in events for t in (e.start, e.half_time, e.complete)])
    columns = ("stage", words.learner, "towards", "10 %", "half", "90 %", "cosine", "risk")
    rows = [(*who(e), *times[3 * i : 3 * i + 3], *values(e)) for i, e in enumerate(events)]
    return Table(columns, rows, left=("towards",))


def who(event: Event) -> tuple[str, str, str]:
    """The stage, who turns, and where to; from the other side of a direction if it does."""
    turned = event.cosine_before < -LEAST_MOVE
    source = f"{event.direction.side(-1 if event.target[0] == '+' else 1)} → " if turned else ""
    stage = "all" if event.common else str(event.stage)
    return stage, str(event.learner + 1), f"{source}{event.target}"


def values(event: Event) -> tuple[str, str]:
    """Cosine and risk before and after."""
    return (
        f"{event.cosine_before:z.2f} → {event.cosine_after:z.2f}",
        f"{event.risk_before:z.4f} → {event.risk_after:z.4f}",
    )


def course(stages: Stages, words: Words) -> list[str]:
    """Plateaus, excursions, and who is like whom at the end."""
    lines = []
    for number, plateau in enumerate(stages.plateaus, 1):
        span = f"t = {instant(plateau.start)} to {instant(plateau.end)}"
        lines.append(f"Plateau {number}: the risk rests at {plateau.level:.6f} from {span}.")
    lines += [excursion(path, words) for path in stages.excursions]
    groups = "".join(f" [{numbered(group)}]" for group in stages.groups) or " none"
    lines.append(
        f"{words.learner.capitalize()}s at the end, those with equal {words.measure}s (within "
        f"10 %) in brackets:{groups}."
    )
    if stages.dormant:
        lines.append(
            f"{words.learner.capitalize()}s without {words.measure} at the end: "
            f"{numbered(stages.dormant)}."
        )
    return lines


def called(run: Trajectory) -> list[str]:
    """Who has a name for what else is known of it at the end."""
    lines = []
    for one in run.seen:
        if one.called and (who := np.flatnonzero(run.observables[one.name][-1] > one.beyond)).size:
            lines.append(
                f"{one.axes[0].word.capitalize()}s {numbered(who.tolist())} are {one.called} at "
                f"the end: {one.words} above {one.beyond:g}."
            )
    return lines


def excursion(path: Excursion, words: Words) -> str:
    """Who followed one direction and turned to another."""
    return (
        f"{words.learner.capitalize()} {path.learner + 1} makes an excursion: along {path.source} "
        f"up to {path.peak:z.3f} at t = {instant(path.peak_time)}; from t = "
        f"{instant(path.turn_time)} on it follows {path.target}."
    )
