"""X10: attention without a normaliser."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.claims.erf_sphere import on_spheres
from orderparams.claims.linear_attention import one_head_on_one_spike
from orderparams.models.vectors.landscape import Landscape
from orderparams.results.evidence import Evidence, Panel, below, close

Array = NDArray[np.float64]

LENGTH = 4
STRENGTHS = (1.0, 4.0, 9.0, 16.0, 25.0, 36.0, 49.0, 64.0)

LINEAR = ("attention.activation='linear'", "attention.intercept='learned'")
ERF = (
    "attention.activation='erf'",
    "attention.bias='learned'",
    "attention.intercept='learned'",
    "attention.head_weights='learned'",
    "initial.intercept=[0.5]",
    "initial.head_weights=[0.5]",
)


def descend(strength: float, start: float, settings: tuple[str, ...]) -> float:
    """Least risk below a head at start·k* without residual, by BFGS in all that is learned."""
    from scipy.optimize import minimize  # slow to import

    problem = op.load(
        "single-head",
        [
            *settings,
            f"task.length={LENGTH}",
            f"task.signal.strengths=[{strength}]",
            "initial.kind='explicit'",
            f"initial.overlap=[[{start}]]",
        ],
    )
    landscape = Landscape(problem, residual=0)
    value: Callable[[Array], tuple[float, Array]] = landscape.value_and_gradient
    x = landscape.point(landscape.flow.start)
    return float(minimize(value, x, jac=True, method="BFGS", options={"gtol": 1e-9}).fun)


def elementwise_attention() -> Evidence:
    """One head and one spike √ν of L = 4 tokens, ν = 1 … 64. Learned linear attention ends at the
    least risk L(L−1)/(L² + (L−1)ν), from whatever key. Learned erf attention c + u erf(χ + β) is
    better at every ν and worse than softmax, which knows the other tokens: its risk falls
    exponentially as well, at half the rate, as ν^(−1/2) e^(−ν/8). That is a threshold on one
    token: it errs where a noise token lies beyond √ν/2 or the signal token below. Preset
    `erf-sphere`, after Marion et al., arXiv 2410.01537: key and value of an erf head that learn on
    spheres, a signal token of variance ½. Without crosses the two cosines with k* and v* obey two
    equations, integrated here by themselves, and rise to 1, that of the key slowly. A start with
    crosses loses them, and comes to the same risk.
    """
    softmax, linear, curved = (np.empty(len(STRENGTHS)) for _ in range(3))
    for i, strength in enumerate(STRENGTHS):
        softmax[i] = one_head_on_one_spike(LENGTH, strength).risk
        linear[i] = descend(strength, 0.3, LINEAR)
        bias = f"initial.bias=[{-0.8 - 0.2 * strength}]"
        curved[i] = descend(strength, 0.4 * strength**0.5, (*ERF, bias))
    formula = LENGTH * (LENGTH - 1) / (LENGTH**2 + (LENGTH - 1) * np.array(STRENGTHS))
    strengths = np.array(STRENGTHS)
    tail = np.log(curved[-3:] * np.sqrt(strengths[-3:]))
    decay = -float(np.polyfit(strengths[-3:], tail, 1)[0])
    on_sphere, sphere = on_spheres()
    checks = (
        below("learned linear − formula, largest", float(np.abs(linear - formula).max()), 1e-9),
        below("erf / linear, largest", float((curved / linear).max()), 1.0),
        below("softmax / erf, largest", float((softmax / curved).max()), 1.0),
        close("erf's decay in ν", 0.125, decay, relative=0.05),
        *on_sphere,
    )
    curves = {"linear": linear, "erf": curved, "softmax": softmax}
    panel = Panel(
        "strength",
        "strength",
        f"signal strength ν (L = {LENGTH})",
        strengths,
        "risk E",
        curves,
        ("linear", "log"),
    )
    return Evidence(op.load("single-head"), checks, (panel, sphere))
