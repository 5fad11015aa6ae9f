"""Oracles: the uniform law of p-values by chance, real SGD, power laws that were put in."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models.parameters import OrderParameter
from orderparams.models.single_location import model
from orderparams.models.single_location import parameters as known
from orderparams.run.compare import compare, course_pvalue, without_bias
from orderparams.run.spread import near_the_limit, scaling, until
from orderparams.run.times import output_times

Array = NDArray[np.float64]

HEADS, FEATURES, TIMES = 3, 2, 20
PARAMETERS = HEADS * FEATURES + HEADS * HEADS

TABLE = {one.name: one for one in (*known.PARAMETERS, OrderParameter("loss", "E", "loss", ()))}


def judge(values, **options):
    """The verdict on deviations of these order parameters."""
    return compare(values, [TABLE[name] for name in values], **options)


def fluctuations(generator: np.random.Generator, replicas: int) -> Array:
    """Strongly correlated Gaussian paths that grow in time, (R, T, PARAMETERS)."""
    mixing = np.random.default_rng(0).standard_normal((PARAMETERS, PARAMETERS))
    mixing *= 3.0 ** -np.arange(PARAMETERS)[:, None]
    steps = generator.standard_normal((replicas, TIMES, PARAMETERS)) @ mixing
    return np.cumsum(steps * np.geomspace(1e-3, 1.0, TIMES)[:, None], axis=1)


def simulated(generator: np.random.Generator, replicas: int, dimension: int) -> dict[str, Array]:
    """Deviations with fluctuations of order D^(−1/2), skewed at order 1/D, and a bias of order 1/D
    that at D = 100 is as large as the fluctuations; starts from exact overlaps."""
    x = fluctuations(generator, replicas) / np.sqrt(dimension)
    x = x + (0.1 * x**2 + np.linspace(0.0, 10.0, TIMES)[:, None] / dimension)
    x[:, 0] = 1e-17
    overlap, residual = np.split(x, [HEADS * FEATURES], axis=2)
    half = residual.reshape(replicas, TIMES, HEADS, HEADS)
    return {
        "overlap": overlap.reshape(replicas, TIMES, HEADS, FEATURES),
        "self_overlap": half + half.swapaxes(2, 3),
    }


@pytest.mark.parametrize("replicas", [2, 4, 8])
def test_pvalue_of_one_course_is_uniform_by_chance(replicas: int):
    """Kolmogorov–Smirnov on 2,000 null models, false alarm 1e-3: exact, not only bounded."""
    generator = np.random.default_rng(1)
    found = [course_pvalue(fluctuations(generator, replicas)[:, :, 0]) for _ in range(2000)]
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def test_pvalue_of_one_time_is_that_of_students_t():
    """Oracle: SciPy's one-sample t-test."""
    x = np.random.default_rng(2).standard_normal((6, 1)) + 0.7
    np.testing.assert_allclose(course_pvalue(x), stats.ttest_1samp(x[:, 0], 0.0).pvalue, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [2, 4, 8])
def test_false_alarms_are_as_rare_as_stated(replicas: int):
    """1,000 null models judged at 5%; more than 5% + 3.1 binomial deviations has p < 1e-3."""
    generator = np.random.default_rng(3)
    alarms = 0
    for _ in range(1000):
        first, second = (simulated(generator, replicas, d) for d in (100, 400))
        extrapolated = without_bias(first, 100, second, 400)
        alarms += judge(extrapolated, false_alarm=0.05).verdict == "disagree"
    assert alarms < stats.binom.isf(1e-3, 1000, 0.05)


def test_bias_would_be_an_alarm_if_it_were_not_removed():
    generator = np.random.default_rng(4)
    verdicts = [judge(simulated(generator, 8, 100), false_alarm=0.05).verdict for _ in range(100)]
    assert verdicts.count("disagree") > 50


@pytest.fixture(scope="module")
def problem() -> op.Problem:
    return op.load(
        {
            "task": {"length": 3, "signal": {"kind": "flipped-spikes", "strengths": [4.0, 1.0]}},
            "attention": {"heads": 2, "activation": "bayes-softmax"},
            "training": {"rule": "sgd", "learning_rate": 4.0, "duration": 10.0},
            "initial": {
                "kind": "explicit",
                "overlap": [[0.8, 0.1], [-0.2, 0.6]],
                "self_overlap": [[0.8, 0.0], [0.0, 0.6]],
            },
            "expectation": {"tolerance": 1e-6},
            "output": {"points": 11},
        }
    )


def deviations(problem: op.Problem, theory: op.Trajectory, dimension: int) -> dict[str, Array]:
    settings = dataclasses.replace(problem.simulation, dimension=dimension, replicas=4)
    changed = dataclasses.replace(problem, simulation=settings)
    times = output_times(problem.output, problem.training.duration)
    run = model.simulator(changed, times).run()
    return {
        "overlap": run.overlap - theory.overlap,
        "self_overlap": run.self_overlap - theory.self_overlap,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "agree"),
        ({"learning_rate": 8.0}, "disagree"),  # in the theory, a factor 2 of V and nothing else
        ({"rule": "gradient-flow"}, "disagree"),
        ({"weight_decay": 0.05}, "disagree"),
    ],
    ids=["right", "V doubled", "no V", "decay"],
)
def test_four_replicas_of_sgd_tell_right_from_wrong(problem, changes, verdict):
    """Each verdict is stated at 1%, so the right theory could fail here once in 100 seeds."""
    training = dataclasses.replace(problem.training, **changes)
    theory = op.solve(dataclasses.replace(problem, training=training))
    first, second = (deviations(problem, theory, dimension) for dimension in (500, 2000))
    assert judge(without_bias(first, 500, second, 2000)).verdict == verdict


def test_report_is_mean_error_and_their_quotient():
    values = simulated(np.random.default_rng(5), 5, 50)["overlap"]
    found = judge({"overlap": values})
    error = values.std(0, ddof=1) / np.sqrt(5)
    np.testing.assert_allclose(found.deviation["overlap"], values.mean(0))
    np.testing.assert_allclose(found.standard_error["overlap"], error)
    np.testing.assert_allclose(found.z_score["overlap"][1:], values.mean(0)[1:] / error[1:])
    np.testing.assert_array_equal(found.z_score["overlap"][0], 0.0)  # rounding at the start
    assert found.degrees == 4
    assert found.least_pvalue == found.pvalue["overlap"].min() * HEADS * FEATURES


def test_symmetric_pairs_count_once_and_constants_not_at_all():
    values = simulated(np.random.default_rng(6), 4, 50)["self_overlap"]
    bias = np.full((4, TIMES, HEADS), 1e-12)
    found = judge({"self_overlap": values, "bias": bias})
    assert np.isnan(found.pvalue["bias"]).all()
    assert found.least_pvalue == found.pvalue["self_overlap"].min() * (HEADS * (HEADS + 1) / 2)


def test_a_difference_without_any_spread_is_a_disagreement():
    assert judge({"bias": np.full((3, 5, 2), 0.1)}).verdict == "disagree"


def test_what_all_replicas_keep_may_be_off_by_the_error_of_the_integrator():
    """As lengths on spheres, which SGD keeps to rounding and the theory to its tolerance."""
    generator = np.random.default_rng(5)
    moving = generator.standard_normal((8, TIMES, 1, 1))
    kept = 1e-13 * moving + np.linspace(0, 3e-6, TIMES)[:, None, None]
    errors = {"self_overlap": 1e-5}
    found = judge({"overlap": moving, "self_overlap": kept}, alike=errors)
    assert (found.verdict, found.judged) == ("agree", 1)
    assert not found.z_score["self_overlap"].any()
    for size, given in ((100, errors), (1, {})):
        values = {"overlap": moving, "self_overlap": size * kept}
        assert judge(values, alike=given).verdict == "disagree"


def test_missing_times_are_left_out_and_diverged_replicas_are_not():
    values = simulated(np.random.default_rng(7), 4, 50)["overlap"][:, :, :1, :1]
    missing = values.copy()
    missing[:, 3] = np.nan
    kept = np.delete(values, 3, axis=1)
    assert judge({"loss": missing}).least_pvalue == judge({"loss": kept}).least_pvalue
    missing[2, 7] = np.nan
    assert judge({"loss": missing}).verdict == "disagree"


def test_nothing_to_judge_is_no_verdict():
    found = judge({"overlap": np.full((4, 5, 2, 2), 1e-12)})
    assert (found.verdict, found.judged, found.least_pvalue) == ("inconclusive", 0, 1.0)
    assert not found.rejects
    assert found.doubt.startswith("nothing that could be judged")


def test_one_replica_is_refused():
    with pytest.raises(ConfigurationError, match="at least 2 replicas"):
        judge({"overlap": np.zeros((1, 5, 2, 2))})


def test_extrapolation_removes_a_bias_of_order_1_over_dimension():
    """Oracle: y = c + b/D has c at 1/D = 0, for either order; surplus replicas are dropped."""
    y = {d: {"overlap": np.full((d // 10, 2, 1, 1), 0.3 + 7.0 / d)} for d in (50, 30)}
    for a, b in ((50, 30), (30, 50)):
        found = without_bias(y[a], a, y[b], b)["overlap"]
        np.testing.assert_allclose(found, np.full((3, 2, 1, 1), 0.3), rtol=1e-13)


@pytest.mark.parametrize("exponent", [-0.5, -0.3])
def test_scaling_finds_the_exponent_within_its_error(exponent: float):
    """Paths with a known power law, 400 times: mean within 3.3 errors, stated error within 20%."""
    generator = np.random.default_rng(8)
    found = [
        scaling({d: {"x": d**exponent * fluctuations(generator, 20)} for d in (100, 400, 1600)})
        for _ in range(400)
    ]
    exponents = np.array([fit.exponent for fit in found])
    assert abs(exponents.mean() - exponent) < 3.3 * exponents.std() / 20
    stated = np.sqrt(np.mean([fit.standard_error**2 for fit in found]))
    np.testing.assert_allclose(stated, exponents.std(), rtol=0.2)


@pytest.mark.parametrize("power", [-1, 1])
def test_what_is_judged_ends_where_the_spread_falls_otherwise(power: int):
    """From time 12 on a part that does not fall grows by a factor of two each time; a stretch is
    not shorter than was asked, and the whole time where none falls as it should."""
    generator = np.random.default_rng(11)

    def drifting(value: float, part: float) -> np.ndarray:
        course = np.sqrt(value**power) * generator.normal(size=(200, 20))
        course[:, 12:] += part * 2.0 ** np.arange(8) * generator.normal(size=(200, 1))
        return course

    apart = {value: {"x": drifting(value, {-1: 1.0, 1: 100.0}[power])} for value in (100, 400)}
    end = near_the_limit(apart, power, 3)
    assert end == 12
    assert until(end, apart)[400]["x"].shape == (200, end)
    assert near_the_limit(apart, power, 15) == 20
    good = {value: {"x": drifting(value, 0.0)} for value in (100, 400)}
    assert near_the_limit(good, power, 3) == 20
    assert near_the_limit(good, -power, 3) == 20


def test_p_values_are_uniform_until_replicas_drift_apart():
    """The stretch is chosen by the spread, which says nothing of the mean."""
    generator = np.random.default_rng(12)
    found, ends = [], []
    for _ in range(400):
        walks = {}
        for value in (100, 400):
            walk = np.cumsum(generator.normal(size=(8, 30, 20)), axis=1) / np.sqrt(value)
            walk[:, 15:] += np.cumsum(generator.normal(size=(8, 15, 20)), axis=1)
            walks[value] = {"x": walk}
        ends.append(near_the_limit(walks, -1, 3))
        short = until(ends[-1], walks)
        both = without_bias(short[100], 100, short[400], 400)
        found.append(course_pvalue(both["x"][..., 0]))
    assert np.mean(np.array(ends) < 30) > 0.9
    assert stats.kstest(found, "uniform").pvalue > 0.01


def test_spread_is_the_root_mean_square_standard_deviation():
    """Oracle: NumPy's, over every number that was measured."""
    generator = np.random.default_rng(9)
    x, y = generator.standard_normal((5, 4, 2)), 3.0 * generator.standard_normal((5, 4))
    y[:, 0] = np.nan
    fit = scaling({10: {"x": x, "y": y}, 20: {"x": 0.5 * x, "y": 0.5 * y}})
    variances = np.concatenate([x.var(0, ddof=1).ravel(), y[:, 1:].var(0, ddof=1)])
    np.testing.assert_allclose(fit.spread, np.sqrt(variances.mean()) * np.array([1.0, 0.5]))
    np.testing.assert_allclose(fit.exponent, -1.0, rtol=1e-12)
