"""C4: redundant heads can be pruned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.analysis.pruning import extensions, left
from orderparams.analysis.rests import vectors_at
from orderparams.analysis.stages import groups_of
from orderparams.results.evidence import Check, Evidence, Panel, above, below, same
from orderparams.results.trajectory import Trajectory

Array = NDArray[np.float64]

HEADS = 8
SUPPORT = {"spikes": 2, "flipped-spikes": 4}
RESIDUAL = {"softmax": 0.0, "softmax-1": 1.0, "bayes-softmax": 0.0}
"""Squared length outside the signal's span at the start; only softmax-1 makes use of it."""


def trained(kind: str, activation: str) -> Trajectory:
    """Gradient flow of eight heads from random overlaps of the order of the signal."""
    start = 2.0 * np.random.default_rng(0).standard_normal((HEADS, 2))
    inner = start @ start.T + RESIDUAL[activation] * np.eye(HEADS)
    changes = [
        f"task.signal={{kind='{kind}', strengths=[9.0, 9.0]}}",
        f"attention={{heads={HEADS}, activation='{activation}'}}",
        f"initial={{kind='explicit', overlap={start.tolist()}, self_overlap={inner.tolist()}}}",
        "expectation.tolerance=1e-5",
        "integrator={rtol=1e-5, atol=1e-7}",
        "output={points=50, spacing='log'}",
    ]
    return op.solve(op.load("flipped-spikes", changes))


def pruning_curve(run: Trajectory) -> Array:
    """Risks (H,) when 0 … H−1 heads are taken out one by one, the cheapest first, untrained."""
    heads = vectors_at(run, -1)

    def risk(removed: tuple[int, ...]) -> float:
        landscape, x = left(run.problem, heads, removed)
        return landscape.risk(x)

    removed: tuple[int, ...] = ()
    risks = [risk(removed)]
    for _ in range(HEADS - 1):
        removed = min(extensions(removed, HEADS), key=risk)
        risks.append(risk(removed))
    return np.array(risks)


def redundant_heads() -> Evidence:
    """Eight heads on two directions with ν = 9 each, L = 4, spikes (two points) and flipped spikes
    (four), trained to t = 1000 from random overlaps, all three activations. Heads are then removed
    one by one, the cheapest first, without training again. Bayes-softmax and softmax-1 can lose
    all but one head for each point at 1 % of the risk, and not one more: redundant heads of
    Bayes-softmax are copies or, as those of softmax-1, switched off by their bias. With softmax
    every head is in the mean: no such number stands out, and no removal is fatal.
    """
    checks: list[Check] = []
    panels = []
    for kind, points in SUPPORT.items():
        curves = {}
        for activation in RESIDUAL:
            run = trained(kind, activation)
            curves[activation] = curve = pruning_curve(run)
            cost = curve / curve[0] - 1
            name = f"{kind}, {activation}"
            if activation == "softmax":
                jump = float(np.max(cost[1:] - cost[:-1]))
                groups, _ = groups_of(run["overlap"][-1])
                checks += [
                    above(f"{name}: largest group of copies", len(groups[0]), 1),
                    below(f"{name}: dearest removal", jump, 1.0),
                ]
            else:
                cheap = int(np.flatnonzero(cost < 0.01)[-1])
                checks.append(same(f"{name}: removable at 1 %", HEADS - points, cheap))
                if cheap + 1 < HEADS:
                    checks.append(above(f"{name}: cost of one more", cost[cheap + 1], 0.1))
        panels.append(
            Panel(
                kind,
                "removed",
                f"heads removed of {HEADS}, {kind}",
                np.arange(float(HEADS)),
                "risk E",
                curves,
                ("linear", "log"),
            )
        )
    return Evidence(op.load("flipped-spikes"), tuple(checks), tuple(panels))
