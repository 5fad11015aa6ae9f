"""I8: trained heads at other lengths of prompts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.results.evidence import Evidence, Panel, above, below, close

Array = NDArray[np.float64]

PRESET = "in-context-pairs"
TRAINED, SIZE, NOISE = 40, 5, 0.1
EFFECTIVE = SIZE * (1 + NOISE)

LENGTHS = (10, 20, 80, 160, 640, 10_000, 1_000_000)
KNOWN = (0.4897, 0.2650, 0.0794, 0.0470, 0.0224, 0.0147)
"""Risks of a pair trained at N = 40, by another program."""


def at_lengths(key_query: Array, output: Array, lengths: Sequence[int]) -> Array:
    """Risks of heads ω (H, 1), μ (H, 1) at these lengths."""
    start = {"kind": "explicit", "key_query": key_query.tolist(), "output": output.tolist()}
    settings = {
        "attention.heads": len(output),
        "initial": start,
        "task.test_lengths": list(lengths),
        "expectation.engine": "quadrature",
    }
    found: Array = op.evaluate(PRESET, settings=settings).observables["test_risk"][:, 0]
    return found


def linear_risk(gain: float, length: Array, normaliser: Array) -> Array:
    """Of linear attention with gain η, its sums over so many examples divided by a number."""
    ratio = length / normaliser
    found: Array = 1 - 2 * gain * ratio
    return found + gain**2 * ratio * (length + 1 + EFFECTIVE) / normaliser


def length_generalisation() -> Evidence:
    """Preset `in-context-pairs` with two heads, trained at N = 40 to t = 10⁴ and evaluated, as it
    is, at N' = 10 … 10⁶, by direct quadrature. The softmax carries over: its risk falls to a floor
    (1 − Σμω)², that of a gain that is not 1. Linear attention with the gain that is best at N = 40
    does so too if its sums are divided by N', and diverges if they are divided by the N of
    training: what fails is the missing normaliser, not linearity. Softmax heads of larger ω with
    the same gain are better than gradient descent of that gain on short prompts, but not than
    gradient descent with the gain that is best there.
    """
    settings = {"attention.heads": 2, "initial.seed": 3, "output.points": 2}
    run = op.solve(PRESET, settings=settings)
    key_query, output = run["key_query"][-1], run["output"][-1]
    gain = float((key_query * output).sum())
    length = np.array(LENGTHS, dtype=np.float64)
    risk = at_lengths(key_query, output, LENGTHS)
    best = TRAINED / (TRAINED + 1 + EFFECTIVE)
    trained = linear_risk(best, length, np.full(len(length), float(TRAINED)))
    tested = linear_risk(best, length, length)
    large = np.array([[0.3065], [-0.3065]])
    sharp = float(at_lengths(large, gain / (2 * large), LENGTHS[:1])[0])
    checks = (
        *[
            close(f"N' = {n}", expected, found, relative=0.005)
            for n, expected, found in zip(LENGTHS, KNOWN, risk, strict=False)
        ],
        close("N' = 10⁶: (1 − Σμω)²", (1 - gain) ** 2, risk[-1], relative=0.01),
        above("linear, divided by 40, at N' = 640", trained[4], 1.0),
        below("linear, divided by N', at N' = 640", tested[4], 0.03),
        below("ω = 0.3065, N' = 10 / GD of its gain", sharp / debiased(gain, 10), 1.0),
        above("the same / best GD", sharp / debiased(10 / (10 + EFFECTIVE), 10), 1.0),
    )
    panel = Panel(
        "lengths",
        "length",
        "length N'",
        length,
        "risk E",
        {
            "softmax, trained at N = 40": risk,
            "linear, divided by N'": tested,
            "linear, divided by 40": trained,
        },
        ("log", "log"),
    )
    return Evidence(run.problem, checks, (panel,))


def debiased(gain: float, length: int) -> float:
    """Risk of debiased gradient descent with a gain."""
    n = length - 1
    return 1 - 2 * gain * n / length + gain**2 * n * (length + EFFECTIVE) / length**2
