"""Growth from the origin: closed forms, the exact flow linearised, and what a run did.

Near ω = μ = 0 the risk is Σ_j S_j − 2 Σ_jb g_jb M_jb + Σ_j a_j (Σ_h μ_hj)², M = μᵀω. In units in
which the flow is steepest descent a head is x_h = (√d_b ω_hb, μ_hj), and all heads see the same
matrix, but for the term of the sums: modes of differences of heads (H − 1 of each) and modes in
which all heads do the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.findings import Course
from orderparams.models.in_context.flow import Flow
from orderparams.models.in_context.setup import Prompts

Array = NDArray[np.float64]

STEP = 1e-3
"""Of the difference that linearises the flow; what it misses is of its square."""

EARLY = 0.005
"""Part of the risk without output that may be learned while a run is linear."""

FEWEST = 4
"""Times that tell a rate."""


@dataclass(frozen=True, eq=False)
class Growing:
    """A mode: ``shape`` (B+J,) of a head, its rate, and whether heads do the same in it."""

    shape: Array
    rate: float
    common: bool


def units(flow: Flow) -> Array:
    """What x has for ω and μ of a head (B+J,), in units of them."""
    own = np.ones(len(flow.prompts.strengths))
    blocks = flow.prompts.blocks
    return np.concatenate([np.ones_like(blocks) if flow.metric == "scalar" else blocks**0.5, own])


def heads_of(flow: Flow, key_query: Array, output: Array) -> Array:
    """x (…, H, B+J)."""
    x: Array = np.concatenate([key_query, output], axis=-1) * units(flow)
    return x


def terms(prompts: Prompts, *, linear: bool) -> tuple[Array, Array]:
    """g (J, B) and a (J,) of the risk near the origin, where attention is uniform."""
    if linear:
        return prompts.strengths, np.zeros(len(prompts.strengths))
    n = prompts.length
    all_in, squares = 1.0, 1 / n
    if prompts.query_in_softmax:
        all_in, squares = n / (n + 1), n / (n + 1) ** 2
    return (all_in - squares) * prompts.strengths, squares * prompts.labels


def closed_modes(flow: Flow) -> list[Growing]:
    """Those that grow, by closed form: differences of heads first, the fastest first."""
    heads = len(flow.start[0])
    gain, sums = terms(flow.prompts, linear=flow.engine == "closed")
    drive = 2 * gain / units(flow)[: len(flow.prompts.blocks)]
    tasks, blocks = drive.shape
    found = []
    for common in (False, True) if heads > 1 else (True,):
        matrix = np.zeros((blocks + tasks, blocks + tasks))
        matrix[blocks:, :blocks], matrix[:blocks, blocks:] = drive, drive.T
        matrix[blocks:, blocks:] -= 2 * heads * np.diag(sums) * common
        rates, shapes = np.linalg.eigh(matrix)
        found += [
            Growing(shape, float(rate) - flow.decay, common)
            for rate, shape in zip(rates[::-1], shapes.T[::-1], strict=True)
            if rate > 1e-9
        ]
    return found


def exact_rate(flow: Flow, mode: Growing) -> float:
    """The rate of a mode by the difference of the flow's velocities on both sides of the origin."""
    heads, scale, blocks = len(flow.start[0]), units(flow), len(flow.prompts.blocks)
    pattern = np.ones(heads) if mode.common else np.eye(heads)[0] - np.eye(heads)[1]
    x = pattern[:, None] * mode.shape / np.linalg.norm(pattern)

    def velocity(sign: float) -> Array:
        there = sign * STEP * x / scale
        parts = there[:, :blocks], there[:, blocks:]
        return heads_of(flow, *flow.rates(*parts, flow.at(*parts)))

    return float(((velocity(1.0) - velocity(-1.0)) * x).sum() / (2 * STEP))


def amplitude(x: Array, mode: Growing) -> Array:
    """Length (T,) of heads x (T, H, B+J) along a mode, in all patterns of heads that it has."""
    along = x @ mode.shape
    mean = along.mean(axis=1)
    if mode.common:
        return np.asarray(np.abs(mean) * along.shape[1] ** 0.5)
    return np.asarray(np.linalg.norm(along - mean[:, None], axis=1))


def seen_rate(run: Course, x: Array, mode: Growing, nothing: float) -> float:
    """The slope of the logarithm of a run's amplitude along a mode while the risk is about that of
    no output, ``nothing``; NaN where too few times tell, or it did not grow all the while."""
    fallen = np.abs(nothing - run.risk) > EARLY * nothing
    early = slice(0, int(np.argmax(fallen)) if fallen.any() else 0)
    size, time = amplitude(x[early], mode), run.time[early]
    if len(time) < FEWEST or not (np.diff(size) > 0).all() or size[0] <= 0:
        return float("nan")
    return float(np.polyfit(time, np.log(size), 1)[0])
