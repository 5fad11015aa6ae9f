"""X6: a penalty that asks for unequal heads undoes their specialization."""

from __future__ import annotations

import numpy as np

import orderparams as op
from orderparams.results.evidence import Evidence, Panel, above, below, close
from orderparams.results.trajectory import Trajectory

PENALTIES = (0.0, 0.05, -0.05)


def trained(penalty: float | None, duration: float = 4000.0) -> Trajectory:
    """The preset with a penalty of the entropy of importances; None for mean weights."""
    settings = {
        "training.duration": duration,
        "expectation.tolerance": 1e-6,
        "integrator.rtol": 1e-5,
        "output.points": 101,
        **(
            {"attention.head_weights": "mean"}
            if penalty is None
            else {"training.importance_penalty": penalty}
        ),
    }
    return op.solve("importance", settings=settings)


def head_importance() -> Evidence:
    """Preset `importance` (`two-stage` with head weights u = p, Σp = 1, p = softmax of scores that
    learn as fast as the heads), to t = 4000, with a penalty σ S(p) of the entropy of p. Without it
    the risk ends 1.1 % below that of mean weights: two heads get three quarters of the weight. With
    σ = 0.05, which asks for unequal importances, the split along direction 2 begins, and is undone:
    one head takes all of the weight (p > 0.99 by t = 1000) and turns back, while the risk rises to
    that of the best single head, 0.408764. With σ = −0.05 it ends in between. (After the head
    importance of Goindani and Shrivastava, arXiv 2108.01377, where it depends on the input; a
    number for each head, and this reading, are ours.)
    """
    mean = trained(None)
    runs = {penalty: trained(penalty) for penalty in PENALTIES}
    free, unequal, equal = (runs[penalty] for penalty in PENALTIES)
    largest = float(np.interp(1000, unequal.time, unequal["importance"].max(1)))
    winner = np.abs(unequal["overlap"][:, unequal["importance"][-1].argmax(), 1])
    gain, two = 1 - free.risk[-1] / mean.risk[-1], np.sort(free["importance"][-1])[2:].sum()
    checks = (
        close("no penalty: risk", 0.390572, free.risk[-1], absolute=2e-5),
        close("its gain over mean weights", 0.0106, gain, relative=0.1),
        close("the two largest importances", 0.74, two, absolute=0.01),
        above("σ = 0.05: largest importance at t = 1000", largest, 0.99),
        close("its risk: the best single head", 0.408764, unequal.risk[-1], absolute=1e-4),
        above("its largest overlap with direction 2", float(winner.max()), 0.5),
        below("the same in the end", float(winner[-1]), 0.01),
        above(
            "rise of its risk from the least to the end",
            unequal.risk[-1] - unequal.risk.min(),
            0.005,
        ),
        above("σ = −0.05: risk above that without", equal.risk[-1] - free.risk[-1], 1e-3),
        above("and below that of mean weights by", mean.risk[-1] - equal.risk[-1], 1e-3),
    )
    curves = {
        f"σ = {penalty:g}, head {h + 1}": run["importance"][:, h]
        for penalty, run in runs.items()
        if penalty >= 0
        for h in range(4)
    }
    panel = Panel("importance", "time", "t", free.time, "importance p", curves)
    return Evidence(free.problem, checks, (panel,), free)
