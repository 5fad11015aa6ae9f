"""The least population risk that an attention layer can reach."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.stationary import StationaryPoint, descend, nearest_minimum
from orderparams.config import Problem, override, parse, to_table
from orderparams.config.values import toml_value
from orderparams.models.interface import State
from orderparams.models.single_location.bayes.risk import bayes_risk
from orderparams.models.single_location.setup import Heads
from orderparams.models.single_location.task import Signal
from orderparams.models.vectors.geometry import residual_factor
from orderparams.models.vectors.landscape import Landscape

Array = NDArray[np.float64]

PLAIN = 6
"""Random starts on the support of P_θ, besides the given ones; all others are diverse."""

LEAST = 8
MOST = 24
"""Random starts; twice as many at least where biases or head weights are learned."""

COMPETING = 200
"""Iterations of a descent while the starts compete."""

SAME = 1e-5
"""Two descents whose ends differ by less have found the same minimum."""

ROUGH = 1e-6
"""Tolerance of the expectations while the starts compete."""

NOISE = 0.1
"""Standard deviation of what is added to each weight of a start."""

PROVEN = 1e-8
"""Above the Bayes risk by no more, a risk is the Bayes risk."""

ABSENT = 1e-3
"""Residuals this much shorter than the longest head are taken to vanish."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """The lowest minimum found, and the values (ascending) to which all searches led.

    The values are risks; with weight decay kept, those of the objective E + λ|K|²/2.
    """

    point: StationaryPoint
    bayes_risk: float
    values: tuple[float, ...]

    @property
    def risk(self) -> float:
        """The risk there."""
        return self.point.risk

    @property
    def state(self) -> State:
        """The order parameters there, and what is not learned."""
        return self.point.heads.state

    @property
    def found(self) -> int:
        """How many of the searches led to it."""
        return int((np.array(self.values) < self.values[0] + SAME).sum())

    @property
    def proven(self) -> bool:
        """Whether nothing can be lower: it is the Bayes risk."""
        return self.point.objective - self.bayes_risk <= PROVEN


def optimum(problem: Problem, starts: Sequence[Heads] = (), *, decay: bool = False) -> Optimum:
    """The lowest risk found over K and over what else the attention learns.

    Descents from the given starts and from random ones, of which the lowest is polished to second
    order. Weight decay is left out, or with ``decay`` kept: the objective is then E + λ|K|²/2. The
    search is local and bounds the optimum from above.
    """
    if not decay:
        problem = without_decay(problem)
    rough = Landscape(problem, residual=problem.attention.heads, tolerance=ROUGH)
    floor = bayes_risk(rough.flow.setup.task).value
    ends = search(rough, starts, floor)
    return Optimum(
        point=refined_minimum(problem, rough.vectors(ends[0][1])),
        bayes_risk=floor,
        values=tuple(value for value, _ in ends),
    )


def search(
    landscape: Landscape, starts: Sequence[Heads], floor: float
) -> list[tuple[float, Array]]:
    """Values and points, the lowest first, of descents from the given starts and from random ones.

    It ends with the Bayes risk ``floor``, below which there is nothing, or after LEAST to MOST
    random starts when there should be no other minimum.
    """
    attention = landscape.problem.attention
    learned = "learned" in (attention.bias, attention.head_weights)
    least = len(starts) + LEAST * (1 + learned)
    ends: list[tuple[float, Array]] = []
    for start in (*starts, *itertools.islice(random_starts(landscape), MOST * (1 + learned))):
        x = descend(landscape.value_and_gradient, landscape.point(start), COMPETING)
        ends.append((landscape.risk(x) + landscape.penalty(x), x))
        values = [value for value, _ in ends]
        if len(ends) >= len(starts) and min(values) <= floor + ROUGH:
            break
        if len(ends) >= least and exhausted(values):
            break
    return sorted(ends, key=lambda end: end[0])


def exhausted(values: Sequence[float]) -> bool:
    """Whether the searches should have found every minimum.

    With W different ones after N searches, W(N − 1)/(N − W − 2) are expected in all if any law of
    their basins' sizes is as likely as another (Boender & Rinnooy Kan, Math. Prog. 37, 59 (1987)).
    """
    searches, different = len(values), 1 + int((np.diff(np.sort(values)) > SAME).sum())
    spare = searches - different - 2
    return spare > 0 and different * (searches - 1) <= (different + 0.5) * spare


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
    """Heads without end: at E[θ], then drawn from P_θ, then diverse, each with noise.

    Diverse heads are shortened by random factors; learned biases and head weights, which else are
    as at the problem's start, are off it by standard normals.
    """
    attention = landscape.problem.attention
    generator = np.random.default_rng(landscape.problem.expectation.seed)
    signal, start = landscape.flow.setup.task.signal, landscape.flow.start
    count = len(start.overlap)
    for number in itertools.count():
        mean = np.tile(signal.mean, (count, 1))
        overlap = spread_draw(signal, count, generator) if number else mean
        bias, head_weights = start.bias, start.head_weights
        if number >= PLAIN:
            overlap = overlap * generator.uniform(0, 1, (count, 1))
            if attention.bias == "learned":
                bias = bias + generator.standard_normal(count)
            if attention.head_weights == "learned":
                head_weights = head_weights + generator.standard_normal(count)
        overlap = overlap + NOISE * generator.standard_normal(overlap.shape)
        residual = NOISE * generator.standard_normal((count, count))
        yield Heads(overlap, residual, bias, head_weights)


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
        if point.objective < found[i].point.objective:
            found[i] = dataclasses.replace(found[i], point=point)
    return found


def starts_from(problem: Problem, state: State | None) -> list[Heads]:
    """Heads of a neighbouring problem's order parameters, as many as this one has; none where the
    signal has other directions."""
    if state is None or state["overlap"].shape[1] != problem.task.signal.features:
        return []
    residual = residual_factor(state["self_overlap"] - state["overlap"] @ state["overlap"].T)
    heads = Heads(state["overlap"], residual, state["bias"], state["head_weight"])
    return [resized(heads, problem)]


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
