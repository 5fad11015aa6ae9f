"""The least population risk that an attention layer can reach."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.stationary import StationaryPoint, descend, nearest_minimum
from orderparams.config import Problem, override, parse, to_table
from orderparams.config.values import toml_value
from orderparams.expectations.bayes import bayes_risk
from orderparams.landscape import Landscape
from orderparams.problem import Heads, residual_factor
from orderparams.task import Signal

Array = NDArray[np.float64]

STARTS = 6
"""Random starts, besides the given ones."""

ROUGH = 1e-6
"""Tolerance of the expectations while the starts compete."""

NOISE = 0.1
"""Standard deviation of what is added to each weight of a start."""

ABSENT = 1e-3
"""Residuals this much shorter than the longest head are taken to vanish."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best minimum found, and the risks (ascending) to which the starts led."""

    point: StationaryPoint
    bayes_risk: float
    risks: tuple[float, ...]

    @property
    def risk(self) -> float:
        """The least risk."""
        return self.point.risk


def optimum(problem: Problem, starts: Sequence[Heads] = ()) -> Optimum:
    """The least risk over K and over what else the attention learns.

    Descents from the given starts and from random ones, of which the best is polished to second
    order. Weight decay is left out. The search is local: it bounds the optimum from above.
    """
    problem = without_decay(problem)
    heads = problem.attention.heads
    rough = Landscape(problem, residual=heads, tolerance=ROUGH)
    ends = []
    for start in (*starts, *random_starts(rough)):
        x = descend(rough.value_and_gradient, rough.point(start))
        ends.append((rough.risk(x), x))
    ends.sort(key=lambda end: end[0])
    return Optimum(
        point=refined_minimum(problem, rough.heads(ends[0][1])),
        bayes_risk=bayes_risk(rough.task).value,
        risks=tuple(risk for risk, _ in ends),
    )


def without_decay(problem: Problem) -> Problem:
    """The problem without weight decay, whose landscape is the risk."""
    training = dataclasses.replace(problem.training, weight_decay=0.0)
    return dataclasses.replace(problem, training=training)


def refined_minimum(problem: Problem, heads: Heads) -> StationaryPoint:
    """The minimum below some heads, with as many residual directions as it needs."""
    landscape = Landscape(problem, residual=residual_rank(heads))
    point = nearest_minimum(landscape, landscape.point(heads))
    if np.linalg.eigvalsh(landscape.transverse(point.x))[0] >= -ROUGH:
        return point
    landscape = Landscape(problem, residual=problem.attention.heads)
    return nearest_minimum(landscape, landscape.point(heads))


def residual_rank(heads: Heads) -> int:
    """Number of directions outside the hidden ones in which the heads have a part."""
    sizes = np.linalg.svd(heads.residual, compute_uv=False)
    longest = np.sqrt(np.diag(heads.self_overlap).max())
    return int((sizes > ABSENT * longest).sum())


def random_starts(landscape: Landscape) -> Iterator[Heads]:
    """Heads drawn from P_θ, and one start with all heads at E[θ], each with noise."""
    generator = np.random.default_rng(landscape.problem.expectation.seed)
    count, signal, start = landscape.flow.heads, landscape.task.signal, landscape.flow.start
    overlaps = [np.tile(signal.mean, (count, 1))]
    overlaps += [spread_draw(signal, count, generator) for _ in range(STARTS - 1)]
    for overlap in overlaps:
        overlap = overlap + NOISE * generator.standard_normal(overlap.shape)
        residual = NOISE * generator.standard_normal((count, count))
        yield Heads(overlap, residual, start.bias, start.head_weights)


def spread_draw(signal: Signal, count: int, generator: np.random.Generator) -> Array:
    """``count`` points (count, F) of P_θ, from different components as long as there are any."""
    components = len(signal.weights)
    rounds = -(-count // components)
    chosen = np.concatenate([generator.permutation(components) for _ in range(rounds)])[:count]
    points = [
        generator.multivariate_normal(signal.means[c], signal.covariances[c], method="eigh")
        for c in chosen
    ]
    return np.array(points)


def continuation(problem: Problem, key: str, values: Sequence[Any]) -> list[Optimum]:
    """Optima along a dotted key of the configuration, such as "task.length" or "attention.heads".

    Each value starts also from its neighbours' optima, upwards and downwards; the best is kept.
    A change of the number of heads copies heads or drops the last.
    """
    table = to_table(problem)
    problems = [parse(override(table, [f"{key}={toml_value(value)}"])) for value in values]
    found: list[Optimum] = []
    for one in problems:
        found.append(optimum(one, [resized(best.point.heads, one) for best in found[-1:]]))
    for i in reversed(range(len(problems) - 1)):
        point = refined_minimum(problems[i], resized(found[i + 1].point.heads, problems[i]))
        if point.risk < found[i].risk:
            found[i] = dataclasses.replace(found[i], point=point)
    return found


def resized(heads: Heads, problem: Problem) -> Heads:
    """As many heads as a problem has: the first ones, or copies in turn."""
    return select(heads, np.arange(problem.attention.heads) % len(heads.bias))


def select(heads: Heads, chosen: NDArray[np.int64]) -> Heads:
    """Some of the heads, possibly repeated, in the given order."""
    rows = heads.residual[chosen]
    return Heads(
        heads.overlap[chosen],
        residual_factor(rows @ rows.T),
        heads.bias[chosen],
        heads.head_weights[chosen],
    )
