"""The law of escapes from symmetric states, and replicas held against it."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma, polygamma
from views import analyses

import orderparams as op
from orderparams.analysis.escape_times import FEWEST, held, probability
from orderparams.analysis.escapes import (
    Motion,
    Part,
    escape_of,
    guessed,
    heard,
    law,
    leaving,
    motion_of,
    parts_of,
)
from orderparams.errors import ConfigurationError
from orderparams.models.vectors.geometry import geometry_of
from orderparams.results.analyzed.escapes import PROBABILITIES
from orderparams.views.story import screen
from orderparams.views.story.tell import tell

RATE, NOISE, THRESHOLD = 0.4, 0.05, 0.3
TIME = np.linspace(0.0, 40.0, 81)
SYMMETRIC = {
    "task.signal.strengths": [16.0],
    "training.learning_rate": 2.0,
    "training.duration": 9.0,
    "initial": {"kind": "random", "variance": 0.05},
    "fluctuations": {"enabled": True, "start": "random", "bias": False, "nodes": 1024},
    "output.points": 37,
    "simulation.dimension": 1000,
}


def growing(k, start=0.0):
    """A part of k dimensions whose variances grow at one rate, and whose mean does in the first."""
    covariance = NOISE * np.exp(2 * RATE * TIME)[:, None, None] * np.eye(k)
    mean = np.zeros((len(TIME), k))
    mean[:, 0] = start * np.exp(RATE * TIME)
    return Motion(TIME, mean, covariance, RATE * TIME)


def part(k):
    return Part("1", False, np.zeros((k, k + 1, 1)))


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("dimension", [10**3, 10**6])
def test_the_law_of_noise_is_that_of_chi_squared(k, dimension):
    """|v|² = S/D χ²_k, whose logarithm has the mean ψ(k/2) + log 2 and the variance ψ′(k/2)."""
    found = escape_of(part(k), growing(k), THRESHOLD, dimension)
    constant = np.log(THRESHOLD**2 / NOISE) - digamma(k / 2) - np.log(2)
    assert found.rate == pytest.approx(RATE)
    assert found.noise == pytest.approx(NOISE)
    assert found.constant == pytest.approx(constant)
    assert found.mean == pytest.approx((np.log(dimension) + constant) / (2 * RATE), abs=0.02)
    assert found.deviation == pytest.approx(np.sqrt(polygamma(1, k / 2)) / (2 * RATE), rel=0.01)
    assert found.scatter == pytest.approx(np.sqrt(polygamma(1, k / 2)) / (2 * RATE))
    assert found.steady
    assert found.crossover == np.inf
    squared = dimension * THRESHOLD**2 / (NOISE * np.exp(2 * RATE * found.quantile))
    np.testing.assert_allclose(stats.chi2.sf(squared, k), PROBABILITIES, atol=2e-3)


def test_one_dimension_has_the_numbers_of_a_normal_square():
    """1.270 = γ_E + log 2 and 2.221 = π/√2."""
    found = escape_of(part(1), growing(1), THRESHOLD, 10**5)
    assert found.constant - np.log(THRESHOLD**2 / NOISE) == pytest.approx(1.270, abs=5e-4)
    assert found.scatter * 2 * RATE == pytest.approx(2.221, abs=5e-4)


@pytest.mark.parametrize("k", [1, 3])
def test_the_law_beside_a_start_is_non_central(k):
    """|μ + v|² over S/D is χ²_k of non-centrality D μ²/S, at any time the same."""
    start, dimension = 0.01, 1000
    found = escape_of(part(k), growing(k, start), THRESHOLD, dimension)
    squared = dimension * THRESHOLD**2 / (NOISE * np.exp(2 * RATE * found.quantile))
    expected = stats.ncx2.sf(squared, k, dimension * start**2 / NOISE)
    np.testing.assert_allclose(expected, PROBABILITIES, atol=2e-3 if k == 1 else 5e-3)
    assert found.crossover == pytest.approx(k * NOISE / start**2)
    assert found.by_noise == (dimension < k * NOISE / start**2)


def test_of_several_dimensions_those_count_that_grow():
    """Beside one that grows, one that decays, both turned: the law is that of the first alone."""
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    sizes = np.exp(RATE * TIME)[:, None] ** [2.0, -2.0]
    covariance = NOISE * np.einsum("ij,tj,kj->tik", turn, sizes, turn)
    motion = Motion(TIME, np.zeros((len(TIME), 2)), covariance, RATE * TIME)
    found = escape_of(part(2), motion, THRESHOLD, 10**4)
    alone = escape_of(part(1), growing(1), THRESHOLD, 10**4)
    assert (found.multiplicity, found.steady) == (1, True)
    assert found.noise == pytest.approx(NOISE)
    assert found.constant == pytest.approx(alone.constant)
    assert found.deviation == pytest.approx(alone.deviation, rel=0.01)
    assert found.scatter == alone.scatter


def test_students_part_along_one_of_two_directions():
    """By symmetry the difference of two students grows along that of the teachers alone."""
    (escape,) = analyses.leaving().escapes
    assert (escape.multiplicity, escape.steady) == (1, True)
    assert escape.deviation == pytest.approx(escape.scatter, rel=0.02)


def test_where_nothing_leaves_there_is_no_law():
    still = dataclasses.replace(growing(1), stretched=np.zeros(len(TIME)))
    assert escape_of(part(1), still, THRESHOLD, 1000) is None
    assert escape_of(part(1), growing(1), 1e-4, 1000) is None  # out at the start
    assert heard(escape_of(part(1), growing(1, 0.1), THRESHOLD, 100))
    assert not heard(escape_of(part(1), growing(1, 0.1), THRESHOLD, 10**5))


def test_times_after_the_end_go_on_at_the_rate():
    short = Motion(*(array[:21] for array in dataclasses.astuple(growing(1))))
    whole = law(growing(1), THRESHOLD, 10**5, RATE)
    np.testing.assert_allclose(law(short, THRESHOLD, 10**5, RATE), whole, rtol=1e-9)


def test_what_grows_exponentially_leaves_between_stored_times():
    time, start = np.array([0.0, 1.0, 3.0]), np.array([1.0, 0.1, 0.001])
    length = start[:, None] * np.exp(time)
    np.testing.assert_allclose(leaving(time, length, 1.0), [0.0, -np.log(0.1), np.nan])
    later = leaving(time, length, 1.0, rate=1.0)
    np.testing.assert_allclose(later, -np.log(start))


def test_the_probability_is_that_of_kolmogorov_and_smirnov():
    times = np.random.default_rng(1).normal(0.1, 1.0, 40)
    quantiles = stats.norm.ppf(PROBABILITIES)
    expected = stats.kstest(times, "norm").pvalue
    assert probability(times, quantiles, np.inf) == pytest.approx(expected, abs=0.03)
    missing = np.where(times > 0.5, np.nan, times)
    gone = (times > 0.5).mean() - stats.norm.sf(0.5)
    least = abs(gone) * (40**0.5 + 0.12 + 0.11 / 40**0.5)
    assert probability(missing, quantiles, 0.5) <= stats.kstwobign.sf(least) + 1e-6
    assert probability(times + 1.0, quantiles, np.inf) < 1e-4


@pytest.fixture(scope="module")
def found():
    return op.analyze("finite-learning-rate", settings=SYMMETRIC, simulate=64)


def test_parts_are_orthonormal_and_make_up_all_overlaps(found):
    parts = list(parts_of(found.directions, 2))
    rows = np.concatenate([one.rows.reshape(len(one.rows), -1) for one in parts])
    np.testing.assert_allclose(rows @ rows.T, np.eye(2), atol=1e-14)
    motion = motion_of(parts[0], found.trajectory.fluctuations)
    covariance = found.trajectory.fluctuations.covariance
    difference = covariance[:, 0, 0] + covariance[:, 1, 1] - 2 * covariance[:, 0, 1]
    np.testing.assert_allclose(motion.variance, difference / 2)


def test_simulated_escapes_agree_with_the_law(found):
    """Replicas of SGD; the growth rate near K = 0 is 2ν/27 (theory 7)."""
    (escape,) = found.escapes
    assert (escape.name, escape.common, escape.crossover) == ("1", False, np.inf)
    assert escape.rate == pytest.approx(2 * 16 / 27, rel=0.1)
    simulated = escape.simulated
    assert simulated.left == 64
    assert simulated.verdict == "agree"
    assert abs(simulated.mean - simulated.law_mean) < 4 * simulated.deviation / 8


def test_a_law_of_another_noise_disagrees(found):
    (escape,) = found.escapes
    times = escape.simulated.time
    geometry = geometry_of(found.problem)
    one = next(iter(parts_of(geometry.directions, 2)))
    time = np.linspace(0.0, 12.0, 241)
    length = escape.threshold * np.exp(escape.rate * (time - times[:, None]))
    overlaps = np.stack([length, -length], axis=2)[..., None] / 2**0.5
    assert held(escape, one, time, overlaps).verdict == "agree"
    late = dataclasses.replace(escape, quantile=escape.quantile - 1.0)
    assert held(late, one, time, overlaps).verdict == "disagree"
    length = escape.threshold * np.exp(escape.rate * (time - escape.quantile[:, None]))
    many = np.stack([length, -length], axis=2)[..., None] / 2**0.5
    little = dataclasses.replace(escape, quantile=escape.quantile - 0.25)
    assert "but for a shift by 0.25" in held(little, one, time, many).doubt
    few = held(escape, one, time, overlaps[: FEWEST - 1])
    assert few.verdict == "inconclusive"
    assert f"{FEWEST} are needed" in few.doubt
    guess = held(late, one, time, overlaps, doubted=True)
    assert (guess.verdict, "otherwise" in guess.doubt) == ("inconclusive", True)
    early = dataclasses.replace(escape, quantile=np.zeros(len(PROBABILITIES)))
    assert "beyond the threshold" in held(early, one, time, overlaps).doubt


def test_later_escapes_are_guesses_where_fluctuations_are_large(found):
    (escape,) = found.escapes
    known = found.trajectory.fluctuations
    until = known.linear_until(1000)
    early, late = (dataclasses.replace(escape, mean=until + shift) for shift in (-0.1, 0.1))
    assert [guessed(one, (escape, early, late), known) for one in (escape, early, late)] == [
        False,
        False,
        True,
    ]
    text = screen.lines(tell(dataclasses.replace(found, escapes=(escape, late))))
    assert " ".join(" ".join(text).split()).count("this law is a guess") == 1


def test_files_tell_the_same(found, tmp_path):
    found.save(tmp_path / "a.h5")
    again = op.open(tmp_path / "a.h5")
    assert screen.lines(tell(again)) == screen.lines(tell(found))
    assert json.dumps(again.document()) == json.dumps(found.document())
    assert op.analyze(tmp_path / "a.h5").escapes[0].simulated.left == 64


def test_the_story_has_the_law(found):
    text = " ".join(" ".join(screen.lines(tell(found))).split())
    (escape,) = found.escapes
    assert f"So T has the mean (log D + {escape.constant:.4g})/{2 * escape.rate:.4g}" in text
    until = found.trajectory.fluctuations.linear_until(1000)
    assert f"In D = 1000 fluctuations around the flow are small until t = {until:.4g}" in text
    assert "64 of 64 replicas left by the end" in text
    assert "Law and simulation agree." in text


@pytest.mark.parametrize(
    ("source", "words"),
    [("finite-learning-rate", "fluctuations.enabled = true"), ("in-context-pairs", "such a model")],
)
def test_replicas_are_refused_where_there_is_no_law(run, source, words):
    status, _, err = run("analyze", source, "--simulate", "20")
    assert (status, words in err, "Traceback" in err) == (2, True, False)


@pytest.mark.filterwarnings("default")
def test_replicas_that_nothing_asks_for_are_told_of(run, tmp_path):
    solved = op.solve("finite-learning-rate", settings={"fluctuations.enabled": True})
    solved.save(tmp_path / "a.h5")
    with pytest.warns(op.IgnoredSettingWarning, match="no replicas were simulated"):
        assert op.analyze(solved, simulate=20).escapes == ()
    status, _, err = run("analyze", tmp_path / "a.h5", "--simulate", "20")
    assert (status, "--simulate (nothing escapes" in err) == (0, True)


def test_numbers_of_replicas_are_checked():
    with pytest.raises(ConfigurationError, match="simulate"):
        op.analyze("single-head", simulate=-1)
