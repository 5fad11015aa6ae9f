"""What happened in a run, told once: screens and pages take rows and sentences from here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from orderparams.analysis.events import Event
    from orderparams.analysis.stages import Excursion, Stages
    from orderparams.models.parameters import OrderParameter

FEWEST_TIMES = 5
"""Stored times below which there are no stages to tell."""


class Words(NamedTuple):
    """What learns, what it turns to, and what tells how far it has, as in a sentence."""

    learner: str
    target: str
    measure: str


def words_of(parameters: Iterable[OrderParameter]) -> Words | None:
    """What stages are told with; None where nothing learned turns to anything hidden."""
    for parameter in parameters:
        if parameter.crossed:
            return Words(parameter.axes[0].word, parameter.axes[1].word, parameter.words)
    return None


def too_few(times: int) -> str | None:
    """What is said instead of stages where there are too few times."""
    return f"{times} stored times are too few to tell stages." if times < FEWEST_TIMES else None


def numbered(entries: Iterable[int]) -> str:
    """Entries of an axis, counted from 1."""
    return ", ".join(str(entry + 1) for entry in entries)


def instant(time: float) -> str:
    """A time in at most six signs, where it is no extreme one."""
    return f"{time:.0f}" if 1e4 <= time < 1e6 else f"{time:.4g}"


def columns(words: Words) -> tuple[str, ...]:
    """What stands above :func:`rows`."""
    times = ("10 %", "half", "90 %")
    values = ("cosine before", "after", "risk before", "after")
    return ("stage", words.learner, "towards", *times, *values)


def rows(stages: Stages) -> list[tuple[str, ...]]:
    """An event a row: who turns where, when 10 %, half and 90 % of the change are done, and what
    cosine and risk were before and are after it."""
    return [row(event) for event in stages.events]


def narrow(stages: Stages, words: Words) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows for a screen: what was before and is after stands in one cell."""
    above = (*columns(words)[:6], "cosine", "risk")
    return above, [(*one[:6], " ".join(one[6:8]), " ".join(one[8:])) for one in rows(stages)]


def row(event: Event) -> tuple[str, ...]:
    """One event."""
    return (
        "all" if event.common else str(event.stage),
        str(event.learner + 1),
        event.target,
        *map(instant, (event.start, event.half_time, event.complete)),
        *(f"{value:z.2f}" for value in (event.cosine_before, event.cosine_after)),
        *(f"{value:z.4f}" for value in (event.risk_before, event.risk_after)),
    )


def opening(stages: Stages, words: Words) -> list[str]:
    """What all have in common."""
    lines = []
    if stages.unspecialized is not None:
        span = " to ".join(map(instant, stages.unspecialized))
        lines.append(f"All {words.learner}s are the same (within 10 %) from t = {span}.")
    if not stages.specializations:
        lines.append(
            f"No {words.learner} specialized: no {words.measure} grew that the {words.learner}s "
            "do not share."
        )
    return lines


def course(stages: Stages, words: Words) -> list[str]:
    """Plateaus, excursions, and who is like whom at the end."""
    lines = []
    for plateau in stages.plateaus:
        span = f"t = {instant(plateau.start)} to {instant(plateau.end)}"
        lines.append(f"The risk rests at {plateau.level:.6f} from {span}.")
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


def excursion(path: Excursion, words: Words) -> str:
    """Who followed one direction and turned to another."""
    return (
        f"{words.learner.capitalize()} {path.learner + 1} makes an excursion: along {words.target} "
        f"{path.origin.name} up to {path.peak:z.3f} at t = {instant(path.peak_time)}; from t = "
        f"{instant(path.turn_time)} on it follows {words.target} {path.destination.name}."
    )
