"""Of X10: a head by erf whose key and value learn on spheres, after Marion et al."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.results.evidence import Check, Panel, below, close

Array = NDArray[np.float64]

LENGTH, STRENGTH, VARIANCE, SCALE = 5, 64.0, 0.5, 0.2
"""L, d/2, γ² and λ of the preset `erf-sphere`."""


FLOW: dict[str, object] = {
    "training.rule": "gradient-flow",
    "training.duration": 1.0,
    "output.points": 51,
    "integrator.rtol": 1e-9,
}
APART: dict[str, object] = {"initial.key_target_overlap": [0.0], "initial.value_overlap": [[0.0]]}
"""A start without crosses."""


def risk_and_slopes(cosines: Array) -> tuple[float, Array]:
    """E of κ = k·k* and ν = v·v* of unit vectors with nothing else in common, and its derivatives:

    E = γ²(1 − 2ν A + G) + (L−1)(2/π) arcsin(2λ²/(1+2λ²)), A and G the means of erf and erf² at
    λ(√(d/2) κ + γ g), g a standard normal.
    """
    from scipy.special import erf  # slow to import

    kappa, nu = cosines
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    weights = weights / weights.sum()
    pull = SCALE * STRENGTH**0.5
    logits = pull * kappa + SCALE * VARIANCE**0.5 * nodes
    share = erf(logits)
    slope = 2 / np.pi**0.5 * np.exp(-(logits**2)) * pull
    attended, square = weights @ share, weights @ share**2
    noise = 2 / np.pi * np.arcsin(2 * SCALE**2 / (1 + 2 * SCALE**2))
    risk = VARIANCE * (1 - 2 * nu * attended + square) + (LENGTH - 1) * noise
    by_kappa = VARIANCE * (weights @ (2 * (share - nu) * slope))
    return float(risk), np.array([by_kappa, -2 * VARIANCE * attended])


def two_cosines(time: Array, start: Array) -> Array:
    """κ and ν (2, T) on their spheres, at times t in units of SCALE²: dκ/dτ = −(1 − κ²) ∂E/∂κ."""
    from scipy.integrate import solve_ivp  # slow to import

    def velocity(_: float, cosines: Array) -> Array:
        moved: Array = -(1 - cosines**2) * risk_and_slopes(cosines)[1]
        return moved

    tau = time / SCALE**2
    found = solve_ivp(velocity, (0.0, tau[-1]), start, "DOP853", tau, rtol=1e-10, atol=1e-12)
    reached: Array = found.y
    return reached


def on_spheres() -> tuple[tuple[Check, ...], Panel]:
    """Checks and a picture of the preset, and of its start without crosses."""
    run, off = (op.solve("erf-sphere", settings=FLOW | start) for start in (APART, {}))
    found = np.array([run["overlap"][:, 0, 0] / SCALE, run["value_alignment"][:, 0]])
    expected = two_cosines(run.time, found[:, 0])
    least = risk_and_slopes(np.ones(2))[0]
    crosses = [np.abs(off[name][-1]).max() for name in ("value_overlap", "key_value_overlap")]
    checks = (
        below("on spheres: κ and ν − their two equations", np.abs(found - expected).max(), 1e-6),
        close("risk at the end: that of k* and v*", least, run.risk[-1], relative=0.1),
        close("the same from a start with crosses", run.risk[-1], off.risk[-1], relative=0.01),
        below("its largest rise of the risk", float(np.diff(off.risk).max()), 1e-9),
        below("its crosses at the end", float(max(crosses)), 1e-3),
    )
    curves = {"key: k·k*": found[0], "value: v·v*": found[1]}
    panel = Panel(
        "sphere",
        "time",
        "time t/λ²",
        run.time / SCALE**2,
        "cosine",
        curves,
        ("linear", "linear"),
    )
    return checks, panel
