"""Why a run went as it did: the stationary points beside it, and how it left them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orderparams.views.story.blocks import Block, Chapter, Table, sentences
from orderparams.views.story.words import Words, explained, instant, listed, vector

if TYPE_CHECKING:
    from orderparams.results.analysis import Analysis
    from orderparams.results.analyzed.rests import Growth, Mode, Rest

MOST_MODES = 6


def why(result: Analysis, words: Words) -> Chapter:
    """The saddles: what they predict, and what was seen."""
    blocks: list[Block] = []
    several = len(result.pruning.removals) > 1
    blocks += sentences(
        "The slope of a stationary point is the largest derivative that is left where it was found."
    )
    if result.problem.training.rule == "sgd":
        blocks += sentences("Points and rates are those of the risk, without the noise of SGD.")
    inertia = getattr(result.problem.training, "inertia", None)
    if inertia is not None:
        blocks += sentences(
            "Growth rates are those with inertia: of an eigenvalue λ of the Hessian the larger "
            "real part of s in s² + ζs + ηλ = 0. At a minimum a mode with ηλ above ζ²/4 swings."
        )
    if several or result.rests:
        blocks += sentences(
            f"How far a run is from one is the distance of the {words.learner}s' vectors, the "
            "least that their order parameters allow, in parts of their length at the end."
        )
    targets = {target.name for target in result.stages.directions}
    own = [direction for direction in result.directions if direction.name not in targets]
    blocks += sentences(*explained(own, words, sides=False))
    if several:
        blocks += sentences(
            f"Below, modes are small deviations from a stationary point: between {words.learner}s "
            "some move against others; residual lies outside the hidden directions; (x3) counts "
            "three of the same rate."
        )
        who = words.every(len(result.pruning.interaction)).capitalize()
        blocks += of_rest(f"{who} equal", result.unspecialized, result)
        first = next(one.name for one in result.order_parameters if one.crossed)
        values = result.unspecialized.point.state[first][0]
        blocks += sentences(
            f"There every {words.learner} has the {words.measure}s {vector(values)}.",
            f"Order of directions: predicted {listed(result.predicted_order) or 'none'}; observed "
            f"{listed(result.observed_order) or 'none'}.",
        )
    for rest in result.rests:
        blocks += of_rest(f"Behind plateau {result.plateau_of(rest)}", rest, result)
    if not several and not result.rests:
        falls = "" if inertia is not None else ": the risk simply falls"
        blocks += sentences(f"One {words.learner}, and no plateau on its way{falls}.")
    return Chapter("Why", blocks)


UNSEEN = "While it is near, its deviation is no clear exponential: no rate of the run is read off."
"""Why a saddle that a run passes has no observed rate."""


def of_rest(title: str, rest: Rest, result: Analysis) -> list[Block]:
    """A stationary point, how near the run came, and its unstable modes (or its two slowest)."""
    if not rest.point.converged:
        return sentences(f"{title}: no stationary point was found near.")
    kind = "saddle" if rest.growth else "minimum"
    what = f"risk {rest.point.risk:z.10f}, slope {rest.point.residual:.0e}"
    shown = rest.modes[: max(len(rest.growth), 2)][:MOST_MODES]
    said = [f"{title}: a {kind}, {what}.", nearness(rest)]
    if rest.passed and rest.growth and not any(rest.growth):
        said.append(UNSEEN)
    return [
        *sentences(*said),
        mode_table(shown, rest.growth, result),
    ]


def nearness(rest: Rest) -> str:
    """How near the run came, and whether that is near enough for its modes to tell of the run."""
    if rest.passed:
        return f"The run is nearest at t = {instant(rest.time)}, {rest.distance:.1%} away."
    return (
        f"The run does not pass it: it comes no nearer than {rest.distance:.0%}, at t = "
        f"{instant(rest.time)}, and the rates need not be its own."
    )


def mode_table(modes: Sequence[Mode], growth: Sequence[Growth | None], result: Analysis) -> Table:
    """A mode a row: the rate there, and where any was seen, what the Hessian at the run predicts,
    and what was seen."""
    if not any(growth):
        plain = [(f"{mode.rate:z.6f}", named(mode, result)) for mode in modes]
        return Table(("growth rate", "mode"), plain, left=("mode",))
    rows = []
    for i, mode in enumerate(modes):
        seen = growth[i] if i < len(growth) else None
        rates = ("", "") if seen is None else (f"{seen.local:z.6f}", f"{seen.rate:z.6f}")
        rows.append((f"{mode.rate:z.6f}", *rates, named(mode, result)))
    return Table(("growth rate", "at the run", "observed", "mode"), rows, left=("mode",))


def named(mode: Mode, result: Analysis) -> str:
    """What moves in a mode, and how many there are of it."""
    count = f" (x{mode.multiplicity})" if mode.multiplicity > 1 else ""
    return f"{mode.describe(result.geometry)}{count}"
