"""I9: SGD on whole matrices sits above the flow, and holds attention up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.results.evidence import Evidence, Panel, above, below, close
from orderparams.results.simulation import SimulationRun

Array = NDArray[np.float64]

PRESET = "in-context-pairs"
REPLICAS = 4
SETTINGS = (
    "attention.heads=2",
    "initial={kind='explicit', key_query=[[0.05], [-0.05]], output=[[0.1], [-0.1]]}",
    "training.duration=60",
    "output={points=13, spacing='linear'}",
)


def replicas(backend: str, learning_rate: float) -> SimulationRun:
    """Replicas of SGD with batches of 64."""
    more = (
        f"training={{learning_rate={learning_rate}, batch_size=64, duration=60}}",
        f"simulation={{backend='{backend}', replicas={REPLICAS}}}",
    )
    return op.simulate(op.load(PRESET, [*SETTINGS, *more]))


def excess(run: SimulationRun, risk: float) -> tuple[float, float]:
    """Mean risk of the replicas at the end above that of the flow, and its standard error."""
    ends = run.risk[:, -1]
    return float(ends.mean()) - risk, float(ends.std(ddof=1) / len(ends) ** 0.5)


def attention_of(run: SimulationRun) -> Array:
    """Mean |ω| over replicas and heads (T,)."""
    mean: Array = np.abs(run["key_query"]).mean(axis=(0, 2, 3))
    return mean


def whole_matrices() -> Evidence:
    """Preset `in-context-pairs`, a pair of heads begun at ω = ±0.05, to t = 60; SGD with batches of
    64, four replicas. Whole matrices leave the manifold of ω and μ by the noise of the steps, which
    the flow does not know: they sit above its risk, by an excess of the order of the learning rate,
    and hold |ω| up against its fall along the valley. SGD of ω and μ alone, exact in law (backend
    `reduced`), stays within a quarter of that excess.
    """
    flow = op.solve(op.load(PRESET, SETTINGS))
    risk, end = float(flow.risk[-1]), np.abs(flow["key_query"][-1]).mean()
    whole = {rate: replicas("full", rate) for rate in (0.02, 0.04)}
    alone = replicas("reduced", 0.02)
    (first, error), (second, _) = (excess(run, risk) for run in whole.values())
    size = {rate: float(attention_of(run)[-1] / end) for rate, run in whole.items()}
    off = whole[0.02].records["off_manifold"][:, -1]
    checks = (
        above("γ = 0.02: excess / its standard error", first / error, 4.0),
        close("excess at γ = 0.04 / at 0.02", 2.0, second / first, relative=0.3),
        above("γ = 0.02: |ω| / the flow's", size[0.02], 1.05),
        above("γ = 0.04: the same / that", size[0.04] / size[0.02], 1.05),
        above("γ = 0.02: distance from the manifold", float(off.mean()), 0.01),
        below("ω and μ alone: |excess| / that", abs(excess(alone, risk)[0]) / first, 0.25),
    )
    panel = Panel(
        "attention",
        "time",
        "time t",
        flow.time,
        "mean |ω|",
        {
            "flow": np.abs(flow["key_query"]).mean(axis=(1, 2)),
            "ω and μ alone, γ = 0.02": attention_of(alone),
            **{f"matrices, γ = {rate:g}": attention_of(run) for rate, run in whole.items()},
        },
    )
    return Evidence(flow.problem, checks, (panel,))
