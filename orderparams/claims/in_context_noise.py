"""I9: SGD on whole matrices sits above the flow, and holds attention up."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.models.in_context.sampling import losses
from orderparams.models.in_context.sections import Problem
from orderparams.models.in_context.setup import prompts_of
from orderparams.results.evidence import Evidence, Panel, above, close
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory

Array = NDArray[np.float64]

PRESET = "in-context-pairs"
REPLICAS, MORE = 4, 16
"""Replicas of whole matrices, and of ω and μ alone, which cost less."""

BATCH, PROMPTS = 64, 20_000
"""Prompts of a step, and those by which the covariance of a gradient is taken."""

SETTLED = 20.0
"""Time from which on the noise of ω and μ is balanced by the descent."""

SETTINGS = (
    "attention.heads=2",
    "initial={kind='explicit', key_query=[[0.05], [-0.05]], output=[[0.1], [-0.1]]}",
    "training.duration=60",
    "output={points=13, spacing='linear'}",
)


def replicas(backend: str, learning_rate: float, count: int = REPLICAS) -> SimulationRun:
    """Replicas of SGD."""
    more = (
        f"training={{learning_rate={learning_rate}, batch_size={BATCH}, duration=60}}",
        f"simulation={{backend='{backend}', replicas={count}, duration=60}}",
    )
    return op.simulate(op.load(PRESET, [*SETTINGS, *more]))


def excess(run: SimulationRun, risk: float) -> tuple[float, float]:
    """Mean risk of the replicas at the end above that of the flow, and its standard error."""
    ends = run.risk[:, -1]
    return float(ends.mean()) - risk, float(ends.std(ddof=1) / len(ends) ** 0.5)


def balanced(flow: Trajectory, chosen: NDArray[np.bool_]) -> float:
    """What noise in ω and μ adds to the risk, in units of γ: Σ V/(4 d) over ω and Σ V/4 over μ, V
    the variances of a batch's gradient, averaged over the chosen times of the flow.

    SGD with the flow's rates −M∇E has a covariance γC with MHC + CHM = MVM near a minimum with the
    Hessian H, so that the risk is higher by γ tr(HC)/2 = γ tr(MV)/4.
    """
    law, drawn = prompts_of(cast(Problem, flow.problem)), np.random.default_rng(0)
    found = []
    for key_query, output in zip(flow["key_query"][chosen], flow["output"][chosen], strict=True):
        terms = losses(law, key_query, output, PROMPTS, drawn)[:, len(law.noise) :]
        metric = np.ones(terms.shape[1])
        metric[: key_query.size] = np.tile(1.0 / law.blocks, len(key_query))
        found.append(float((metric * terms.var(axis=0)).sum()) / (4 * BATCH))
    return float(np.mean(found))


def attention_of(run: SimulationRun) -> Array:
    """Mean |ω| over replicas and heads (T,)."""
    mean: Array = np.abs(run["key_query"]).mean(axis=(0, 2, 3))
    return mean


def whole_matrices() -> Evidence:
    """Preset `in-context-pairs`, a pair of heads begun at ω = ±0.05, to t = 60; SGD with batches of
    64, four replicas. Whole matrices leave the manifold of ω and μ by the noise of the steps, which
    the flow does not know: they sit above its risk, by an excess of the order of the learning rate,
    and hold |ω| up against its fall along the valley. SGD of ω and μ alone, exact in law (backend
    `reduced`, 16 replicas), sits above the flow by what noise adds where descent balances it,
    γ Σ V/4, with V the variance of a batch's gradient, over d for ω: from t = 20 on, and within
    three standard errors of the replicas.
    """
    flow = op.solve(op.load(PRESET, SETTINGS))
    risk, end = float(flow.risk[-1]), np.abs(flow["key_query"][-1]).mean()
    whole = {rate: replicas("full", rate) for rate in (0.02, 0.04)}
    alone, settled = replicas("reduced", 0.04, MORE), flow.time >= SETTLED
    above_flow = (alone.risk - flow.risk)[:, settled].mean(axis=1)
    by_noise, spread = 0.04 * balanced(flow, settled), above_flow.std(ddof=1) / MORE**0.5
    (first, error), (second, _) = (excess(run, risk) for run in whole.values())
    size = {rate: float(attention_of(run)[-1] / end) for rate, run in whole.items()}
    off = whole[0.02].records["off_manifold"][:, -1]
    checks = (
        above("γ = 0.02: excess / its standard error", first / error, 4.0),
        close("excess at γ = 0.04 / at 0.02", 2.0, second / first, relative=0.3),
        above("γ = 0.02: |ω| / the flow's", size[0.02], 1.05),
        above("γ = 0.04: the same / that", size[0.04] / size[0.02], 1.05),
        above("γ = 0.02: distance from the manifold", float(off.mean()), 0.01),
        close(
            "ω and μ alone, γ = 0.04: excess",
            by_noise,
            float(above_flow.mean()),
            absolute=float(f"{3 * spread:.2g}"),
        ),
    )
    panel = Panel(
        "attention",
        "time",
        "time t",
        flow.time,
        "mean |ω|",
        {
            "flow": np.abs(flow["key_query"]).mean(axis=(1, 2)),
            "ω and μ alone, γ = 0.04": attention_of(alone),
            **{f"matrices, γ = {rate:g}": attention_of(run) for rate, run in whole.items()},
        },
    )
    return Evidence(flow.problem, checks, (panel,))
