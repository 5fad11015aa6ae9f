"""What a configuration says, built once: the law of prompts, and where the heads start."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.models.in_context.sections import Problem

Array = NDArray[np.float64]


class Prompts(NamedTuple):
    """The law of prompts: N examples, blocks (B,) of d_b, strengths (J, B), noise (J,); whether the
    query itself is in the softmax, with label 0."""

    length: int
    blocks: Array
    strengths: Array
    noise: Array
    query_in_softmax: bool = False

    @property
    def sizes(self) -> tuple[int, ...]:
        """d_b of each block."""
        return tuple(int(size) for size in self.blocks)

    @property
    def variances(self) -> Array:
        """Of a coefficient of each task on each block (J, B)."""
        return self.strengths / self.blocks

    @property
    def labels(self) -> Array:
        """Variance of the labels of each task, with their noise (J,)."""
        found: Array = self.strengths.sum(1) + self.noise**2
        return found


def prompts_of(problem: Problem) -> Prompts:
    """The prompts of a problem."""
    task = problem.task
    return Prompts(
        task.length,
        np.array(task.blocks, dtype=np.float64),
        np.array(task.rows),
        np.array(task.noises),
        task.query_in_softmax,
    )


def start_of(problem: Problem) -> tuple[Array, Array]:
    """ω (H, B) and μ (H, J) at the start; spare heads of an allocated one begin the tasks anew."""
    initial, heads = problem.initial, problem.attention.heads
    rows = np.array(problem.task.rows)
    scales = initial.scale, initial.scale if initial.output_scale is None else initial.output_scale
    if initial.kind == "explicit":
        return np.array(initial.key_query), np.array(initial.output)
    if initial.kind == "allocated":
        turn = np.arange(heads) % len(rows)
        key_query: Array = scales[0] * (rows[turn] > 0).astype(np.float64)
        return key_query, scales[1] * np.eye(len(rows))[turn]
    drawn = np.random.default_rng(initial.seed)
    return (
        scales[0] * drawn.standard_normal((heads, rows.shape[1])),
        scales[1] * drawn.standard_normal((heads, len(rows))),
    )
