"""The optimum, where it is known, and its curves, each point from the one before."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

import orderparams as op
from orderparams.analysis import optimum as module
from orderparams.analysis.optimum import (
    exhausted,
    optimum,
    refined_minimum,
    residual_rank,
    search,
    starts_from,
)
from orderparams.models.single_location.geometry import spread_draw
from orderparams.models.single_location.setup import Heads
from orderparams.models.single_location.task import point_masses
from orderparams.models.vectors.geometry import Floor, Vectors, resized
from orderparams.results.analyzed.optimum import Optimum
from orderparams.results.analyzed.rests import StationaryPoint

ONE_SPIKE = {
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0]}},
    "attention": {"heads": 1},
}
SPIKES = {
    "task": {"length": 4, "signal": {"kind": "spikes", "strengths": [6.0, 3.0]}},
    "attention": {"heads": 2, "activation": "bayes-softmax"},
}


@pytest.mark.parametrize(
    ("length", "strength", "risk"), [(2, 1.0, 0.3249432977), (3, 4.0, 0.1941239737)]
)
def test_one_head_on_one_spike_attains_the_bayes_risk(length, strength, risk):
    """Theory 7: k = √ν k*, with risks from two independent routes."""
    problem = op.load(ONE_SPIKE, [f"task.length={length}", f"task.signal.strengths=[{strength}]"])
    found = optimum(problem)
    assert found.risk == pytest.approx(risk, abs=2e-10)
    assert found.floor.value == pytest.approx(risk, abs=2e-10)
    assert found.point.converged
    np.testing.assert_allclose(found.point.vectors.overlap, [[strength**0.5]], atol=1e-7)
    np.testing.assert_allclose(found.point.vectors.residual, 0, atol=1e-7)


def test_weight_decay_moves_the_least_objective_and_not_the_least_risk():
    """Oracle: at the least E + λ|K|²/2 of one head on one spike, dE/dm of ``evaluate`` is −λm."""
    problem = op.load(ONE_SPIKE, ["training.weight_decay=0.05"])
    assert optimum(problem).risk == pytest.approx(0.1941239737, abs=2e-10)
    found = optimum(problem, decay=True)
    assert found.point.objective == pytest.approx(
        found.risk + 0.025 * (found.point.vectors.weights**2).sum(), abs=1e-12
    )
    m = found.point.vectors.overlap[0, 0]

    def risk(m):
        start = f"initial={{kind='explicit', overlap=[[{m}]]}}"
        return op.evaluate(op.load(ONE_SPIKE, [start, "expectation.tolerance=1e-10"])).risk

    slope = (risk(m + 1e-4) - risk(m - 1e-4)) / 2e-4
    assert slope == pytest.approx(-0.05 * m, abs=1e-6)
    assert not found.proven
    assert optimum(problem).proven


@pytest.mark.slow
def test_learned_head_weights_of_both_signs_are_found():
    """A layer that an independent search found: one head at rest with a large negative weight."""
    problem = op.load(
        {
            "task": {"length": 4, "signal": {"kind": "flipped-spikes", "strengths": [9.0, 4.0]}},
            "attention": {"heads": 3, "activation": "softmax", "head_weights": "learned"},
        }
    )
    found = optimum(problem)
    assert found.risk == pytest.approx(0.5830210, abs=1e-7)
    assert 1 < found.found < len(found.values)
    assert not found.proven


def test_searches_go_on_until_no_other_minimum_is_expected():
    """Boender & Rinnooy Kan: with W found in N searches, W(N − 1)/(N − W − 2) in all."""
    for different, enough in ((1, 7), (2, 16), (3, 29)):
        values = [0.1 * (i % different) for i in range(enough)]
        assert exhausted(values)
        assert not exhausted(values[:-1])


class Wells:
    """A landscape of parabolas around whole numbers, of height ``height(n)``; a start is a number.

    ``penalty`` is what weight decay adds; ``begun`` are the starts in their order.
    """

    def __init__(self, height, starts, floor=-np.inf, rates=()):
        self.height, self.begun = height, []
        self.flow = SimpleNamespace(rule=SimpleNamespace(rates=dict.fromkeys(rates, 1.0)))
        self.geometry = SimpleNamespace(
            floor=Floor("floor", "floor", floor), starts=lambda: iter(starts)
        )

    def point(self, start):
        self.begun.append(start)
        return np.array([float(start)])

    def penalty(self, x):
        return 0.25

    def risk(self, x):
        return self.value_and_gradient(x)[0] - 0.25

    def value_and_gradient(self, x):
        nearest = np.rint(x)
        return float(self.height(nearest[0]) + ((x - nearest) ** 2).sum()), 2 * (x - nearest)


def different(n):
    return n % 2


@pytest.mark.parametrize(
    ("height", "given", "rates", "count"),
    [
        (abs, [3], [], 1 + 24),  # a minimum of its own for each start
        (lambda n: 0.0, [], [], 8),
        (lambda n: 0.0, [2, 3], [], 2 + 8),
        (different, [], [], 16),  # of Boender and Rinnooy Kan, as above
        (lambda n: 0.0, [], ["bias"], 16),
        (abs, [], ["bias", "head_weight"], 48),
    ],
)
def test_a_search_ends_when_all_should_be_found(height, given, rates, count):
    """From all given starts and 8 to 24 random ones, twice as many where more is learned."""
    landscape = Wells(height, itertools.count(4), rates=rates)
    ends = search(landscape, given)
    assert landscape.begun == [*given, *range(4, 4 + count - len(given))]
    assert [value for value, _ in ends] == sorted(height(n) for n in landscape.begun)
    assert ends[0][0] == pytest.approx(landscape.risk(ends[0][1]) + 0.25)


@pytest.mark.parametrize(("above", "count"), [(0.9e-6, 5), (1.1e-6, 24)])
def test_a_search_ends_with_the_floor_but_not_before_its_given_starts(above, count):
    """Within the tolerance of the rough expectations; here the fifth random start has it."""
    landscape = Wells(abs, [9, 8, 7, 6, 0, *range(10, 60)], floor=-above)
    search(landscape, [])
    assert len(landscape.begun) == count
    landscape = Wells(abs, itertools.count(20), floor=0.0)
    search(landscape, [5, 0, 4])
    assert landscape.begun == [5, 0, 4]


def found_at(values, floor=0.0, risk=0.0, penalty=0.0):
    point = StationaryPoint(np.zeros(1), None, {}, risk, 0.0, penalty)
    return Optimum(point, Floor("floor", "floor", floor), values)


def test_what_an_optimum_says_of_its_search():
    """Values up to 1e-5 apart are the same; a risk up to 1e-8 above the floor is the floor."""
    assert found_at((0.5, 0.5, 0.5 + 0.9e-5, 0.5 + 1.1e-5, 0.7)).found == 3
    assert found_at((0.5,), floor=0.5, risk=0.5 + 0.9e-8).proven
    assert not found_at((0.5,), floor=0.5, risk=0.5 + 1.1e-8).proven
    assert not found_at((0.5,), floor=0.5, risk=0.5, penalty=1.1e-8).proven
    assert not found_at((0.5,), floor=np.nan).proven


@pytest.mark.parametrize(("least", "residual"), [(1.0, 1), (-0.9e-6, 1), (-1.1e-6, None)])
def test_a_minimum_has_as_many_residual_directions_as_it_needs(monkeypatch, least, residual):
    """More than the start has only where the risk falls in a direction outside, beyond errors."""

    class Curved:
        def __init__(self, residual=None):
            self.residual = residual

        def with_residual(self, residual):
            return Curved(residual)

        def point(self, vectors):
            return np.zeros(1)

        def transverse(self, x):
            return np.diag([1.0, least])

    monkeypatch.setattr(
        module, "nearest_minimum", lambda own, x: SimpleNamespace(x=x, residual=own.residual)
    )
    start = Vectors(np.eye(2), np.diag([0.5, 0.0]))
    assert refined_minimum(Curved(), start).residual == residual


def test_a_residual_counts_from_a_thousandth_of_the_longest_vector():
    overlap = np.array([[3.0, 0.0], [0.0, 1.0]])
    for scale in (1.0, 100.0):
        for size, rank in ((3.1e-3, 2), (2.9e-3, 1)):
            vectors = Vectors(scale * overlap, scale * np.diag([0.1, size]))
            assert residual_rank(vectors) == rank


def test_the_bayes_risk_ends_the_search():
    found = optimum(op.load(SPIKES))
    assert found.proven
    assert len(found.values) < 8


def test_bayes_softmax_with_a_head_for_every_point_attains_the_bayes_risk():
    """Theory 5c: K = the support; one head less leaves a clear gap."""
    both = optimum(op.load(SPIKES))
    assert both.risk == pytest.approx(both.floor.value, abs=1e-8)
    overlap = both.point.vectors.overlap
    overlap = overlap[np.argsort(overlap[:, 1])]
    np.testing.assert_allclose(overlap, np.diag(np.sqrt([6.0, 3.0])), atol=1e-4)
    one = optimum(op.load(SPIKES, ["attention.heads=1"]))
    assert one.floor == both.floor
    assert one.risk > one.floor.value + 0.05


@pytest.mark.slow
def test_unequal_points_need_learned_biases():
    """Theory 5c: β_h = log w_h − |θ_h|²/2 attains the Bayes risk, the norm bias does not."""
    points = "[{mean=[2.0, 0.0], weight=0.8}, {mean=[0.0, 2.0], weight=0.2}]"
    signal = f"task.signal={{kind='mixture', components={points}}}"
    norm = optimum(op.load(SPIKES, [signal]))
    learned = optimum(op.load(SPIKES, [signal, "attention.bias=learned"]))
    assert norm.risk > norm.floor.value + 1e-3
    assert learned.risk == pytest.approx(learned.floor.value, abs=1e-8)
    bias = learned.point.vectors.numbers["bias"][np.argsort(learned.point.vectors.overlap[:, 1])]
    assert bias[0] - bias[1] == pytest.approx(np.log(4), abs=1e-3)  # one constant cancels


def test_learned_head_weights_lower_the_risk_and_make_its_gradient_vanish():
    """At the optimum E is stationary in u: for softmax-1 with one head, u = A/G, E = 1 − A²/G."""
    base = ["attention.activation=softmax-1", "attention.bias=none"]
    fixed = optimum(op.load(ONE_SPIKE, base))
    learned = optimum(op.load(ONE_SPIKE, [*base, "attention.head_weights=learned"]))
    assert learned.point.converged
    assert learned.risk < fixed.risk - 1e-4
    assert learned.risk >= learned.floor.value
    heads = learned.point.vectors
    again = op.evaluate(
        op.load(
            ONE_SPIKE,
            [
                *base,
                f"attention.head_weights=[{0.999 * heads.numbers['head_weight'][0]}]",
                f"initial={{kind='explicit', overlap=[[{heads.overlap[0, 0]}]],"
                f"self_overlap=[[{heads.self_overlap[0, 0]}]]}}",
            ],
        )
    )
    assert 0 < again.risk - learned.risk < 1e-5


def followed(problems):
    """Optima of problems, each with the one before among its starts."""
    found = []
    for problem in problems:
        found.append(optimum(problem, starts_from(problem, found[-1].state if found else None)))
    return found


def test_optima_along_the_strength_follow_the_bayes_risk():
    strengths = [1.0, 4.0, 9.0]
    curve = followed(op.load(ONE_SPIKE, [f"task.signal.strengths=[{s}]"]) for s in strengths)
    for strength, found in zip(strengths, curve, strict=True):
        assert found.risk == pytest.approx(found.floor.value, abs=1e-9)
        assert found.point.vectors.overlap[0, 0] == pytest.approx(strength**0.5, abs=1e-6)


def test_optima_along_the_number_of_heads_never_rise():
    """Theory 7: a softmax with more heads can do what it could with less."""
    plain = ["attention.activation=softmax", "attention.head_weights=mean"]
    curve = followed(op.load(SPIKES, [*plain, f"attention.heads={heads}"]) for heads in (1, 2))
    assert curve[1].risk <= curve[0].risk + 1e-9
    assert [len(found.point.vectors.numbers["bias"]) for found in curve] == [1, 2]


def test_a_problem_with_other_directions_gives_no_start():
    problem = op.load(ONE_SPIKE)
    state = {"overlap": np.ones((1, 1)), "self_overlap": np.full((1, 1), 1.25)}
    (start,) = starts_from(problem, state)
    np.testing.assert_allclose(start.self_overlap, 1.25)
    assert starts_from(problem, None) == []
    assert starts_from(problem, state | {"overlap": np.ones((1, 2))}) == []


def test_starts_cover_the_support():
    signal = point_masses([[1, 0], [0, 1], [-1, 0]])
    drawn = spread_draw(signal, 5, np.random.default_rng(0))
    counts = (drawn[:, None] == signal.means).all(axis=2).sum(axis=0)
    assert sorted(counts) == [1, 2, 2]


def test_resized_heads_are_copies():
    heads = Heads(np.eye(2), np.array([[0.5, 0.1], [0.0, 0.3]]), np.arange(2.0), np.ones(2))
    three = resized(heads, 3)
    np.testing.assert_allclose(
        three.self_overlap, heads.self_overlap[np.ix_([0, 1, 0], [0, 1, 0])], atol=1e-7
    )
    np.testing.assert_array_equal(three.numbers["bias"], [0, 1, 0])
    assert residual_rank(heads) == 2
    assert residual_rank(three) == 2
