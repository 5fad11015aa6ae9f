"""X13: momentum is a higher learning rate; a memory of order D steps is new physics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.claims.sgd import FALSE_ALARM, replicas
from orderparams.config import Problem
from orderparams.results.evidence import Check, Evidence, Panel, above, below, close
from orderparams.results.trajectory import Trajectory
from orderparams.run.means import against

Array = NDArray[np.float64]

DIMENSIONS = (250, 1000)
START = {"kind": "explicit", "overlap": [[0.8]], "self_overlap": [[1.0]]}
SGD: dict[str, Any] = {
    "training.rule": "sgd",
    "training.duration": 5.0,
    "initial": START,
    "expectation.tolerance": 1e-6,
    "output.points": 11,
}
PLAIN: dict[str, Any] = {"training.learning_rate": 2.0}
MOMENTUM: dict[str, Any] = {"training.learning_rate": 0.4, "training.momentum": 0.8}
MEMORY: dict[str, Any] = PLAIN | {"training.inertia": {"friction": 0.7, "gain": 0.5}}

GAIN = 1.0
ASIDE = 0.005
"""How far from its minimum a head starts."""

RATIOS = (0.5, 0.8, 1.25, 2.0)
"""Frictions over the one that just does not swing."""


def problem_of(settings: dict[str, Any]) -> Problem:
    """One head on one spike, by SGD with these settings."""
    return op.load("single-head", settings=SGD | settings)


def of_noise(name: str, settings: dict[str, Any]) -> tuple[Check, Check]:
    """Theory and simulation agree, and do not without noise."""
    problem = problem_of(settings)
    made = replicas(problem, DIMENSIONS)
    quiet = problem_of(settings | {"training.rule": "gradient-flow"})
    least = [against(one, made).comparison.least_pvalue for one in (problem, quiet)]
    return (
        above(f"{name}: least p-value", least[0], FALSE_ALARM / 3),
        below(f"{name}: p-value without V", least[1], 1e-4),
    )


def moving(friction: float, overlap: float, duration: float, more: dict[str, Any]) -> Trajectory:
    """A head on the hidden direction, from rest at an overlap."""
    settings = {
        "training.inertia": {"friction": friction, "gain": GAIN},
        "training.duration": duration,
        "initial": {"kind": "explicit", "overlap": [[overlap]]},
        "integrator": {"rtol": 1e-9, "atol": 1e-12},
        "output.points": 401,
    }
    return op.solve("single-head", settings=settings | more)


def curvature(overlap: float) -> float:
    """∂²E/∂m² of a head on the hidden direction, by differences of the force."""
    settings = {"training.inertia": {"friction": 0.0, "gain": 1.0}}

    def force(at: float) -> float:
        start = {"kind": "explicit", "overlap": [[at]]}
        found = op.evaluate("single-head", settings=settings | {"initial": start})
        return found.velocity["velocity_overlap"].item()

    return (force(overlap - 1e-3) - force(overlap + 1e-3)) / 2e-3


def energy_drift(run: Trajectory, friction: float) -> float:
    """How much E + |p|²/2η and what friction took of it, by Simpson's rule, depart from a constant,
    in parts of the energy that is lost."""
    square = run["velocity_self_overlap"][:, 0, 0]
    energy = (run.risk + square / (2 * GAIN))[::2]
    step = run.time[1] - run.time[0]
    spent = step / 3 * (square[:-2:2] + 4 * square[1:-1:2] + square[2::2])
    drift = energy[1:] - energy[0] + friction / GAIN * np.cumsum(spent)
    return float(np.abs(drift).max() / (energy[0] - energy[-1]))


def swings(best: float, eigenvalue: float) -> tuple[list[Check], Panel]:
    """Courses beside the minimum at frictions around 2√(ηλ), where overshoot ends."""
    critical = 2 * (GAIN * eigenvalue) ** 0.5
    checks, curves = [], {}
    duration = 60 / critical
    for ratio in RATIOS:
        run = moving(ratio * critical, best - ASIDE, duration, {})
        part = (run.overlap[:, 0, 0] - best) / ASIDE
        what = f"ζ = {ratio:g}·2√(ηλ): overshoot"
        if ratio < 1:
            expected = np.exp(-np.pi * ratio / (1 - ratio**2) ** 0.5)
            checks.append(close(what, float(expected), float(part.max()), relative=0.02))
        else:
            checks.append(below(what, float(part.max()), 1e-4))
        curves[f"ζ = {ratio:g}·2√(ηλ)"] = part[::8]
    label = "overlap beside the minimum"
    return checks, Panel("swings", "time", "time t", run.time[::8], label, curves)


def growth_from_nothing() -> tuple[float, float]:
    """The rate at which tiny overlaps of two heads with a flipped spike part, and that of gradient
    flow."""
    apart: dict[str, Any] = {
        "task.signal": {"kind": "flipped-spikes", "strengths": [4.0]},
        "attention.heads": 2,
        "initial": {"kind": "explicit", "overlap": [[1e-6], [-1e-6]]},
    }
    run = moving(0.3, 1e-6, 40.0, apart)
    plain = op.evaluate("single-head", settings=apart).velocity["overlap"][0, 0] / 1e-6
    late = run.overlap[[100, 200], 0, 0]
    return float(np.log(late[1] / late[0]) / (run.time[200] - run.time[100])), float(plain)


def momentum() -> Evidence:
    """Preset `single-head` (one spike, ν = 4, L = 3). With momentum, μ = 0.8 and γ = 0.4 have the
    theory of μ = 0 and γ = 2, and both follow it: 16 replicas of the Gram chain in D = 250 and 1000
    to t = 5, extrapolated in 1/D. So does SGD with a memory of D/ζγ steps, friction ζ = 0.7 and
    gain η = 0.5, its own theory. All three reject the theory without V; with V they together have a
    false-alarm probability of 1 %. Without noise the energy E + |p|²/2η of a head with inertia
    falls at the rate ζ|p|²/η. Beside the minimum it overshoots as an oscillator does where
    ζ < 2√(ηλ), λ the eigenvalue of the Hessian, and does not where ζ is larger. From K = 0, where
    two heads on a flipped spike part at a rate r by gradient flow, they part at
    (ζ²/4 + ηr)^½ − ζ/2. (Ours; heavy-ball momentum is that of common codes.)
    """
    plain, fast = (op.solve(problem_of(settings)) for settings in (PLAIN, MOMENTUM))
    apart = max(float(np.abs(plain[name] - fast[name]).max()) for name in plain.parameters)
    rest = op.solve("single-head", settings={"training.duration": 2000.0, "output.points": 20})
    best = float(rest.overlap[-1, 0, 0])
    eigenvalue = curvature(best)
    far = moving(0.2, 0.3, 40.0, {})
    slope, rate = growth_from_nothing()
    of_swings, panel = swings(best, eigenvalue)
    checks = (
        below("difference of the theories", apart, 1e-12),
        *of_noise("μ = 0, γ = 2", PLAIN),
        *of_noise("μ = 0.8, γ = 0.4", MOMENTUM),
        *of_noise("memory of order D", MEMORY),
        below("energy law: largest departure", energy_drift(far, 0.2), 1e-5),
        *of_swings,
        close("growth from K = 0", (0.15**2 + GAIN * rate) ** 0.5 - 0.15, slope, relative=0.001),
    )
    return Evidence(far.problem, checks, (panel,), far)
