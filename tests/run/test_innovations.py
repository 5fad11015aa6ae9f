"""Innovations of SGD between measured times, and the verdict on them.

Oracles: normal numbers and SciPy's distributions; Gaussian processes made in plain NumPy; the
simulation of the program, which knows nothing of fluctuations.
"""

import dataclasses
import functools

import numpy as np
import pytest
import scipy.linalg
import scipy.stats

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.results.causes import uncertain
from orderparams.run import innovations as module
from orderparams.run.altered import with_fluctuations
from orderparams.run.decidable import doubt
from orderparams.run.innovations import innovations
from orderparams.run.intervals import Plan, parted, stops
from orderparams.run.restarts import Look, Restarts, Spread
from orderparams.run.whiteness import (
    mean_pvalue,
    pvalue,
    resolution,
    spread_pvalue,
    waves,
)
from orderparams.run.whitening import Measured, between

PRESET = "finite-learning-rate"
ONE = {"simulation.dimension": 1000, "simulation.replicas": 1, "training.learning_rate": 2.0}
GENERATOR = np.random.default_rng(3)


def sgd(settings):
    """One replica of the program."""
    return op.simulate(PRESET, settings={**ONE, **settings}, risks=False)


def judged(run, theory, **given):
    """Its innovations under another theory."""
    problem = op.load(PRESET, {**ONE, **theory})
    return innovations(problem, problem.simulation.dimension, run.time, run.parameters, **given)


def test_statistics_are_those_of_normal_numbers():
    """Sum of squares and cosines as SciPy has χ²; p-values of normal numbers are uniform."""
    values = GENERATOR.normal(size=(3, 7, 4))
    less = scipy.stats.chi2.cdf((values**2).sum(), values.size)
    assert spread_pvalue(values) == pytest.approx(2 * min(less, 1 - less), rel=1e-10)
    assert spread_pvalue(0.5 * values) < 1e-6
    middle = np.arange(7) + 0.5
    cosines = np.array([np.cos(np.pi * k * middle / 7) for k in range(3)])
    expected = np.einsum("ki,rin->kn", cosines, values)
    expected /= np.sqrt(3 * (cosines**2).sum(1))[:, None]
    np.testing.assert_allclose(waves(values), expected, atol=1e-13)
    tail = scipy.stats.chi2.sf((expected**2).sum(), 12)
    assert mean_pvalue(values) == pytest.approx(tail, rel=1e-10)
    many = GENERATOR.normal(size=(2000, 1, 9, 3))
    for of in (spread_pvalue, mean_pvalue):
        found = [of(one) for one in many]
        assert scipy.stats.kstest(found, "uniform").pvalue > 1e-3
    alarms = sum(pvalue(one) < 0.1 for one in many)
    assert abs(alarms - 200) < 4 * np.sqrt(200 * 0.9)


def test_the_resolution_is_where_the_rejection_begins():
    values = GENERATOR.normal(size=(2, 10, 3))
    motion = 3 + GENERATOR.normal(size=values.shape)
    least = resolution(values, motion, 0.01)
    assert all(pvalue(values + sign * least * motion) < 0.01 for sign in (1, -1))
    assert any(pvalue(values + sign * 0.9 * least * motion) >= 0.01 for sign in (1, -1))
    assert np.isinf(resolution(values, 0 * motion, 0.01))
    assert np.isnan(resolution(5 * values, motion, 0.01))


class Line:
    """dX = (A X + h) dt + (G dW)/√D, whose intervals are known in closed form."""

    a = np.array([[0.3, 0.2], [0.0, -0.5]])
    noise = np.array([[1.0, 0.4], [0.4, 0.5]])
    start = np.zeros((2, 2))

    @functools.cache  # noqa: B019
    def exact(self, length):
        """Φ, and Q as a sum over many short times."""
        times = (np.arange(400) + 0.5) * length / 400
        flows = np.array([scipy.linalg.expm(self.a * t) for t in times])
        summed = np.einsum("tij,jk,tlk->il", flows, self.noise, flows) * length / 400
        return scipy.linalg.expm(self.a * length), summed

    def predicted(self, state, begin, end):
        return self.exact(round(end - begin, 9))[0] @ state["x"]

    def growth(self, state, begin):
        return 0.3

    def look(self, state, begin, end, hidden):
        covariance = self.exact(round(end - begin, 9))[1]
        return Look(np.array([begin, end]), None, [], None, covariance, 0.3)

    def spread(self, look):
        none = np.zeros((2, 2))
        shift = np.array([3.0, -2.0])
        return Spread(look.covariance, shift, look.growth, none, none, np.zeros((3, 2)), 0.1)


def line_measured(x, dimension, scale=1e9):
    """Of a line, at times 0, 0.7, 1.4, …; X is (R, T, 2)."""
    time = 0.7 * np.arange(x.shape[1])
    return Measured(dimension, time, {"x": x}, x, np.full(2, scale))


@pytest.mark.parametrize("shifted", [True, False])
def test_a_gaussian_process_is_whitened(shifted):
    """An unstable one, measured at D = 50 with its mean shifted by r/D."""
    line, dimension, length = Line(), 50, 0.7
    flow, covariance = line.exact(length)
    root = np.linalg.cholesky(covariance / dimension)
    x = GENERATOR.normal(size=(1000, 2))
    after = x @ flow.T + GENERATOR.normal(size=x.shape) @ root.T
    after += shifted * np.array([3.0, -2.0]) / dimension
    measured = line_measured(np.stack([x, after], axis=1), dimension)
    (found,) = between(line, measured)
    ratio = np.cov(found.innovation.T) - np.eye(2)
    assert np.abs(ratio).max() < 5 / np.sqrt(len(x))
    error = found.innovation.mean(0) * np.sqrt(len(x))
    assert (np.abs(error).max() < 4) == shifted
    ahead = x @ flow.T + np.array([3.0, -2.0]) / dimension
    np.testing.assert_allclose(found.predicted, ahead, rtol=1e-12)
    np.testing.assert_allclose(found.innovation, np.linalg.solve(root, (after - ahead).T).T)
    own = np.linalg.solve(root, (x @ flow.T - x).T).T
    np.testing.assert_allclose(found.motion, own, rtol=1e-9)


def test_replicas_that_are_close_share_what_an_interval_adds():
    calls = []

    class Counted(Line):
        def look(self, *given):
            calls.append(given[0]["x"])
            return super().look(*given)

    x = np.array([[1.0, 0.0], [1.0, 0.1]])
    both = np.stack([x, x], axis=1)
    between(Counted(), line_measured(both, 50, 1.0))
    np.testing.assert_array_equal(calls, [[1.0, 0.05]])
    between(Counted(), line_measured(both, 50, 0.1))
    np.testing.assert_array_equal(calls[1:], x)


def test_intervals_have_many_steps_and_are_few():
    steps = np.arange(0, 10_001, 50.0)
    assert len(stops(steps, 20)) == 21
    assert (np.diff(stops(steps, 1000)) == 2).all()
    crowded = np.array([0.0, 20, 40, 5000, 9950, 10_000])
    assert stops(crowded, 20).tolist() == [0, 3, 5]
    assert stops(np.array([0.0, 30, 60]), 20).tolist() == [0, 2]


class Unstable(Line):
    """Grows as exp(2t), and as exp(-t/2)."""

    a = np.diag([2.0, -0.5])

    def growth(self, state, begin):
        return 2.0

    def look(self, *given):
        return super().look(*given)._replace(growth=2.0)


def test_intervals_are_shorter_where_the_flow_is_unstable():
    """Of 14 units of time: none grows by more than exp 2, or is of less than 100 steps, and none is
    shorter than was meant where nothing grows so much."""
    x = np.zeros((1, 21, 2))
    measured, steps = line_measured(x, 1000, 1.0), 700.0 * np.arange(21)
    ends, found = parted(Unstable(), measured, Plan(steps, 2, 40))
    assert ends.tolist() == list(range(21))
    assert [len(one.spreads) for one in found] == [1] * 20
    ends, _ = parted(Unstable(), measured, Plan(steps, 2, 4))
    assert ends[[0, -1]].tolist() == [0, 20]
    assert len(ends) == 5
    ends, _ = parted(Unstable(), measured, Plan(steps / 10, 2, 40))
    assert np.diff(steps[ends] / 10).min() >= 100
    stable = Unstable()
    stable.look, stable.growth = Line().look, Line().growth
    ends, _ = parted(stable, line_measured(x, 10**6, 1.0), Plan(steps, 4, 40))
    assert ends.tolist() == [0, 5, 10, 15, 20]


@pytest.mark.parametrize("jump", [False, True])
def test_an_interval_is_that_of_a_run_with_fluctuations(jump):
    """Q and r from the start of a run to a time are its S and b there."""
    schedule = {"kind": "piecewise", "times": [0.5], "factors": [0.3]}
    more = {"training.schedule": schedule} if jump else {}
    problem = op.load(PRESET, {**more, "training.duration": 1.0, "output.points": 2})
    asked = with_fluctuations(problem)
    run = op.solve(asked)
    last = {name: values[-1] for name, values in run.parameters.items()}
    restarts = Restarts(asked, last, 1.0, lambda t: None)
    found = restarts.spread(restarts.look(run.state(0), 0.0, run.time[-1], restarts.start))
    expected = run.fluctuations
    np.testing.assert_allclose(found.covariance, expected.covariance[-1], rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(found.shift, expected.shift[-1], rtol=0.02, atol=2e-3)
    end = restarts.predicted(run.state(0), 0.0, run.time[-1])
    np.testing.assert_allclose(end, expected.flow[-1], atol=1e-5)


def test_innovations_of_sgd_are_normal():
    """Replicas one by one: p-values uniform, false alarms few; all of them together agree."""
    settings = {"simulation.replicas": 24, "training.duration": 6.0, "output.points": 4}
    found = judged(sgd(settings), settings)
    assert found.verdict == "agree", found.reason
    epsilon = found.innovation
    alone = [pvalue(epsilon[r : r + 1]) for r in range(24)]
    assert sum(p < 0.01 for p in alone) <= 2
    assert scipy.stats.kstest([spread_pvalue(e[None]) for e in epsilon], "uniform").pvalue > 1e-3
    flat = epsilon.reshape(-1, 5)
    assert np.abs(flat.T @ flat / len(flat) - np.eye(5)).max() < 4.5 * np.sqrt(2 / len(flat))


WRONG = {
    "V": ({}, "gradient-flow"),
    "learning rate": ({"training.learning_rate": 4.0}, "sgd"),
    "weight decay": ({"training.weight_decay": 0.03}, "sgd"),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_replica_rejects_a_wrong_theory(name):
    """V left out, a learning rate twice too large, a weight decay that SGD does not have."""
    theory, rule = WRONG[name]
    found = judged(sgd({"output.points": 6}), {**theory, "output.points": 6}, rule=rule)
    assert found.verdict == "disagree"
    assert found.least_pvalue < 1e-6


def test_a_replica_agrees_through_an_escape():
    """From a random start the heads part at a time of chance, and innovations do not mind."""
    settings = {
        "initial": {"kind": "random", "variance": 0.05},
        "training.duration": 24.0,
        "training.learning_rate": 0.5,
        "output.points": 9,
    }
    found = judged(sgd(settings), settings)
    assert np.abs(found.measured[0, -1, :2]).max() > 0.5
    assert found.growth > 0.5
    assert found.verdict == "agree", found.reason


def test_hidden_overlaps_of_the_scalar_target_go_on():
    """What is not measured begins an interval as it ended the last, or over random starts."""
    settings = {
        "task.target": "scalar",
        "initial": {"kind": "random", "variance": 0.3},
        "training.duration": 1.0,
    }
    asked = with_fluctuations(op.load(PRESET, settings))
    run = op.simulate(op.load(PRESET, {**ONE, **settings, "output.points": 2}), risks=False)
    restarts = Restarts(asked, run.end(0), 1.0, lambda t: None)
    hidden = np.outer(restarts.unseen, restarts.unseen)
    np.testing.assert_allclose(restarts.start[hidden].reshape(2, 2), 0.3 * np.eye(2), atol=1e-12)
    state = {name: values[0, 0] for name, values in run.parameters.items()}
    first, none = (
        restarts.spread(restarts.look(state, 0.0, 0.5, known))
        for known in (restarts.start, 0 * restarts.start)
    )
    assert np.abs(first.shift - none.shift).max() > 0.01
    np.testing.assert_allclose(first.covariance, none.covariance, atol=1e-12)
    assert np.linalg.eigvalsh(first.hidden[hidden].reshape(2, 2))[0] > 0.1


@pytest.fixture(scope="module")
def found():
    """A verdict of the program."""
    settings = {**ONE, "training.duration": 3.0, "output.points": 4}
    return op.validate(PRESET, settings=settings, test="innovations")


def test_a_verdict_is_kept(found, tmp_path):
    assert found.verdict == "agree", found.reason
    assert found.innovation.shape == (1, 3, 5)
    found.save(tmp_path / "found.h5")
    again = op.open(tmp_path / "found.h5")
    for entry in dataclasses.fields(found):
        if entry.name not in ("problem", "simulation"):
            np.testing.assert_array_equal(getattr(again, entry.name), getattr(found, entry.name))
    assert again.verdict == "agree"
    np.testing.assert_array_equal(again.simulation["overlap"], found.simulation["overlap"])
    run = found.simulation
    ends = np.isin(run.time, found.time)
    np.testing.assert_array_equal(found.measured[..., :2], run["overlap"][..., 0][:, ends])
    first = (found.measured[:, 1:, 0] - found.predicted[..., 0]) / found.standard_deviation[..., 0]
    np.testing.assert_allclose(first, found.innovation[..., 0], rtol=1e-3)
    figure = found.plot()
    *panels, last, words, causes = figure.axes
    assert len(last.lines) == 5 + 3
    shown = [one for one in found.scores if one.name != "dimension"]
    np.testing.assert_array_equal(causes.lines[0].get_xdata(), [one.z for one in shown])
    told = [text.get_text() for text in words.texts]
    assert told[0] == "scale of time, 1 in theory"
    assert told[1] == uncertain(shown[0].value, shown[0].error).replace("+-", "±")
    assert len(told) == 2 * len(shown)
    for axes, names in zip(panels, (("m", 2), ("q", 3)), strict=True):
        assert axes.get_ylabel().endswith(names[0])
        assert len(axes.collections) == names[1] * 3
    points, line = panels[0].lines[:2]
    np.testing.assert_array_equal(points.get_ydata(), found.measured[0, :, 0])
    np.testing.assert_array_equal(line.get_ydata()[1], found.predicted[0, 0, 0])


DOUBTS = {
    "": {},
    "would see the next order": {"limit_of_dof": 14.0},
    "small for D above 2e": {"linear_dimension": 2e4},
    "expectation.samples": {"pvalue_mean": 1e-9, "engine_share": 3.0},
    "60% of a variance": {"pvalue_mean": 1e-9, "sequence_share": 0.6},
    "Only an error of 40%": {"resolution": 0.4},
    "ten times the motion": {"resolution": np.inf},
}


@pytest.mark.parametrize("words", DOUBTS)
def test_evidence_that_cannot_decide_says_so(found, words):
    told = doubt(dataclasses.replace(found, **DOUBTS[words]), 100)
    assert words in told
    assert bool(words) == bool(told)


def test_few_steps_cannot_decide(found):
    assert "only 70 steps" in doubt(found, 70)


def test_errors_of_expectations_do_not_hide_an_agreement(found):
    assert not doubt(dataclasses.replace(found, engine_share=3.0, sequence_share=0.6), 100)


REFUSED = {
    "are 2, and innovations are judged in one": {"dimensions": [100, 200]},
    "start": {"start": "mean"},
    "of no use": {"learning_rates": [1.0, 2.0]},
    "test": {"test": "both"},
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_has_no_meaning_is_refused(words):
    given = {"test": "innovations", **REFUSED[words]}
    with pytest.raises(ConfigurationError, match=words):
        op.validate(PRESET, **given)


def test_models_without_fluctuations_are_refused():
    with pytest.raises(ConfigurationError, match="in-context"):
        op.validate("in-context-pairs", test="innovations")


MEASURED = {
    "missing": lambda time, x: (time, {"overlap": x["overlap"]}),
    "increase": lambda time, x: (time[::-1], x),
    "not finite": lambda time, x: (time, {**x, "overlap": np.nan * x["overlap"]}),
}


@pytest.mark.parametrize("words", MEASURED)
def test_what_was_not_measured_is_refused(found, words):
    run = found.simulation
    own = np.isin(run.time, found.time)
    known = {name: values[:, own] for name, values in run.parameters.items()}
    time, x = MEASURED[words](found.time, known)
    with pytest.raises(ConfigurationError, match=words):
        innovations(op.load(PRESET), 1000, time, x)


def test_no_engine_is_trusted_with_too_much(found, monkeypatch):
    """Many replicas in few dimensions: as many intervals as can be trusted, at least one."""
    monkeypatch.setattr(module, "EXCESS", 1000 / np.sqrt(5 * 10))
    run = found.simulation
    own = np.isin(run.time, found.time)
    x = {name: values[:, own] for name, values in run.parameters.items()}
    again = innovations(found.problem, 1000, found.time, x)
    assert again.limit_of_dof == pytest.approx(10)
    assert again.innovation.shape == (1, 2, 5)


def test_steps_with_momentum_are_counted_as_they_are():
    """γ = 0.5 with μ = 0.9 is 5: 400 steps to t = 4 at D = 500, in intervals of 100 or more."""
    settings = {
        "training.learning_rate": 0.5,
        "training.momentum": 0.9,
        "training.duration": 4,
        "simulation.dimension": 500,
        "simulation.replicas": 1,
        "output.points": 9,
    }
    found = op.validate("finite-learning-rate", settings=settings, test="innovations")
    assert 1 <= found.innovation.shape[1] <= 4
