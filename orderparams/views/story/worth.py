"""What is left: where a run ends, what would be best, and who could go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orderparams.results.analyzed.stages import NOTHING
from orderparams.views.story.blocks import Block, Chapter, Table, Values, sentences
from orderparams.views.story.words import Words, listed, numbered

if TYPE_CHECKING:
    from orderparams.results.analysis import Analysis
    from orderparams.results.analyzed.optimum import Optimum, Pruning, Synergy

Array = NDArray[np.float64]

CONVERGED = 1e-3
"""Part of the fall of the risk that is left above a minimum where a run has converged."""

RESTS = 0.1
"""Change of the risk in the last tenth of a run, relative to its height above the minimum, of one
that noise keeps there."""


def end(result: Analysis) -> Chapter:
    """Where the run ends, and the stationary point that Newton's method reaches from there."""
    run, final, floor = result.trajectory, result.final, result.optimum.floor
    rows = [("risk", f"{run.risk[-1]:z.8f}", f"at t = {run.time[-1]:.6g}")]
    if result.penalised:
        rows.append(
            ("objective", f"{result.objective:z.8f}", f"with the penalty of {penalty(result)}")
        )
    if floor.value != 0:
        rows.append((floor.words.removeprefix("the "), f"{floor.value:z.8f}", "nothing is lower"))
    numbers = Table(("", "at the end", ""), rows, left=("",))
    if not final.point.converged:
        return Chapter(
            "The end",
            [
                numbers,
                *sentences(
                    "No stationary point was found near the end; the search for one stopped at a "
                    f"slope of {final.point.residual:.0e}."
                ),
            ],
        )
    kind = "saddle" if final.growth else "minimum"
    where = "nearby" if result.near_the_end else "next, but far"
    text = f"A {kind} {where}: risk {final.point.risk:z.10f}, slope {final.point.residual:.0e}."
    return Chapter("The end", [numbers, *sentences(text, ending(result))])


def ending(result: Analysis) -> str:
    """What keeps the run from the stationary point near its end."""
    run, final = result.trajectory, result.final
    if not result.near_the_end:
        return f"The run comes no nearer to it than {final.distance:.0%}; it does not rest there."
    if final.growth:
        what = final.modes[0].describe(result.geometry)
        return (
            "The run is too short. It ends near a saddle, which it leaves at the rate "
            f"{final.modes[0].rate:z.6f}: {what}."
        )
    above = result.objective - final.point.objective
    if above <= CONVERGED * abs(run.risk[0] - run.risk[-1]):
        return ""
    if kept_by_noise(result, above):
        name = "objective" if result.penalised else "risk"
        return f"The noise of SGD keeps the {name} {above:.2e} above it."
    return "The run did not converge: a longer one comes nearer."


def kept_by_noise(result: Analysis, above: float) -> bool:
    """Whether noise of SGD, in theory or in a simulation, holds the run so far above its minimum:
    it is near, and falls no more."""
    noisy = result.problem.training.rule == "sgd" or not result.trajectory.engine
    change = result.stages.remaining * np.ptp(result.trajectory.risk)
    return bool(noisy and result.near_the_end and change < RESTS * above)


def best(result: Analysis) -> Chapter:
    """The lowest risk found beside the run and the floor; with weight decay, its own too."""
    found, target = result.optimum, result.penalised
    shown = [one for one in result.order_parameters if one.name in found.point.state]
    names = listed([f"{one.symbol} is the {one.words}" for one in shown])
    blocks: list[Block] = []
    if target is None:
        blocks += sentences(lowest("risk", found.risk, found), above_floor(found), distance(result))
    else:
        text = lowest(f"risk, without {penalty(result)},", found.risk, found)
        blocks += sentences(text, above_floor(found))
    blocks += [*sentences(f"There, {names}."), values(found, result)]
    if target is not None:
        more = target.risk - found.risk
        blocks += sentences(
            lowest(f"objective, {objective(result)},", target.point.objective, target),
            f"Its risk is {target.risk:z.10f}, {more:.3e} above the one without {penalty(result)}.",
            distance(result),
        )
        blocks.append(values(target, result))
    return Chapter("The optimum", blocks)


def objective(result: Analysis) -> str:
    """What training lowers, as a sum."""
    penalties = result.problem.training.penalties
    decay = "weight decay" in penalties
    return "risk" + " + weight_decay |K|^2/2" * decay + " + R" * (len(penalties) > decay)


def penalty(result: Analysis) -> str:
    """What is lowered beside the risk, in words."""
    return listed(list(result.problem.training.penalties))


def lowest(name: str, value: float, found: Optimum) -> str:
    """The lowest value found, and what speaks for it."""
    earned = "nothing is lower" if found.proven else "a lower one is not excluded"
    return (
        f"The lowest {name} found is {value:z.10f}, slope {found.point.residual:.0e}, reached "
        f"in {found.found} of {len(found.values)} searches; {earned}."
    )


def above_floor(found: Optimum) -> str:
    """How far the optimum is above what nothing is below."""
    floor = found.floor
    if found.proven:
        return f"It is {floor.words}."
    return f"It lies {found.risk - floor.value:.3e} above {floor.words}."


def distance(result: Analysis) -> str:
    """How far above what it aims at the run ends."""
    missed = result.objective - result.target.point.objective
    if missed <= 1e-8:
        return "The run ends at this value."
    return f"The run ends {missed:.3e} above it."


def values(found: Optimum, result: Analysis) -> Values:
    """The order parameters at a minimum."""
    return Values(result.order_parameters, found.state)


def pruning(result: Analysis, words: Words) -> Chapter:
    """What each that learns is worth."""
    found, who = result.pruning, words.learner
    if len(found.removals) < 2:
        return Chapter("Pruning", sentences(f"There is one {who} only."))
    rows = []
    for removal in found.removals:
        gone = numbered(removal.learners) or "none"
        gone = gone if len(gone) <= 24 else f"{len(removal.learners)} {who}s"
        rows.append((gone, f"{removal.risk:z.6f}", f"{removal.reoptimized_risk:z.6f}"))
    how = "all subsets" if found.exhaustive else "greedy"
    removed = f"{who}s removed ({how})"
    blocks: list[Block] = [Table((removed, "risk", "trained again"), rows, left=(removed,))]
    if not found.exhaustive:
        blocks += sentences(
            f"{who.capitalize()}s were removed one by one; another choice may cost less."
        )
    for cost in (0.01, 0.1):
        count, again = found.removable(cost), found.removable(cost, reoptimized=True)
        blocks += sentences(
            f"At {cost:.0%} more risk {count} can go; {again} if the rest is trained again."
        )
    more, less = extreme(found.interaction), extreme(-found.interaction)
    if len(found.interaction) > 2 and more is not None:
        blocks += sentences(
            f"{who.capitalize()}s {more[0]} stand in for each other most: to lose both costs "
            f"{more[1]:.2e} more than to lose each alone."
        )
    if len(found.interaction) > 2 and less is not None:
        blocks += sentences(
            f"{who.capitalize()}s {less[0]} need each other most: to lose both costs {less[1]:.2e} "
            "less than to lose each alone."
        )
    if result.synergy is not None and renewed(found, result.synergy):
        blocks += held(result.synergy, who)
    return Chapter("Pruning", blocks)


def renewed(found: Pruning, held: Synergy) -> bool:
    """Whether a loss changes the weights of the rest."""
    return not np.allclose(found.interaction, held.interaction, rtol=0, atol=NOTHING)


def held(found: Synergy, who: str) -> list[Block]:
    """What is lost with the weights of all others held."""
    dear = int(found.cost.argmax())
    words = (
        f"With the weights of all others held, {who} {dear + 1} is worth most, "
        f"{found.cost[dear]:.2e}"
    )
    if (pair := extreme(found.interaction)) is not None:
        words += f"; {who}s {pair[0]} stand in for each other most, {pair[1]:.2e}"
    return [*sentences(f"{words}.")]


def extreme(interaction: Array) -> tuple[str, float] | None:
    """The pair whose loss costs most beyond that of each alone, and how much; None for nothing."""
    if interaction.max() <= NOTHING:
        return None
    pair = np.unravel_index(interaction.argmax(), interaction.shape)
    return numbered(sorted(map(int, pair))), float(interaction.max())
