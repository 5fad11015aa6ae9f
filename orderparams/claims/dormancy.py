"""X11 and X12: heads that leave all to nothing, and pairs that stand in for or need each other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.analysis.pruning import prune
from orderparams.analysis.rests import vectors_at
from orderparams.analysis.synergy import synergy
from orderparams.results.analyzed.optimum import Pruning
from orderparams.results.evidence import Check, Evidence, Panel, above, below, close, same
from orderparams.results.trajectory import Trajectory

Array = NDArray[np.float64]

DORMANT = 0.999
"""Mass on nothing from which on a head is dormant."""


def pruned(run: Trajectory) -> Pruning:
    """What the heads at the end are worth, weights renewed."""
    return prune(run.problem, vectors_at(run, -1))


def dormant_heads() -> Evidence:
    """Preset `softmax-1`: at t = 4000 two of four heads leave more than 0.999 of their mass to
    nothing. Their keys are long, and the norm bias −q/2 drains them: without it, at the same sum of
    weights, no head sheds its mass. The dormant heads can go at 10⁻⁴ of risk, the others cannot. A
    head at q = 0 leaves 1/(L + 1).
    """
    run = op.solve("softmax-1")
    plain = op.solve("softmax-1", settings={"attention.bias": "none"})
    at_zero = op.evaluate("softmax-1", settings={"initial.variance": 0.0})["nothing"]
    left, without = run["nothing"][-1], plain["nothing"][-1]
    asleep = np.flatnonzero(left > DORMANT)
    found = pruned(run)
    costs = np.array([abs(found.subsets[h,] - found.risk) for h in range(len(left))])
    checks = (
        same("dormant heads", "2", str(len(asleep))),
        same("dormant heads without the norm bias", "0", str((without > DORMANT).sum())),
        close("head 1 leaves", 0.212848, float(left[0]), absolute=1e-4),
        close("head 2 leaves", 0.635728, float(left[1]), absolute=1e-4),
        below("dormant heads: largest change of the risk", float(costs[asleep].max()), 1e-4),
        above("others: least", float(np.delete(costs, asleep).min()), 0.01),
        above(
            "dormant heads: shortest q", float(np.diag(run["self_overlap"][-1])[asleep].min()), 9
        ),
        close("q = 0: 1/(L + 1)", 0.2, float(at_zero.mean()), absolute=1e-9),
    )
    panel = Panel(
        "nothing",
        "time",
        "time t",
        run.time,
        "mass on nothing",
        {f"head {h + 1}": course for h, course in enumerate(run["nothing"].T)},
    )
    return Evidence(run.problem, checks, (panel,), run)


def pairs_of_heads() -> Evidence:
    """What the loss of two heads costs beyond that of each, S. With the weights of all others held
    it is 2 u_h u_h' G_hh', never negative: it is held against risks of the same heads with some
    weights zero. With mean weights renewed, `two-stage` has both signs: the heads of the second
    stage stand in for each other, those of the first need each other. So has `bayes-softmax`,
    whose normaliser counts the rest.
    """
    run, joint = op.solve("two-stage"), op.solve("bayes-softmax")
    heads = vectors_at(run, -1)
    held, renewed = synergy(run.problem, heads), pruned(run).interaction
    assert held is not None
    checks: list[Check] = [
        close("weights held: S₁₂", 0.091253, float(held.interaction[0, 1]), absolute=1e-5),
        close("weights held: S₃₄", 0.021526, float(held.interaction[2, 3]), absolute=1e-5),
        close("weights held: cost of head 1", 0.068950, float(held.cost[0]), absolute=1e-5),
        close(
            "S₁₂ by weights of zero", silenced(run), float(held.interaction[0, 1]), absolute=1e-7
        ),
        above("weights held: least S", float(pairs_in(held.interaction).min()), 0.0),
        close("weights renewed: S₁₂", 0.038832, float(renewed[0, 1]), absolute=1e-5),
        close("weights renewed: S₃₄", -0.018765, float(renewed[2, 3]), absolute=1e-5),
    ]
    both = pairs_in(pruned(joint).interaction)
    checks += [
        above("bayes-softmax: largest S", float(both.max()), 1e-3),
        below("bayes-softmax: least S", float(both.min()), -1e-3),
    ]
    names = [f"{g + 1}, {h + 1}" for g, h in combinations(range(len(renewed)), 2)]
    panel = Panel(
        "pairs",
        "pair",
        "pair of heads",
        np.arange(1.0, len(names) + 1),
        "S",
        {"weights held": pairs_in(held.interaction), "weights renewed": pairs_in(renewed)},
        ticks=tuple(names),
    )
    return Evidence(run.problem, tuple(checks), (panel,), run)


def pairs_in(interaction: Array) -> Array:
    """The entries of pairs."""
    return interaction[np.triu_indices(len(interaction), 1)]


def silenced(run: Trajectory) -> float:
    """S of the first two heads, from risks at weights of which some are zero."""
    state = {name: run[name][-1].tolist() for name in ("overlap", "self_overlap")}
    count = len(state["overlap"])

    def risk(*gone: int) -> float:
        weights = [0.0 if h in gone else 1 / count for h in range(count)]
        settings = {"attention.head_weights": weights, "initial": {"kind": "explicit", **state}}
        return op.evaluate(run.problem, settings=settings).risk

    return risk(0, 1) - risk(0) - risk(1) + risk()
