"""Stationary points and their modes: closed forms, planted landscapes, and a run beside them."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
from scipy import stats

import orderparams as op
from orderparams.analysis import rests, stationary
from orderparams.analysis.rests import examine, growth_along, relative_distance
from orderparams.analysis.stability import (
    clusters,
    growth_rate,
    near_interval,
    rate_along,
    spectrum,
    unstable,
)
from orderparams.analysis.stationary import (
    descend,
    nearest_minimum,
    nearest_stationary,
    newton_step,
    point_at,
    root,
    unspecialized_point,
)
from orderparams.errors import SolverError
from orderparams.models.vectors.geometry import Vectors
from orderparams.models.vectors.landscape import Landscape, differentiate
from orderparams.results.analyzed.rests import Mode, StationaryPoint
from orderparams.results.trajectory import Trajectory

FLIPPED = {
    "task": {"length": 5, "signal": {"kind": "flipped-spikes", "strengths": [4.0, 1.0]}},
    "attention": {"heads": 3},
}
LEARNED = ["attention.bias=learned", "attention.head_weights=learned"]


def problem_with(*assignments):
    return op.load(FLIPPED, assignments)


@pytest.mark.parametrize(
    "assignments",
    [
        [],
        ["attention.activation=softmax-1", "training.weight_decay=0.3"],
        ["attention.activation=softmax-1", *LEARNED, "training.bias_rate=0.2"],
        ["attention.activation=bayes-softmax", "attention.heads=2"],
    ],
)
def test_gradient_and_hessian_are_derivatives(assignments):
    """Oracle: central differences of the value, of order 1e-4 in the step squared."""
    landscape = Landscape(problem_with(*assignments), residual=1)
    generator = np.random.default_rng(0)
    start = landscape.point(landscape.flow.start)
    x = start + 0.7 * generator.normal(size=start.size)
    first, second = generator.normal(size=(2, start.size))

    def value(a, b):
        return landscape.value_and_gradient(x + a * first + b * second)[0]

    step = 1e-2
    slope = (value(step, 0) - value(-step, 0)) / (2 * step)
    half = (value(step / 2, 0) - value(-step / 2, 0)) / step
    assert landscape.gradient(x) @ first == pytest.approx((4 * half - slope) / 3, rel=1e-5)
    h = 3e-2
    mixed = (value(h, h) - value(h, -h) - value(-h, h) + value(-h, -h)) / (4 * h**2)
    near = (value(h / 2, h / 2) - value(h / 2, -h / 2) - value(-h / 2, h / 2)) / h**2
    near += value(-h / 2, -h / 2) / h**2
    curvature = first @ landscape.hessian(x) @ second
    assert curvature == pytest.approx((4 * near - mixed) / 3, rel=2e-4, abs=2e-5)
    quotient = first @ landscape.hessian(x) @ first / (first @ first)
    assert rate_along(landscape, x, first) == pytest.approx(-quotient, abs=1e-6)  # STEP²


def test_points_and_heads_are_inverse():
    landscape = Landscape(
        problem_with("attention.activation=softmax-1", *LEARNED, "training.bias_rate=0.2"),
        residual=2,
    )
    x = np.random.default_rng(1).normal(size=landscape.point(landscape.flow.start).size)
    heads = landscape.vectors(x)
    again = landscape.vectors(landscape.point(heads))
    np.testing.assert_allclose(again.self_overlap, heads.self_overlap, atol=1e-12)
    np.testing.assert_allclose(again.bias, heads.bias, rtol=1e-14)
    assert landscape.risk(landscape.point(heads)) == pytest.approx(landscape.risk(x), abs=1e-9)


def test_steepest_descent_of_the_landscape_is_the_flow():
    """Learned biases at a slower rate: dx/dt = −∇E in the units of x."""
    problem = problem_with(
        "attention.activation=softmax-1", *LEARNED, "training.bias_rate=0.2", "initial.variance=1"
    )
    landscape = Landscape(problem, residual=3)
    flow = op.evaluate(problem).velocity
    x = landscape.point(landscape.flow.start)
    step = 1e-4
    ahead = landscape.vectors(x - step * landscape.gradient(x))
    start = landscape.flow.start
    np.testing.assert_allclose((ahead.overlap - start.overlap) / step, flow["overlap"], atol=1e-7)
    np.testing.assert_allclose((ahead.bias - start.bias) / step, flow["bias"], atol=1e-7)
    np.testing.assert_allclose(
        (ahead.head_weights - start.head_weights) / step, flow["head_weight"], atol=1e-7
    )


def test_spectrum_at_zero_is_the_closed_form():
    """Theory 7 with T = diag(2, 0.5), between heads and for all of them.

    The differences' error is of order STEP², 1e-6.
    """
    landscape = Landscape(problem_with(), residual=0)
    point = unspecialized_point(landscape)
    np.testing.assert_allclose(point.x, 0, atol=1e-12)
    assert point.risk == pytest.approx(1 - 1 / 5, abs=1e-10)
    prefactor = 2 / 3 * (1 - 1 / 5) / 5
    strengths = np.array([2.0, 0.5, 0.0])  # the last: outside the hidden directions
    between = prefactor * (1 - 2 / 5) * strengths
    together = between - prefactor * (strengths + 5) / 5
    modes = spectrum(landscape, point)
    names = ["direction 1", "direction 2", "residual"]
    expected = {f"between heads, {n}": (rate, 2) for n, rate in zip(names, between, strict=True)}
    expected |= {f"all heads, {n}": (rate, 1) for n, rate in zip(names, together, strict=True)}
    assert {mode.describe(landscape.geometry) for mode in modes} == set(expected)
    for mode in modes:
        rate, multiplicity = expected[mode.describe(landscape.geometry)]
        assert mode.rate == pytest.approx(rate, abs=1e-6)
        assert mode.multiplicity == multiplicity
    assert [mode.describe(landscape.geometry)[-11:] for mode in unstable(modes)] == names[:2]


def test_degenerate_directions_share_a_mode():
    landscape = Landscape(problem_with("task.signal.strengths=[3,3]"), residual=0)
    modes = spectrum(landscape, unspecialized_point(landscape))
    assert modes[0].describe(landscape.geometry) == "between heads, direction 1+2"
    assert modes[0].multiplicity == 4


@pytest.mark.parametrize("residual", [0, 2])
def test_shares_of_modes_are_those_of_projections(residual):
    """Oracle: the trace of projectors that are written down, over each eigenspace.

    Also of the Hessian in a direction outside of all heads, where what is common is common to all.
    """
    problem = problem_with("attention.activation=softmax-1", *LEARNED)
    landscape = Landscape(problem, residual=residual)
    directions, heads, width = landscape.geometry.directions, 3, 2 + residual
    x = landscape.point(landscape.flow.start) + 0.3 * np.random.default_rng(2).normal(
        size=heads * (width + 2)
    )
    modes = spectrum(landscape, point_at(landscape, x))
    everywhere = np.full((heads, heads), 1 / heads)
    common = np.zeros((len(x), len(x)))
    common[: heads * width, : heads * width] = np.kron(everywhere, np.eye(width))
    common[heads * width :, heads * width :] = np.kron(np.eye(2), everywhere)
    inside = [np.zeros((width, width)) for _ in directions]
    for square, direction in zip(inside, directions, strict=True):
        square[:2, :2] = direction.basis @ direction.basis.T
    outside = np.diag([0.0, 0.0, *[1.0] * residual])
    along = [np.zeros_like(common) for _ in range(len(directions) + 1)]
    for projector, square in zip(along, [*inside, outside], strict=True):
        projector[: heads * width, : heads * width] = np.kron(np.eye(heads), square)

    def share(mode, projector):
        return np.einsum("ij,jk,ik->", mode.vectors, projector, mode.vectors) / len(mode.vectors)

    within = [mode for mode in modes if mode.vectors.any()]
    for mode in within:
        found = (mode.common, *mode.directions, mode.residual)
        np.testing.assert_allclose(found, [share(mode, p) for p in [common, *along]], atol=1e-12)
        curvature = mode.vectors @ landscape.hessian(x) @ mode.vectors.T
        np.testing.assert_allclose(curvature, mode.eigenvalue * np.eye(len(curvature)), atol=1e-5)
    assert sum(mode.multiplicity for mode in within) == len(x)
    values, vectors = np.linalg.eigh(landscape.transverse(x))
    beyond = [mode for mode in modes if not mode.vectors.any()]
    assert [mode.multiplicity for mode in beyond] == [1] * heads
    np.testing.assert_allclose([mode.eigenvalue for mode in beyond], values)
    np.testing.assert_allclose([mode.common for mode in beyond], vectors.sum(0) ** 2 / heads)
    assert {mode.residual for mode in beyond} == {1.0}
    assert {mode.directions for mode in beyond} == {(0.0,) * len(directions)}
    assert [mode.eigenvalue for mode in modes] == sorted(mode.eigenvalue for mode in modes)


def test_an_eigenspace_outside_of_all_heads_is_one_mode(monkeypatch):
    """Where all heads can leave at one rate, a third of the space of three is common to them."""
    landscape = Landscape(problem_with(), residual=0)
    monkeypatch.setattr(landscape, "transverse", lambda x: 0.3 * np.eye(3))
    modes = spectrum(landscape, unspecialized_point(landscape))
    (mode,) = (mode for mode in modes if mode.residual)
    assert (mode.multiplicity, mode.eigenvalue) == (3, pytest.approx(0.3))
    assert mode.common == pytest.approx(1 / 3)


def named(common, directions, residual):
    """A mode in words, of heads with the directions 1 and 2+3 and what they learn beside."""
    geometry = SimpleNamespace(
        word="head", numbers="bias", directions=[SimpleNamespace(name=n) for n in ("1", "2+3")]
    )
    return Mode(-1.0, np.ones((1, 1)), common, directions, residual).describe(geometry)


def test_modes_in_words():
    """Parts below one in fifty or a hundred are not worth a word; at most two are named."""
    assert named(0.995, (1.0, 0.0), 0.0) == "all heads, direction 1"
    assert named(0.005, (0.0, 1.0), 0.0) == "between heads, direction 2+3"
    assert named(0.98, (0.985, 0.015), 0.0) == "2% between heads, direction 1"
    assert named(0.02, (0.0, 0.0), 1.0) == "98% between heads, residual"
    assert named(0.5, (0.0, 0.0), 0.0) == "50% between heads, bias"
    assert named(1.0, (0.3, 0.6), 0.1) == "all heads, direction 2+3 60%, direction 1 30%"
    assert named(1.0, (0.1, 0.2), 0.3) == "all heads, bias 40%, residual 30%"
    assert named(1.0, (0.03, 0.97), 0.0) == "all heads, direction 2+3 97%, direction 1 3%"
    assert named(1.0, (0.975, 0.01), 0.01) == "all heads, direction 1 98%"


def test_eigenvalues_that_agree_are_one_and_those_near_zero_do_not_grow():
    """To a hundred-thousandth of the largest, of either sign."""
    values = np.array([-100.0, -2e-3, -1.1e-3, -0.9e-3, 0.0, 0.9e-3, 2e-3, 50.0])
    assert [space.tolist() for space in clusters(values)] == [[0], [1, 2, 3, 4, 5], [6], [7]]
    modes = [Mode(value, np.ones((1, 1)), 0.0, (), 0.0) for value in values]
    assert [mode.eigenvalue for mode in unstable(modes)] == [-100.0, -2e-3, -1.1e-3]
    assert unstable(modes[1:]) == tuple(modes[1:4])  # of 50 it is less
    assert [mode.rate for mode in modes] == (-values).tolist()


CENTER = np.array([1.0, -2.0, 0.5])
CURVATURE = np.diag([2.0, -0.5, 1.0]) + 0.1


def test_a_planted_saddle_is_found():
    """A quadratic with a cubic term that vanishes at its stationary point."""

    def gradient(x):
        return CURVATURE @ (x - CENTER) + 0.1 * (x - CENTER) ** 2

    found = root(gradient, CENTER + np.array([0.2, -0.1, 0.3]))
    np.testing.assert_allclose(found, CENTER, atol=1e-9)
    np.testing.assert_allclose(differentiate(gradient, found), CURVATURE, atol=1e-8)


def counted(gradient, calls):
    def call(x):
        calls.append(x)
        return gradient(x)

    return call


def planted(x):
    """A gradient whose Hessian changes on the way to its root at CENTER."""
    return CURVATURE @ (x - CENTER) + 0.3 * (x - CENTER) ** 2


def test_a_root_takes_one_hessian_where_it_serves():
    """With two differences a component, and a rough one while the gradient is long: then the exact
    gradient is taken once a step. Newton's method with a Hessian a step takes 30 and more."""
    exact, rough = [], []
    start = CENTER + np.array([0.05, -0.03, 0.04])
    found = root(counted(planted, exact), start, counted(planted, rough))
    np.testing.assert_allclose(found, CENTER, atol=1e-10)
    assert len(rough) == 6
    assert len(exact) <= 10


def test_a_rough_hessian_leads_to_the_exact_root():
    """Whose own root is elsewhere, and whose Hessian is wrong by a tenth."""

    def rough(x):
        return 1.1 * planted(x) + 0.02

    found = root(planted, CENTER + np.array([0.05, -0.03, 0.04]), rough)
    assert np.abs(planted(found)).max() < 1e-11


def test_a_step_is_the_best_within_its_radius():
    """Oracle: of points on the circle around, none has a smaller |H p + g|; Newton's inside."""
    hessian, slope = np.array([[2.0, 0.3], [0.3, -0.5]]), np.array([0.7, 0.4])
    newton = -np.linalg.solve(hessian, slope)
    np.testing.assert_allclose(newton_step(hessian, slope, 10.0), newton, rtol=1e-12)
    radius = 0.5 * np.linalg.norm(newton)
    step = newton_step(hessian, slope, radius)
    assert np.linalg.norm(step) == pytest.approx(radius, rel=2e-3)
    angles = np.linspace(0, 2 * np.pi, 1000)
    circle = radius * np.array([np.cos(angles), np.sin(angles)])
    least = np.linalg.norm(hessian @ circle + slope[:, None], axis=0).min()
    assert np.linalg.norm(hessian @ step + slope) == pytest.approx(least, rel=2e-3)
    np.testing.assert_array_equal(newton_step(np.zeros((2, 2)), slope, 1.0), 0)


def test_a_planted_minimum_is_found():
    matrix = CURVATURE @ CURVATURE

    def value_and_gradient(x):
        d = x - CENTER
        return 0.5 * d @ matrix @ d, matrix @ d

    np.testing.assert_allclose(descend(value_and_gradient, np.zeros(3)), CENTER, atol=1e-5)


def test_the_unspecialized_point_of_two_stages():
    """One effective head: overlap E[θ] exactly, risk 0.408763601399 from a one-head computation."""
    for heads in (1, 3):
        landscape = Landscape(op.load("two-stage", [f"attention.heads={heads}"]), residual=0)
        point = unspecialized_point(landscape)
        expected = np.tile([1.5, 0, 0], (heads, 1))
        np.testing.assert_allclose(point.state["overlap"], expected, atol=1e-7)
        assert point.risk == pytest.approx(0.408763601399, abs=1e-10)
        assert point.converged


def test_the_unspecialized_point_is_the_one_that_training_approaches():
    """Of heads whose shares add up there are two: this one, and heads that attend to nothing."""
    landscape = Landscape(op.load("softmax-1"), residual=0)
    point = unspecialized_point(landscape)
    assert point.converged
    assert np.linalg.norm(point.state["overlap"]) < 1
    assert point.risk < landscape.risk(np.zeros_like(point.x))


def test_the_searches_turn_back_where_the_risk_cannot_be_had():
    """Steps of either lead out of the range, near whose edge the minimum is."""
    refused = []

    def value_and_gradient(x):
        if abs(x[0]) > 0.7:
            refused.append(x)
            raise SolverError("out of range")
        return (x[0] - 0.5) ** 4 - 0.01 * x[0], 4 * (x - 0.5) ** 3 - 0.01

    def gradient(x):
        return value_and_gradient(x)[1]

    minimum = 0.5 + 0.0025 ** (1 / 3)
    assert descend(value_and_gradient, np.zeros(1)) == pytest.approx(minimum, abs=2e-3)
    assert refused
    refused.clear()
    assert root(gradient, np.array([0.51])) == pytest.approx(minimum, abs=1e-6)
    assert refused
    for search in (lambda x: descend(value_and_gradient, x), lambda x: root(gradient, x)):
        with pytest.raises(SolverError):
            search(np.array([3.0]))


def test_given_biases_that_differ_leave_a_residual():
    problem = op.load(
        "softmax-1", ["attention.heads=2", "attention.bias=[0.0, -1.0]", "task.length=3"]
    )
    assert not unspecialized_point(Landscape(problem, residual=0)).converged


def test_stationary_points_near_a_state():
    """From near K = 0 the root is the saddle K = 0, and the descent a minimum far below it."""
    problem = problem_with("attention.heads=2")
    landscape = Landscape(problem, residual=0)
    overlap = np.array([[0.02, 0.01], [-0.01, 0.02]])
    x = landscape.point(Vectors(overlap, np.zeros((2, 2))))
    saddle, minimum = nearest_stationary(landscape, x), nearest_minimum(landscape, x)
    np.testing.assert_allclose(saddle.x, 0, atol=1e-6)
    assert saddle.converged
    assert minimum.converged
    assert minimum.risk < saddle.risk - 0.05
    modes = spectrum(landscape, minimum)
    assert unstable(modes) == ()


def test_a_slope_of_the_logarithm_needs_an_exponential():
    time = np.linspace(0, 10, 21)
    rate, error = growth_rate(time, 1e-3 * np.exp(0.3 * time))
    assert rate == pytest.approx(0.3, rel=1e-12)
    assert error < 1e-12
    noisy = np.exp(0.3 * time + 0.1 * np.random.default_rng(0).normal(size=21))
    rate, error = growth_rate(time, noisy)
    assert abs(rate - 0.3) < 4 * error < 0.1
    assert growth_rate(time[:3], time[:3]) is None
    assert growth_rate(time, np.random.default_rng(1).uniform(1, 2, 21)) is None
    assert growth_rate(time, np.zeros(21)) is None


@pytest.mark.parametrize(("noise", "clear"), [(0.05, True), (0.215, True), (0.23, False)])
def test_slope_and_error_are_those_of_a_regression(noise, clear):
    """Oracle: SciPy's, over the positive amplitudes; a correlation of 0.95 is asked for."""
    time = np.array([0.0, 1.0, 2.5, 3.0, 4.0, 6.0])
    logarithm = 0.4 * time + 3.0 + noise * np.array([1.0, -1.0, 2.0, -2.0, 1.0, -1.0])
    amplitude = np.exp(logarithm)
    amplitude[3] = 0.0
    kept = np.delete(np.arange(6), 3)
    expected = stats.linregress(time[kept], logarithm[kept])
    assert (abs(expected.rvalue) > 0.95) == clear
    found = growth_rate(time, amplitude)
    if clear:
        assert found == pytest.approx((expected.slope, expected.stderr))
    else:
        assert found is None


def test_a_slope_needs_four_times():
    time = np.array([0.0, 1.0, 2.0, 3.0])
    amplitude = np.exp(0.3 * time + [0.0, 0.01, 0.01, 0.0])
    assert growth_rate(time, amplitude) is not None
    assert growth_rate(time, amplitude * [1, 1, 0, 1]) is None


def test_the_interval_near_a_point():
    distance = np.array([1.0, 0.5, 0.05, 0.03, 0.02, 0.03, 0.3, 0.01 + 0.5])
    assert near_interval(distance) == range(3, 6)
    assert near_interval(distance[3:]) == range(3)
    assert near_interval(distance[:6]) == range(3, 6)
    assert near_interval(np.array([0.09, 0.11, 0.08, 0.095, 0.105])) == range(2, 4)
    assert near_interval(distance[4:]) == range(2)
    assert len(near_interval(distance + 0.2)) == 0


def test_rates_before_the_split_are_those_of_the_hessian():
    """Two-stage preset: heads part along 2 and 3 at the rates where the run is, to 5 %.

    The run passes the unspecialized point at 1 to 2 % in overlaps, with residuals of 0.05: its
    vectors pass at 4 % of their length. The point's own rates differ from those on the way by
    that much, here by less than 10 %.
    """
    problem = op.load("two-stage", ["training.duration=200", "output.points=41"])
    run = op.solve(problem)
    landscape = Landscape(problem, residual=0)
    rest = examine(landscape, unspecialized_point(landscape), run)
    assert rest.distance < 0.04
    named = {
        mode.describe(landscape.geometry): (mode, growth)
        for mode, growth in zip(unstable(rest.modes), rest.growth, strict=True)
    }
    assert list(named) == ["between heads, direction 2", "between heads, direction 3"]
    for mode, growth in named.values():
        assert mode.multiplicity == 3
        assert growth.rate == pytest.approx(growth.local, rel=0.05)
        assert growth.rate == pytest.approx(mode.rate, rel=0.10)
        assert growth.error < 0.02 * growth.rate


def test_a_planted_deviation_is_read_off():
    """A constructed run that approaches the unspecialized point along its slowest common mode.

    Its rate is read off as planted, and beside it the one that the Hessian has there.
    """
    problem = op.load("two-stage", ["attention.heads=2"])
    landscape = Landscape(problem, residual=0)
    point = unspecialized_point(landscape)
    modes = spectrum(landscape, point)
    mode = next(m for m in modes if m.common > 0.99 and m.directions[2] > 0.99)
    time = np.linspace(0, 100, 26)
    path = 1e-2 * np.exp(-0.05 * time)[:, None] * mode.vectors + point.x
    overlap = path.reshape(26, 2, 3)
    inner = overlap @ overlap.transpose(0, 2, 1)
    parameters = {"overlap": overlap, "self_overlap": inner}
    run = Trajectory(problem, time, parameters, np.zeros(26))
    distance = relative_distance(landscape, run, point)
    assert distance[0] == pytest.approx(1e-2 / np.linalg.norm(overlap[-1]), rel=1e-9)
    growth = growth_along(landscape, point, mode, run, distance)
    assert growth.rate == pytest.approx(-0.05, rel=1e-6)
    assert growth.local == pytest.approx(mode.rate, rel=1e-3)


@pytest.mark.parametrize(("above", "polished"), [(0.9e-9, True), (1.1e-9, False), (-1.0, True)])
def test_a_root_that_is_above_the_descent_is_another_point(monkeypatch, above, polished):
    """By more than rounding, of the risk and the penalty together."""

    def point(objective):
        return StationaryPoint(np.zeros(1), None, {}, objective - 0.25, 0.0, 0.25)

    found = {name: point(0.5 + rise) for name, rise in (("descent", 0.0), ("root", above))}
    landscape = SimpleNamespace(rough=SimpleNamespace(value_and_gradient=None))
    monkeypatch.setattr(stationary, "descend", lambda *_: "lowest")
    monkeypatch.setattr(stationary, "nearest_stationary", lambda *_: found["root"])
    monkeypatch.setattr(stationary, "point_at", lambda _, x: found["descent"])
    expected = found["root" if polished else "descent"]
    assert nearest_minimum(landscape, np.zeros(1)) is expected


def test_a_point_is_stationary_up_to_the_error_of_the_expectations():
    for residual, converged in ((0.9e-7, True), (1.1e-7, False)):
        point = StationaryPoint(np.zeros(1), None, {}, 0.0, residual)
        assert (point.converged, point.objective) == (converged, 0.0)


def test_residuals_that_are_short_are_left_out_of_a_search(monkeypatch):
    """Those below a tenth of the longest vector there is on the whole run."""
    problem = op.load("two-stage", ["attention.heads=2"])
    overlap = np.zeros((3, 2, 3))
    overlap[:, 0, 0] = [1.0, 2.0, 4.0]
    asked = []
    monkeypatch.setattr(
        rests, "nearest_stationary", lambda landscape, x: asked.append(landscape.residual)
    )
    monkeypatch.setattr(rests, "examine", lambda *_: None)
    for sizes, count in (((0.39, 0.2), 0), ((0.41, 0.39), 1), ((0.41, 0.6), 2)):
        inner = overlap @ overlap.transpose(0, 2, 1)
        inner[:2] += np.diag(sizes) ** 2
        run = Trajectory(
            problem, np.arange(3.0), {"overlap": overlap, "self_overlap": inner}, np.zeros(3)
        )
        rests.rest_near(Landscape(problem), run, 1)
        assert asked.pop() == count


def test_where_a_run_is_beside_a_point():
    """A planted course of the overlaps: away, close, away; of vectors that become longer."""
    problem = op.load("two-stage", ["attention.heads=2"])
    landscape = Landscape(problem, residual=0)
    point = unspecialized_point(landscape)
    shift = np.array([0.5, 0.02, 0.01, 0.2, 0.8])
    overlap = point.state["overlap"] + shift[:, None, None] * np.array([[0, 0.6, 0], [0, 0, 0.8]])
    inner = overlap @ overlap.transpose(0, 2, 1)
    run = Trajectory(
        problem, np.arange(5.0) ** 2, {"overlap": overlap, "self_overlap": inner}, np.zeros(5)
    )
    length = np.linalg.norm(overlap[-1])
    np.testing.assert_allclose(relative_distance(landscape, run, point), shift / length)
    rest = examine(landscape, point, run)
    assert (rest.distance, rest.end) == pytest.approx((0.01 / length, 0.8 / length))
    assert rest.time == 4.0
    assert len(rest.unstable) == len(rest.growth) == 2
    assert rest.unstable == rest.modes[:2]
    nowhere = Trajectory(
        problem, np.arange(5.0), {name: 0 * v for name, v in run.parameters.items()}, np.zeros(5)
    )
    far = relative_distance(landscape, nowhere, point)
    np.testing.assert_allclose(far, np.linalg.norm(point.state["overlap"]) / 1e-12)


@pytest.mark.parametrize("preset", ["two-stage", "saad-solla"])
def test_the_distance_is_that_of_the_vectors(preset):
    """Oracle: vectors in coordinates, K = [m W], at the turn of the residual that brings them
    nearest, found by scipy's orthogonal Procrustes."""
    landscape = Landscape(op.load(preset), residual=0)
    generator = np.random.default_rng(0)
    count, directions = landscape.weights_shape
    overlap = generator.standard_normal((4, count, directions))
    residual = generator.standard_normal((4, count, count))
    residual[1] = 0.0
    states = [
        landscape.with_residual().state(Vectors(m, w, landscape.flow.start.numbers))
        for m, w in zip(overlap, residual, strict=True)
    ]
    names = ("overlap", "self_overlap")
    parameters = {name: np.array([state[name] for state in states]) for name in names}
    run = Trajectory(landscape.problem, np.arange(4.0), parameters, np.zeros(4))
    size = np.linalg.norm(overlap[-1]) ** 2 + np.linalg.norm(residual[-1]) ** 2
    for i in (0, 1):
        point = StationaryPoint(np.zeros(1), None, states[i], 0.0, 0.0)
        turns = [scipy.linalg.orthogonal_procrustes(w, residual[i])[0] for w in residual]
        apart = [
            np.hypot(np.linalg.norm(m - overlap[i]), np.linalg.norm(w @ turn - residual[i]))
            for m, w, turn in zip(overlap, residual, turns, strict=True)
        ]
        found = relative_distance(landscape, run, point)
        np.testing.assert_allclose(found, apart / np.sqrt(size), atol=1e-6)  # √rounding


def test_a_state_is_its_own_residual():
    landscape = Landscape(problem_with("attention.heads=1"), residual=0)
    point = point_at(landscape, np.array([1.0, 0.3]))
    assert point.residual == np.abs(landscape.gradient(point.x)).max()
    assert not point.converged
