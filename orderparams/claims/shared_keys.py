"""X8: keys that are mixtures of a few base keys buy what they span."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import orderparams as op
from orderparams.analysis.optimum import optimum
from orderparams.results.evidence import Check, Evidence, Panel, above, below, close, same
from orderparams.results.trajectory import Trajectory

TWO, FOUR = 0.644672, 0.6032085
"""The least risks of two and of four free heads."""

SEEDS = range(8)
QUICK: dict[str, Any] = {"expectation.tolerance": 1e-6, "output.points": 61}


def free(heads: int) -> Trajectory:
    """As many heads with keys of their own on the signal of the preset."""
    settings = {
        "task.signal.strengths": [6.25, 4.0],
        "attention": {"heads": heads, "activation": "softmax"},
        "training.duration": 1500.0,
        **QUICK,
    }
    return op.solve("flipped-spikes", settings=settings)


def shared(seed: int, **sharing: Any) -> Trajectory:
    """The preset from a start and a mixing of this seed."""
    own = {f"attention.shared.{key}": value for key, value in sharing.items()}
    settings = {"initial.seed": seed, "attention.shared.seed": seed, **own, **QUICK}
    return op.solve("shared-keys", settings=settings)


def last(run: Trajectory) -> float:
    """The risk at the end."""
    return float(run.risk[-1])


def drift(rate: float) -> float:
    """How far CᵀC/η_C − TTᵀ moves in a run of small errors."""
    settings = {
        "training.mixing_rate": rate,
        "training.duration": 200.0,
        "expectation.tolerance": 1e-9,
        "integrator.rtol": 1e-11,
        "integrator.atol": 1e-13,
        "output.points": 20,
    }
    run = op.solve("shared-keys", settings=settings)
    mixing = run["mixing"]
    square = np.einsum("thi,thj->tij", mixing, mixing) / rate - run["base_self_overlap"]
    return float(np.abs(square - square[0]).max())


def ends(runs: Mapping[int, Trajectory]) -> list[Check]:
    """Each run ends at one of the two risks; how many at the lower."""
    risks = np.array([last(run) for run in runs.values()])
    away = np.minimum(np.abs(risks - TWO), np.abs(risks - FOUR))
    return [
        below("two bases, eight starts: farthest from either risk", float(away.max()), 3e-5),
        above("their least risk above that of four free heads", float(risks.min()) - FOUR, -1e-6),
        same("how many end with that of four", 5, int((risks < 0.5 * (TWO + FOUR)).sum())),
    ]


def shared_keys() -> Evidence:
    """Preset `shared-keys` (two flipped spikes, ν = 6.25 and 4, L = 4, softmax): four heads whose
    keys are mixtures of two bases, k_h = Σ_j C_hj κ_j, with a mixing C of random numbers that
    learns as fast as the bases do, to t = 1500. From eight starts they end either at the least risk
    of four free heads, 0.603209 (five), or as two pairs at that of two, 0.644672 (three), never
    below the first. A search over bases and mixings comes to the risk of four free heads to 1e-8:
    their keys lie in a plane, and two bases span it. Two free heads are opposite to each other, and
    one base is enough for their risk. A mixing that stays as it was drawn ends above both. Gradient
    flow conserves CᵀC/η_C − TTᵀ, T the bases, to 1e-9. (After the simulated attention scores of
    arXiv 2507.07694, which make many heads of few; keys as linear mixtures, and this reading, are
    ours.)
    """
    two, four = free(2), free(4)
    runs = {seed: shared(seed) for seed in SEEDS}
    one, fixed = shared(0, bases=1), [shared(seed, learned=False) for seed in (0, 1)]
    least = optimum(op.load("shared-keys")).risk
    checks = [
        close("two free heads: risk", TWO, two.risk[-1], absolute=1e-5),
        close("four free heads: risk", FOUR, four.risk[-1], absolute=3e-5),
        *ends(runs),
        close("two bases: least risk that a search finds", 0.60320848426, least, absolute=1e-8),
        close("one base: risk", TWO, one.risk[-1], absolute=1e-5),
        above("fixed mixing: least risk above two free heads", min(map(last, fixed)) - TWO, 1e-3),
        below("drift of CᵀC/η_C − TTᵀ, η_C = 1", drift(1.0), 1e-9),
        below("the same, η_C = 2.5", drift(2.5), 1e-9),
    ]
    curves = {
        "four free heads": four.risk,
        "two free heads": two.risk,
        "two bases, seed 0": runs[0].risk,
        "two bases, seed 3": runs[3].risk,
        "one base": one.risk,
        "two bases, fixed mixing": fixed[0].risk,
    }
    panel = Panel("risk", "time", "t", four.time, "risk E", curves)
    return Evidence(runs[0].problem, tuple(checks), (panel,))
