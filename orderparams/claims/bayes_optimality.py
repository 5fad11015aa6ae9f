"""C7: Bayes-softmax is optimal when every point of the support has a head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.analysis.stationary import descend
from orderparams.models.single_location.task import Signal, flipped_spikes, hypercube, spikes
from orderparams.models.vectors.geometry import Vectors
from orderparams.models.vectors.landscape import Landscape
from orderparams.results.evidence import Evidence, Panel, above, below

Array = NDArray[np.float64]

SUPPORTS = (
    ("{kind='flipped-spikes', strengths=[9.0]}", flipped_spikes([9.0])),
    ("{kind='spikes', strengths=[6.25, 6.25, 4.0]}", spikes([6.25, 6.25, 4.0])),
    ("{kind='flipped-spikes', strengths=[9.0, 4.0]}", flipped_spikes([9.0, 4.0])),
    (
        "{kind='hypercube', mean=[1.5, 0.0], strengths=[2.56, 1.0]}",
        hypercube([1.5, 0.0], [2.56, 1.0]),
    ),
)
LENGTHS = (2, 4, 100, 10_000)
HEADS = (1, 2, 3, 4)
SEEDS = (0, 1, 2)
VARIANCES = [4.0, 1.0]
GAUSSIAN = f"{{kind='gaussian', variances={VARIANCES}}}"
GAUSSIAN_HEADS = (1, 2, 3, 4, 6)


def changes(signal: str, overlap: Array) -> list[str]:
    """Overrides of the preset: signal, and heads without a residual."""
    return [
        f"task.signal={signal}",
        f"attention.heads={len(overlap)}",
        f"initial={{kind='explicit', overlap={overlap.tolist()}}}",
    ]


def excess_on_support(text: str, signal: Signal, length: int) -> float:
    """Risk − Bayes risk with a head at each point of the support."""
    precision = ["expectation.tolerance=1e-9", f"task.length={length}"]
    found = op.evaluate(op.load("bayes-softmax", [*changes(text, signal.means), *precision]))
    return float(found.risk - found.bayes_risk)


def excess_after_training(heads: int, seed: int) -> float:
    """Risk / Bayes risk − 1 after gradient flow from random overlaps, on two spikes."""
    overlap = 0.1 * np.random.default_rng(seed).standard_normal((heads, 2))
    problem = op.load(
        "bayes-softmax",
        [
            *changes("{kind='spikes', strengths=[6.25, 6.25]}", overlap),
            "training.duration=4000.0",
            "integrator={rtol=1e-5, atol=1e-7, stop_at_rest=true}",
            "expectation.tolerance=1e-6",
            "output.points=2",
        ],
    )
    run = op.solve(problem)
    return float(run.risk[-1] / run.bayes_risk) - 1


def gaussian_gap(heads: int) -> float:
    """Least risk found over heads in the span of the signal − Bayes risk, Gaussian signals."""
    problem = op.load("bayes-softmax", changes(GAUSSIAN, np.zeros((heads, 2))))
    landscape = Landscape(problem, residual=0, tolerance=1e-7)
    start, risks = landscape.flow.start, []
    for seed in SEEDS:
        generator = np.random.default_rng(seed)
        overlap = generator.multivariate_normal(np.zeros(2), np.diag(VARIANCES), heads)
        begin = Vectors(overlap, start.residual, start.numbers)
        risks.append(landscape.risk(descend(landscape.value_and_gradient, landscape.point(begin))))
    return min(risks) - landscape.geometry.floor.value


def bayes_optimality() -> Evidence:
    """Bayes-softmax with the norm bias. With one head at each point of the support the risk is the
    Bayes risk: flipped spikes, spikes and a hypercube, 2 to 4 points, L = 2 … 10⁴. Gradient flow
    from random overlaps on two spikes, ν = 6.25, L = 4, comes to it with two heads or more (with
    three the surplus head gives way slowly: t = 4000), and cannot with one. Gaussian signals of
    variances 4 and 1 have no finite support: the gap of the best minimum found (three starts, heads
    in the span of the signal) shrinks with H and stays.
    """
    excess = np.array([[excess_on_support(*one, length) for length in LENGTHS] for one in SUPPORTS])
    trained = np.array([[excess_after_training(heads, seed) for seed in SEEDS] for heads in HEADS])
    gaps = np.array([gaussian_gap(heads) for heads in GAUSSIAN_HEADS])
    checks = (
        below("K = support: risk − Bayes, largest", float(np.abs(excess).max()), 1e-8),
        below("H ≥ 2 trained: excess, largest", float(trained[1:].max()), 0.01),
        above("H = 1 trained: excess, least", float(trained[0].min()), 0.1),
        below("Gaussian: gap / gap at fewer, largest", float((gaps[1:] / gaps[:-1]).max()), 1.0),
        above("Gaussian: gap at H = 6", float(gaps[-1]), 1e-5),
    )
    panels = (
        Panel(
            "training",
            "heads",
            "heads H, on a support of two points",
            np.array(HEADS, dtype=np.float64),
            "excess E / E_Bayes − 1",
            {"largest of three starts": trained.max(1), "least": trained.min(1)},
            ("linear", "log"),
        ),
        Panel(
            "gaussian",
            "heads",
            "heads H, Gaussian signals",
            np.array(GAUSSIAN_HEADS, dtype=np.float64),
            "gap E − E_Bayes",
            {"best minimum found": gaps},
            ("linear", "log"),
        ),
    )
    return Evidence(op.load("bayes-softmax"), checks, panels)
