"""What is wrong with a theory: derivatives, score tests, fits and slips.

Oracles: differences of flows; Gaussian numbers with a planted parameter; SciPy's minimiser; runs of
SGD whose settings or times are not those of the theory.
"""

import dataclasses

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

import orderparams as op
from orderparams.results.causes import CAUSES, NAMES, Score, expected, meaning, uncertain
from orderparams.run import innovations as module
from orderparams.run.altered import with_decay, with_fluctuations
from orderparams.run.innovations import innovations
from orderparams.run.one_dimension import few_enough
from orderparams.run.restarts import Restarts
from orderparams.run.scores import fitted, score_tests
from orderparams.run.slips import number, slips

PRESET = "finite-learning-rate"
ONE = {
    "simulation.dimension": 1000,
    "simulation.replicas": 1,
    "training.learning_rate": 2.0,
    "training.duration": 5.0,
    "output.points": 3,
}
GENERATOR = np.random.default_rng(11)
SCHEDULE = {
    "training.schedule": {"kind": "piecewise", "times": [1.3], "factors": [0.3]},
    "training.weight_decay": 0.1,
}


@pytest.mark.parametrize("more", [{}, SCHEDULE], ids=["constant", "schedule"])
def test_slopes_are_differences_of_flows(more):
    """By log t, γV/B and λ, also over a time at which the learning rate jumps."""
    accurate = {"integrator.rtol": 1e-9, "integrator.atol": 1e-10}
    asked = with_fluctuations(op.load(PRESET, {**more, **accurate}))
    state = op.solve(asked, settings={"training.duration": 1.0}).state(-1)
    step, ends = 1e-3, np.array([1.0, 1.8])

    def flow(problem, factor=1.0):
        restarts = Restarts(problem, state, 1.0, lambda t: None)
        return restarts.predicted(state, *(factor * ends).tolist())

    def faster(factor):
        rate = factor * asked.training.learning_rate
        training = dataclasses.replace(asked.training, learning_rate=rate)
        return dataclasses.replace(asked, training=training)

    restarts = Restarts(asked, state, 1.0, lambda t: None)
    look = restarts.look(state, *ends.tolist(), restarts.start)
    slopes = restarts.spread(look).slopes
    by_time = flow(asked, 1 + step) - flow(asked, 1 - step)
    by_noise = flow(faster(1 + step)) - flow(faster(1 - step))
    by_decay = flow(with_decay(asked, step)) - flow(with_decay(asked, -step))
    found = np.array([by_time, by_noise, by_decay]) / (2 * step)
    np.testing.assert_allclose(slopes, found, rtol=4e-3, atol=4e-4)


@pytest.mark.parametrize("power", [0, 1, 2])
def test_a_planted_parameter_is_fitted(power):
    """ε ~ N(θd, e^{pθ}); the fit has the least deviance that SciPy finds."""
    derivative = GENERATOR.normal(size=(40, 5, 4))
    noise = GENERATOR.normal(size=derivative.shape)
    innovation = 0.3 * derivative + np.exp(0.5 * power * 0.3) * noise

    def deviance(theta):
        rest = np.square(innovation - theta * derivative).sum()
        return rest * np.exp(-power * theta) + power * theta * innovation.size

    fit = fitted(innovation, derivative, power)
    assert abs(fit.theta - 0.3) < 4 * fit.error
    best = scipy.optimize.minimize_scalar(deviance, bounds=(-2, 2), method="bounded")
    assert fit.theta == pytest.approx(best.x, abs=1e-4)
    assert fit.gain == pytest.approx(deviance(0.0) - best.fun, rel=1e-6)
    near = [deviance(fit.theta + side * fit.error) - best.fun for side in (-1, 1)]
    assert np.mean(near) == pytest.approx(1.0, abs=0.2)


def test_scores_of_normal_numbers_are_normal():
    slopes = GENERATOR.normal(size=(3, 4, 3, 5))
    drawn = GENERATOR.normal(size=(1500, 3, 4, 5))
    found = np.array(
        [[one.z for one in score_tests(own, slopes, "sgd", stepped=True)] for own in drawn]
    )
    for row in found.T:
        assert abs(row.mean()) < 4 / np.sqrt(len(drawn))
        assert row.std() == pytest.approx(1, abs=4 / np.sqrt(2 * len(drawn)))
    one = score_tests(drawn[0], slopes, "sgd")[0]
    assert one.pvalue == pytest.approx(2 * scipy.stats.norm.sf(abs(one.z)), rel=1e-10)


def test_without_v_its_scale_has_no_score():
    slopes = GENERATOR.normal(size=(1, 4, 3, 5))
    found = score_tests(GENERATOR.normal(size=(1, 4, 5)), slopes, "gradient-flow")
    none = {one.name for one in found if np.isnan(one.z)}
    assert none == {"gradient", "learning_rate", "dimension"}
    assert expected("drift", "gradient-flow") == 0
    assert expected("drift", "sgd") == 1


WRONG = {
    "time": ({}, {}, 0.5, 2.0, "multiply it by learning_rate"),
    "gradient": ({"training.learning_rate": 4.0}, {}, 0.5, 2.0, "factor 1/2"),
    "learning_rate": ({"training.learning_rate": 1.0}, {}, 1.0, 0.5, "over batch size"),
    "weight_decay": ({}, {"training.weight_decay": 0.03}, 1.0, -0.03, "weight decay"),
}


@pytest.mark.parametrize(
    "name",
    [
        "time",
        "learning_rate",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("gradient", "weight_decay")),
    ],
)
def test_what_is_wrong_is_named(name):
    """SGD of other settings, or with times of another scale, than the theory has."""
    sgd, theory, scale, value, words = WRONG[name]
    run = op.simulate(PRESET, settings={**ONE, **sgd}, risks=False)
    problem = op.load(PRESET, {**ONE, **theory})
    found = innovations(problem, 1000, scale * run.time, run.parameters)
    assert found.verdict == "disagree"
    own = found.scores[NAMES.index(name)]
    assert abs(own.value - value) < 4 * own.error
    assert own.error < 0.1 * abs(value)
    assert own.gain == max(one.gain for one in found.scores)
    assert meaning(own, "sgd") in found.explanation
    assert "within chance" in found.explanation
    assert words in found.reason


def test_a_missing_v_is_named():
    run = op.simulate(PRESET, settings=ONE, risks=False)
    found = innovations(op.load(PRESET, ONE), 1000, run.time, run.parameters, rule="gradient-flow")
    own = found.scores[NAMES.index("drift")]
    assert abs(own.value - 1) < 4 * own.error
    assert "has 0 times that" in found.explanation


SLIPS = {
    "γ n/D": ("time", 5.0),
    "learning_rate twice": ("time", 0.2),
    "batches of batch_size": ("time", 0.25),
    "multiply it by batch_size": ("time", 4.0),
    "lacks a factor 1/2": ("gradient", 2.0),
    "1/2 too many": ("gradient", 0.5),
    "summed over the batch": ("gradient", 4.0),
    "batch_size twice": ("gradient", 0.25),
    "multiply it by √D": ("time", 30.0),
    "divide it by √D": ("time", 1 / 30),
    "training.batch_size = 1": ("learning_rate", 4.0),
}


@pytest.mark.parametrize("words", SLIPS)
def test_slips_are_recognised(words):
    name, value = SLIPS[words]
    score = Score(name, value, 0.01 * value, 9.0, 0.0, 80.0)
    (found,) = slips(score, 5.0, 4, 900)
    assert words in found
    assert found not in slips(score._replace(value=1.3 * value), 5.0, 4, 900)


NUMBERS = {
    "the dimension is 450, not 900": ("dimension", 0.5, True),
    "the learning rate is 10, not 5": ("gradient", 2.0, True),
    "time has to be multiplied by 0.4": ("time", 0.4, False),
    "step has to be multiplied by 0.4": ("time", 0.4, True),
    "the dimension is 450, not 900, at the right times": ("noise", 2.0, False),
    "the dimension is 3600, not 900, at the right times, or the data are means over 4 replicas": (
        "noise",
        0.25,
        False,
    ),
}


@pytest.mark.parametrize("words", NUMBERS)
def test_a_factor_is_told_as_the_number_that_it_makes(words):
    """Of the scatter, whose variance goes as 1/D, and as one over the replicas of a mean."""
    name, value, stepped = NUMBERS[words]
    score = Score(name, value, 0.01, 9.0, 0.0, 80.0)
    assert number(score, 5.0, 900, stepped=stepped) == words


def test_a_scatter_beyond_all_sgd_asks_for_the_order_of_rows():
    score = Score("noise", 200.0, 9.0, 9.0, 0.0, 80.0)
    assert "are rows in the order of time" in number(score, 5.0, 900, stepped=True)


def test_nothing_is_a_slip_where_it_changes_nothing():
    assert not slips(Score("time", 1.0, 0.01, 9.0, 0.0, 80.0), 1.0, 1, 900)


def test_values_are_told_as_far_as_they_are_known():
    assert uncertain(2.0068, 0.027) == "2.007 +- 0.027"
    assert uncertain(856.3, 171.0) == "856 +- 171"
    assert len({cause.label for cause in CAUSES}) == len(CAUSES)


def test_errors_of_expectations_ask_for_more_nodes(monkeypatch):
    """Once, and the problem stays that which was asked for."""
    taken = []

    def judgement(problem, *given):
        taken.append(problem.expectation.samples)
        return dataclasses.replace(told, engine_share=50.0 if len(taken) == 1 else 0.0)

    problem = op.load(PRESET, ONE)
    run = op.simulate(problem, risks=False)
    told = innovations(problem, 1000, run.time, run.parameters)
    told = dataclasses.replace(told, pvalue_mean=1e-9)
    monkeypatch.setattr(module, "judgement", judgement)
    found = innovations(problem, 1000, run.time, run.parameters)
    assert taken == [16384, 65536]
    assert found.problem == problem
    assert found.verdict == "disagree"


def test_replicas_that_are_too_many_are_left_out():
    """0.2 (D/5)² squares, over 4 intervals of 5 order parameters."""
    settings = {"simulation.dimension": 200, "simulation.replicas": 30}
    problem = few_enough(op.load(PRESET, settings), 5)
    assert problem.simulation.replicas == 16
    assert few_enough(op.load(PRESET, {"simulation.dimension": 5}), 5).simulation.replicas == 1


def test_the_committee_machine_is_judged_by_one_replica():
    settings = {
        "simulation.dimension": 1000,
        "simulation.replicas": 1,
        "training.duration": 4.0,
        "output.points": 4,
    }
    right = op.validate("saad-solla", settings=settings)
    assert right.verdict == "agree", right.reason
    assert right.problem.simulation.replicas == 1


@pytest.mark.slow
def test_the_flow_of_the_committee_machine_lacks_v():
    settings = {"simulation.dimension": 1000, "training.duration": 4.0, "output.points": 5}
    few = {**settings, "simulation.replicas": 1}
    wrong = op.validate("saad-solla", settings=few, rule="gradient-flow")
    assert wrong.verdict == "disagree"
    own = wrong.scores[NAMES.index("drift")]
    assert abs(own.value - 1) < 4 * own.error
