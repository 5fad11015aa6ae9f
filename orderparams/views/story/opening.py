"""A run in three sentences: what happened, why, and what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orderparams.config.words import counted
from orderparams.views.story.stages import too_few
from orderparams.views.story.words import Words, along, instant, listed
from orderparams.views.story.worth import kept_by_noise

if TYPE_CHECKING:
    from orderparams.results.analysis import Analysis

CHEAP = 0.1
"""Part of the risk that may be added by those who could go."""


def opening(result: Analysis, words: Words) -> list[str]:
    """The three sentences."""
    return [what(result, words), why(result, words), left(result, words)]


def what(result: Analysis, words: Words) -> str:
    """Who did what, when, and what became of the risk."""
    risk, time = result.risk, result.time
    fell = f"the risk went from {risk[0]:.4g} to {risk[-1]:.4g} at t = {time[-1]:.6g}"
    stages, who, count = result.stages, words.learner, len(result.pruning.interaction)
    if too_few(len(time)):
        return f"Too few times are stored to tell what the {who}s did; {fell}."
    if count == 1:
        known = [(along(e.direction, words), instant(e.half_time)) for e in stages.events]
        grew = [f"{name} (t = {time})" for name, time in known]
        moved = f"turned to {listed(grew)}" if grew else "turned nowhere"
        return f"The one {who} {moved}, and {fell}."
    all_of_them = words.every(count) if count == 2 else f"all {count} {who}s"
    if not stages.specializations:
        return f"No {who} specialized: {all_of_them} did the same, and {fell}."
    if stages.unspecialized is None:
        return (
            f"The {count} {who}s were never alike: they turned to {turns(result, words)}; {fell}."
        )
    end = instant(stages.unspecialized[1])
    return (
        f"{all_of_them.capitalize()} were alike until t = {end}, then they parted along "
        f"{turns(result, words)}; {fell}."
    )


def turns(result: Analysis, words: Words) -> str:
    """The directions to which they turned, in order, each with the time of the first that did."""
    times: dict[str, float] = {}
    for event in result.stages.specializations:
        times.setdefault(result.space_of(event.direction), event.half_time)
    known = {one.name: one for one in (*result.stages.directions, *result.directions)}
    order = [name for name in result.observed_order if name in times] or list(times)
    return listed([f"{along(known[name], words)} (t = {instant(times[name])})" for name in order])


def why(result: Analysis, words: Words) -> str:
    """What the stationary points say of it."""
    rest, who, count = result.unspecialized, words.learner, len(result.pruning.interaction)
    together = f"Where {words.every(count)} are equal the risk has a"
    if count == 1:
        passed = [one for one in result.rests if one.passed and one.growth]
        if not passed:
            return f"One {who} has no saddle on its way here: it went where the risk falls."
        return (
            f"It was held up by {counted(len(passed), 'saddle')}, which it left at the rate "
            f"{passed[0].modes[0].rate:.4g}."
        )
    if not rest.point.converged:
        return (
            f"No stationary point has {words.every(count)} equal, so none explains when they part."
        )
    if not rest.growth:
        return f"{together} minimum, in which nothing parts them."
    apart = [mode for mode in rest.unstable if mode.common < 0.5]
    if not apart:
        return f"{together} saddle, which they leave only together."
    saddle = f"{together} saddle"
    if not rest.passed:
        return (
            f"{saddle}, but the run came no nearer to it than {rest.distance:.0%}, and it does not "
            "explain this run."
        )
    where = f"which the run passed at t = {instant(rest.time)}"
    if rest.time == result.time[0]:
        where = "at which the run began"
    seen = next((one for one in rest.growth if one is not None), None)
    observed = f" (observed {seen.rate:.4g})" if seen and seen.rate > 0 else ""
    return f"{saddle}, {where}; there {growing(result, words, apart[0].rate, observed)}."


def growing(result: Analysis, words: Words, rate: float, observed: str) -> str:
    """Along what differences grow, how fast, and whether in the order of the run."""
    predicted, seen = result.predicted_order, result.observed_order
    if not predicted:
        return f"differences outside the hidden directions grow at the rate {rate:.4g}{observed}"
    known = {one.name: along(one, words) for one in result.directions}
    first, *others = (known[name] for name in predicted)
    text = f"differences along {first} grow at the rate {rate:.4g}{observed}"
    if not others:
        return text
    text += f", those along {listed(others)} more slowly"
    if predicted == seen:
        return f"{text}, which is the order of the run"
    return f"{text}; the run turned to {listed(seen) or 'none'}"


def left(result: Analysis, words: Words) -> str:
    """Where the run ends, how far that is from the best, and who could go."""
    final, target = result.final, result.target
    if not final.point.converged or not result.near_the_end:
        ends = "It ends near no stationary point"
    elif final.growth:
        ends = f"It ends at a saddle, which it would leave at the rate {final.modes[0].rate:.4g}"
    else:
        ends = "It ends at a minimum"
    name = "objective" if result.penalised else "risk"
    missed = result.objective - target.point.objective
    best = f"the lowest {name} found"
    kept = "by the noise of SGD " if kept_by_noise(result, missed) else ""
    gap = f"{kept}{missed:.2g} above {best}" if missed > 1e-8 else f"with {best}"
    floor = result.optimum.floor
    is_floor = result.optimum.proven and not result.penalised
    beside = f", which is {floor.words}" if is_floor else ""
    if not is_floor and np.isfinite(floor.value) and floor.value > 0:
        beside = f" and {result.risk[-1] - floor.value:.2g} above {floor.words}"
    return f"{ends}, {gap}{beside}{spare(result, words)}."


def spare(result: Analysis, words: Words) -> str:
    """Who could go."""
    count = len(result.pruning.interaction)
    if count == 1:
        return ""
    gone = result.pruning.removable(CHEAP, reoptimized=True)
    if not gone:
        return f"; no {words.learner} can go for {CHEAP:.0%} more risk"
    who = f"{gone} of {count} {words.learner}s"
    return f"; {who} can go for {CHEAP:.0%} more risk if the rest is trained again"
