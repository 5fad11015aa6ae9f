"""What leads to the limit: large dimensions, or small learning rates.

Oracle: deviations that are exactly c + b/D, or c + bγ.
"""

import dataclasses

import numpy as np
import pytest

import orderparams as op
from orderparams.models import registry
from orderparams.models.limit import LARGE_DIMENSION, SMALL_STEPS
from orderparams.models.single_location.parameters import PARAMETERS
from orderparams.results.comparison import Comparison, Scaling
from orderparams.results.validation import at_value, value_of
from orderparams.run import doubts
from orderparams.run.compare import without_bias
from orderparams.run.doubts import Grounds
from orderparams.run.means import correction, default_values

FALL = Scaling(np.array([0.08, 0.02]), np.array([0.2, 0.1]), 0.5, 0.05)
GROUNDS = Grounds(
    PARAMETERS[:1], {}, {}, {"overlap": 1e-9}, "m_1,1", 0.1, FALL, 0.08, 1000, 20, SMALL_STEPS
)
FOUND = Comparison({}, {}, {"overlap": np.zeros(1)}, {}, 7, 0.5, 0.01, resolution=0.1)
REJECTED = dataclasses.replace(FOUND, least_pvalue=0.001)


@pytest.mark.parametrize(
    ("limit", "values", "bias"),
    [(LARGE_DIMENSION, (100, 400), lambda d: 3 / d), (SMALL_STEPS, (0.08, 0.02), lambda g: 3 * g)],
    ids=["D", "learning rate"],
)
def test_the_bias_is_taken_out(limit, values, bias):
    deviations = [{"x": np.full((2, 3), 0.7 + bias(value))} for value in values]
    sizes = [limit.size(value) for value in values]
    found = without_bias(deviations[0], sizes[0], deviations[1], sizes[1])
    np.testing.assert_allclose(found["x"], 0.7)
    courses = [one["x"] for one in deviations]
    ratio = correction(courses[0], sizes[0], courses[1], sizes[1])
    assert ratio == pytest.approx(bias(values[1]) / 0.7)


def test_values_in_order_and_in_words():
    assert LARGE_DIMENSION.approached([400, 100, 400]) == [100, 400]
    assert SMALL_STEPS.approached([0.02, 0.08, 0.02]) == [0.08, 0.02]
    assert (LARGE_DIMENSION.nearest([100, 400]), SMALL_STEPS.nearest([0.08, 0.02])) == (400, 0.02)
    assert (LARGE_DIMENSION.coarser(1001), LARGE_DIMENSION.coarser(3)) == (250, 1)
    assert SMALL_STEPS.coarser(0.02) == 0.08
    assert LARGE_DIMENSION.at(100, 400) == "D = 100, 400"
    assert (LARGE_DIMENSION.fall, SMALL_STEPS.fall) == ("D^(-1/2)", "learning_rate^(1/2)")
    words = [limit.extrapolated(*two) for limit, two in ((LARGE_DIMENSION, (100, 400)),
                                                         (SMALL_STEPS, (0.08, 0.02)))]  # fmt: skip
    assert words == [
        "extrapolated in 1/D from D = 100 and 400",
        "extrapolated in learning_rate from 0.08 and 0.02",
    ]


@pytest.mark.parametrize("name", ["single-head", "saad-solla", "in-context-pairs"])
def test_a_problem_at_another_value(name):
    problem = op.load(name)
    limit = registry.limit(problem.model)
    coarse, own = default_values(problem)
    assert own == value_of(problem)
    assert limit.approached([own, coarse]) == [coarse, own]
    other = at_value(problem, coarse)
    assert value_of(other) == coarse
    seeds = {one.simulation.seed for one in (problem, other, at_value(problem, own))}
    assert len(seeds) == 3
    ratio = problem.step_time / other.step_time
    assert ratio == pytest.approx(limit.size(coarse) / limit.size(own))


SAID = {
    "few steps": (
        doubts.few_steps,
        FOUND,
        {"steps": 40},
        "SGD made only 40 steps at learning_rate = 0.08; the theory is the limit of many small "
        "ones. Take at least 100: lower training.learning_rate (or the learning rates asked for), "
        "or raise training.duration.",
    ),
    "another spread": (
        doubts.other_spread,
        FOUND,
        {"scaling": dataclasses.replace(FALL, exponent=0.8)},
        "The spread over replicas goes as learning_rate^(0.80 +- 0.05) where a small learning rate "
        "has learning_rate^(1/2): the extrapolation in learning_rate fails, and no shorter time "
        "has another spread. Take learning rates several times as small.",
    ),
    "far": (
        doubts.far,
        REJECTED,
        {"correction": 3.0},
        "The deviation of m_1,1 is beyond chance, but 3 times smaller than the correction of order "
        "learning_rate that was taken out: it can be of order learning_rate^2. Take learning rates "
        "four times as small.",
    ),
    "blind": (
        doubts.blind,
        dataclasses.replace(FOUND, resolution=np.inf),
        {},
        "Even a theory with ten times the motion would not have been rejected, where 25% is asked "
        "for: lower training.learning_rate, or compare over a time in which the order parameters "
        "move more.",
    ),
}


@pytest.mark.parametrize(("reason", "found", "changes", "words"), SAID.values(), ids=SAID)
def test_doubts_at_small_learning_rates(reason, found, changes, words):
    assert reason(found, dataclasses.replace(GROUNDS, **changes)) == words


def test_the_right_spread_and_a_small_correction_give_no_doubt():
    assert doubts.other_spread(FOUND, GROUNDS) == ""
    assert doubts.far(REJECTED, GROUNDS) == ""
    falling = dataclasses.replace(FALL, exponent=-0.5)
    assert doubts.other_spread(FOUND, dataclasses.replace(GROUNDS, scaling=falling)) != ""
