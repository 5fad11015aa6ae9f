"""C8: softmax against linear attention."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.results.evaluation import Evaluation
from orderparams.results.evidence import Evidence, Panel, below, close

Array = NDArray[np.float64]

LENGTHS = (2, 4, 8, 16, 32, 64)
STRENGTHS = (1.0, 4.0, 9.0, 16.0, 25.0, 36.0, 49.0, 64.0)


def one_head_on_one_spike(length: int, strength: float, tolerance: float = 1e-10) -> Evaluation:
    """Softmax with k = √ν k* (preset `single-head`)."""
    settings = [
        f"task.length={length}",
        f"task.signal.strengths=[{strength}]",
        "initial.kind='explicit'",
        f"initial.overlap=[[{strength**0.5}]]",
        f"expectation.tolerance={tolerance}",
    ]
    return op.evaluate(op.load("single-head", settings))


def best_linear_risk(length: int, strength: float) -> float:
    """Least risk of a_ℓ = c + s x_ℓ, x the projection on the spike, from its normal equations.

    The moments of a noise and of a signal token are exact sums over three Gauss–Hermite nodes.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    weights = weights / weights.sum()
    noise, signal = (np.array([np.ones(3), nodes + shift]) for shift in (0.0, strength**0.5))
    target = signal @ weights
    matrix = (length - 1) * (noise * weights) @ noise.T + (signal * weights) @ signal.T
    return float(1 - target @ np.linalg.solve(matrix, target))


def linear_attention() -> Evidence:
    """One head and one spike √ν, preset `single-head` with L = 2 … 64 and ν = 1 … 64. Softmax with
    k = √ν k* attains the Bayes risk. The best linear attention a_ℓ = c + s χ_ℓ has the risk
    L(L−1)/(L² + (L−1)ν): here from its normal equations against that formula. The risk of softmax
    falls exponentially: as ν^(−1/2) e^(−ν/4), by the overlap of two tokens.
    """
    softmax = np.empty((len(LENGTHS), len(STRENGTHS)))
    bayes, linear, formula = (np.empty_like(softmax) for _ in range(3))
    for i, length in enumerate(LENGTHS):
        for j, strength in enumerate(STRENGTHS):
            found = one_head_on_one_spike(length, strength)
            softmax[i, j], bayes[i, j] = found.risk, found.bayes_risk
            linear[i, j] = best_linear_risk(length, strength)
            formula[i, j] = length * (length - 1) / (length**2 + (length - 1) * strength)
    pairs = [i for i, length in enumerate(LENGTHS) if length == 4]
    tail = np.log(softmax[pairs[0], -3:] * np.sqrt(STRENGTHS[-3:]))
    decay = -float(np.polyfit(STRENGTHS[-3:], tail, 1)[0])
    checks = (
        below("softmax − Bayes, largest", float(np.abs(softmax - bayes).max()), 1e-9),
        below("best linear − formula, largest", float(np.abs(linear - formula).max()), 1e-12),
        below("softmax / linear, largest", float((softmax / linear).max()), 1.0),
        close("softmax's decay in ν at L = 4", 0.25, decay, relative=0.05),
    )
    panels = []
    for length in (4, 64):
        i = LENGTHS.index(length)
        panels.append(
            Panel(
                f"length-{length}",
                "strength",
                f"signal strength ν (L = {length})",
                np.array(STRENGTHS),
                "risk E",
                {
                    "best linear attention": linear[i],
                    "softmax": softmax[i],
                    "Bayes risk": bayes[i],
                },
                ("linear", "log"),
            )
        )
    return Evidence(op.load("single-head"), checks, tuple(panels))
