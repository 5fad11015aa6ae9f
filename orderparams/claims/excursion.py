"""C5: a misplaced head makes an excursion."""

from __future__ import annotations

import numpy as np

import orderparams as op
from orderparams.analysis.stages import stages_of
from orderparams.results.evidence import Evidence, close, same


def excursion() -> Evidence:
    """Preset `excursion`, run to t = 4000: two spikes with ν = 6.25 each, L = 4, four Bayes-softmax
    heads with the norm bias. Three of them begin on direction 1. The third first grows along it,
    then turns, and ends on direction 2: an even split. The final risk is the optimum's, which is
    the Bayes risk, since there is a head for each spike (C7).
    """
    settings = ["training.duration=4000", "output.spacing='log'", "expectation.tolerance=1e-7"]
    run = op.solve(op.load("excursion", settings))
    first, second = run["overlap"][:, 2].T
    found = stages_of(run).excursions
    heads = ", ".join(str(one.learner + 1) for one in found)
    peak_time = found[0].peak_time if found else np.nan
    half = float(run.time[np.argmax(second >= 0.5 * second[-1])])
    checks = (
        same("heads that make an excursion", "3", heads),
        close("its largest overlap with direction 1", 1.1, first.max(), relative=0.05),
        close("time of that", 70.0, peak_time, absolute=15.0),
        close("time at which half of its way is done", 100.0, half, relative=0.2),
        same("heads on direction 1 in the end", "1, 2", followers(run["overlap"][-1], 0)),
        same("heads on direction 2 in the end", "3, 4", followers(run["overlap"][-1], 1)),
        close("risk at t = 70", 0.22, np.interp(70, run.time, run.risk), relative=0.01),
        close("final risk: the optimum's", run.bayes_risk, run.risk[-1], relative=1e-3),
    )
    return Evidence(run.problem, checks, trajectory=run)


def followers(overlap: np.ndarray, direction: int) -> str:
    """Heads, counted from 1, whose largest overlap is with a direction."""
    return ", ".join(str(h + 1) for h in np.flatnonzero(overlap.argmax(axis=1) == direction))
