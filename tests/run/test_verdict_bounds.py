"""Verdicts at their bounds: a little on either side of each, where the words must change.

Oracles: SciPy's t distribution, arithmetic by hand, and the bounds that docs/validation.md states.
"""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from orderparams.models.limit import LARGE_DIMENSION
from orderparams.models.single_location.parameters import PARAMETERS
from orderparams.results.comparison import Comparison, Scaling, extremes
from orderparams.run import doubts
from orderparams.run.compare import compare, course_pvalue, z_scores
from orderparams.run.doubts import Grounds
from orderparams.run.spread import centred, effective_number, scaling

JUDGED, DEGREES, ALARM, TIMES = 10, 3, 0.01, 20
Z = {"overlap": np.zeros((TIMES, 2, 2))}
FOUND = Comparison(Z, Z, Z, {}, DEGREES, 0.5, ALARM, judged=JUDGED, resolution=0.1)
REJECTED = dataclasses.replace(FOUND, least_pvalue=0.5 * ALARM)
FALL = Scaling(np.array([100, 400]), np.array([0.2, 0.1]), -0.5, 0.1)
GROUNDS = Grounds(
    PARAMETERS[:1], {}, {}, {"overlap": 1e-9}, "m_1,1", 0.1, FALL, 100, 1000, TIMES, LARGE_DIMENSION
)


def said(reason, comparison=FOUND, **changes):
    """What one reason says for these grounds."""
    return reason(comparison, dataclasses.replace(GROUNDS, **changes))


def test_a_verdict_follows_from_its_parts():
    assert FOUND.verdict == "agree"
    assert dataclasses.replace(FOUND, least_pvalue=ALARM).verdict == "agree"
    assert REJECTED.verdict == "disagree"
    assert dataclasses.replace(REJECTED, doubt="why").verdict == "inconclusive"
    plain = Comparison(Z, Z, Z, {}, DEGREES, 0.5, ALARM)
    assert (plain.judged, plain.doubt) == (1, "")
    assert np.isnan(plain.resolution)


def test_a_hundred_steps_are_enough():
    assert said(doubts.few_steps, steps=100) == ""
    assert "made only 99 steps at D = 100; the" in said(doubts.few_steps, steps=99)


def test_times_coincide_where_they_are_more_than_the_steps_and_the_start():
    assert "coincide" not in said(doubts.few_steps, steps=19)
    crowded = said(doubts.few_steps, steps=18)
    assert "most of the 20 stored times coincide" in crowded
    assert crowded.endswith("training.learning_rate, and lower output.points.")


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("off", "error", "doubted"), [
    (0.21, 0.01, True), (0.19, 0.01, False), (0.6, 0.19, True), (0.6, 0.21, False),
    (0.6, np.nan, False),
])  # fmt: skip
def test_a_spread_is_another_one_by_size_and_by_errors(side, off, error, doubted):
    fall = dataclasses.replace(FALL, exponent=-0.5 + side * off, standard_error=error)
    assert bool(said(doubts.other_spread, scaling=fall)) is doubted


def test_a_correction_may_be_as_large_as_what_it_leaves():
    assert said(doubts.far, REJECTED, correction=1.0) == ""
    assert "1.1 times smaller" in said(doubts.far, REJECTED, correction=1.1)
    assert said(doubts.far, correction=9.0) == ""


def test_random_nodes_may_move_the_theory_by_a_part_of_what_deviates():
    assert said(doubts.sampled, REJECTED, nodes=doubts.NODES) == ""
    assert said(doubts.sampled, FOUND, nodes=1.0) == ""
    words = said(doubts.sampled, REJECTED, nodes=1.01 * doubts.NODES)
    assert words.startswith("The deviation of m_1,1 is beyond chance, but other random nodes")
    assert words.endswith("Raise expectation.samples.")


@pytest.mark.parametrize(
    ("resolution", "words"),
    [(0.25, ""), (0.26, "Only an error of 26%"), (9.9, "Only an error of 990%"),
     (10.0, "Even a theory with ten times"), (np.inf, "Even a theory with ten times")],
)  # fmt: skip
def test_a_quarter_of_the_motion_must_be_seen(resolution, words):
    found = dataclasses.replace(FOUND, resolution=resolution)
    assert said(doubts.blind, found).startswith(words)
    assert bool(said(doubts.blind, found)) is bool(words)
    assert said(doubts.blind, dataclasses.replace(found, least_pvalue=1e-9)) == ""


def rejecting(replicas):
    """Standard errors, over √R, beyond which Bonferroni's test of a mean rejects on either side."""
    return stats.t.isf(ALARM / JUDGED / 2, replicas - 1) / np.sqrt(replicas)


@pytest.mark.parametrize("enough", [5, 12, 100])
def test_replicas_that_are_asked_for_are_just_enough(enough):
    """What is resolved shrinks as the threshold: of t, with one degree less than replicas."""
    few, more = (0.25 * rejecting(DEGREES + 1) / rejecting(n) for n in (enough - 1, enough))
    for resolution, answer in (
        (0.999 * more, enough),
        (1.001 * few, enough),
        (1.001 * more, enough + 1 if enough < 100 else 0),
    ):
        found = dataclasses.replace(FOUND, resolution=resolution)
        assert doubts.enough_replicas(found) == answer
    words = f"raise simulation.replicas (about {enough} may do), raise simulation.dimension, or"
    found = dataclasses.replace(FOUND, resolution=0.999 * more)
    assert words in said(doubts.blind, found)


def test_where_no_number_of_replicas_can_be_told():
    for degrees, answer in ((6, 8), (7, 0)):
        found = dataclasses.replace(FOUND, degrees=degrees, resolution=np.inf)
        assert doubts.enough_replicas(found) == answer


@pytest.mark.parametrize("sign", [1, -1])
def test_one_time_stands_out_beyond_the_chance_of_all(sign):
    """Bonferroni over what is judged and over the times, both sides of t."""
    bound = stats.t.isf(ALARM / (2 * JUDGED * TIMES), DEGREES)
    for factor in (0.99, 1.01):
        z = np.full((TIMES, 2, 2), np.nan)
        z[3, 1, 0] = sign * factor * bound
        found = dataclasses.replace(FOUND, z_score={"self_overlap": z})
        words = f"At one time self-overlap deviates by {factor * bound:.3g} standard errors"
        assert said(doubts.one_time, found).startswith(words) is (factor > 1)
        assert said(doubts.one_time, dataclasses.replace(found, least_pvalue=0.0)) == ""
    probability = 2 * stats.t.sf(1.01 * bound, DEGREES) * JUDGED * TIMES
    assert f"probability {probability:.1g}, though" in said(
        doubts.one_time, dataclasses.replace(FOUND, z_score={"self_overlap": z})
    )


def test_all_reasons_are_given_a_line_each():
    found = dataclasses.replace(FOUND, resolution=np.inf)
    lines = said(doubts.doubt, found, steps=1).split("\n")
    assert [line[:12] for line in lines] == ["SGD made onl", "Even a theor"]
    assert said(doubts.doubt) == ""


@pytest.mark.parametrize("besides", [0, 3])
def test_a_resolution_is_between_a_ten_thousandth_and_ten(besides):
    """One course without noise but in one pattern: its error is seen from a known size on, which
    grows with what else is judged."""
    rise = np.broadcast_to(np.linspace(0, 1, TIMES)[:, None, None], (8, TIMES, 1, 1))
    noise = np.random.default_rng(0).standard_normal((8, 1, 1, 1))
    noise = (noise - noise.mean()) * rise

    def resolution(size):
        deviations = {"overlap": size * noise}
        grounds = dataclasses.replace(GROUNDS, deviations=deviations, motion={"overlap": rise})
        found = compare(deviations, PARAMETERS[:1], besides=[0.5] * besides)
        return doubts.resolution(found, grounds)

    # The pattern is that of the motion: the test is Student's, of a mean beside that spread.
    bound = stats.t.isf(0.005 / (1 + besides), 7) / np.sqrt(8) * noise[:, -1, 0, 0].std(ddof=1)
    for size in (1e-2, 1.0):
        assert resolution(size) == pytest.approx(size * bound, rel=0.05)
        assert resolution(size) >= size * bound
    assert resolution(9.0 / bound) == pytest.approx(9.0, rel=0.05)
    assert resolution(11.0 / bound) == np.inf
    assert resolution(1e-6) <= 1.06e-4
    wrong = {"overlap": rise + 1e-3 * noise}
    grounds = dataclasses.replace(GROUNDS, deviations=wrong, motion={"overlap": rise})
    assert np.isnan(doubts.resolution(compare(wrong, PARAMETERS[:1]), grounds))


def test_what_is_negligible_is_not_judged():
    """Deviations of rounding, 1e-9, of all replicas alike what is given; and z is 0 where mean and
    error are, infinite where one is."""
    alike, spread = np.ones((4, 3)), np.array([1.0, 2.0, 3.0, 4.0])[:, None] * np.ones(3)
    for tiny in (0.9e-9 * alike, 0.9e-5 * alike, 0.8e-9 * spread + 3e-8):
        assert np.isnan(course_pvalue(tiny, 1e-5))
    for small in (1.1e-5 * alike, 1e-9 * spread + 3e-8):
        assert course_pvalue(small, 1e-5) < 1e-3
    mean, error = np.array([0.9e-5, 1.1e-5, 0.0, -2.0]), np.array([0.9e-9, 0.0, 1.1e-9, 4.0])
    np.testing.assert_array_equal(z_scores(mean, error, 1e-5), [0.0, np.inf, 0.0, -0.5])


def test_a_course_is_judged_by_how_constant_its_pattern_is():
    """Oracle: a single time is Student's t; times of any scale weigh alike; a time with what is not
    finite in one replica alone is a disagreement, one that was not measured is no time."""
    x = np.random.default_rng(1).standard_normal(6) + 0.8
    course = np.outer(x, [1.0, 1e3, 1e-6])
    expected = stats.ttest_1samp(x, 0.0).pvalue
    assert course_pvalue(course) == pytest.approx(expected, rel=1e-9)
    course[:, 1] = np.nan
    assert course_pvalue(course) == pytest.approx(expected, rel=1e-9)
    for bad in (np.nan, np.inf):
        course[:, 1] = np.where(np.arange(6) == 3, bad, x)
        assert course_pvalue(course) == 0.0


def test_p_values_are_multiplied_by_what_was_judged_up_to_one():
    x = np.random.default_rng(2).standard_normal((5, 1, 2, 2))
    plain = compare({"overlap": x}, PARAMETERS[:1])
    least = min(stats.ttest_1samp(x[:, 0, i, j], 0.0).pvalue for i in (0, 1) for j in (0, 1))
    assert plain.least_pvalue == pytest.approx(min(1.0, 4 * least))
    assert (plain.judged, plain.false_alarm, plain.degrees) == (4, 0.01, 4)
    beside = compare({"overlap": x}, PARAMETERS[:1], besides=[1e-4, np.nan], false_alarm=0.3)
    assert beside.least_pvalue == pytest.approx(5e-4)
    assert (beside.judged, beside.false_alarm) == (5, 0.3)
    sure = compare({"overlap": 0 * x + np.array([1.0, -1.0, 2.0, -2.0, 0.0])[:, None, None, None]},
                   PARAMETERS[:1])  # fmt: skip
    assert sure.least_pvalue == 1.0
    nothing = compare({"overlap": np.zeros((3, 4, 1, 1))}, PARAMETERS[:1])
    assert (nothing.least_pvalue, nothing.judged, nothing.verdict) == (1.0, 0, "inconclusive")
    for replicas in (2, 3):
        assert compare({"overlap": x[:replicas]}, PARAMETERS[:1]).degrees == replicas - 1


def test_the_extremes_are_each_at_its_worst_time_the_least_probable_first():
    z = np.zeros((3, 3, 3))
    z[:, 1, 0], z[:, 2, 1], z[:, 2, 2] = [0, -3, np.nan], [1, 2, 0], [5, 0, 0]
    pvalue = np.full((3, 3), np.nan)  # of what does not vary
    pvalue[1, 0], pvalue[2, 1] = 0.2, 0.1
    table = PARAMETERS[1:2]
    name = table[0].name
    found = Comparison({name: 10 * z}, {name: 0 * z + 1}, {name: z}, {name: pvalue}, 3, 0.5, 0.01)
    rows = extremes(found, table)
    assert [(row.name, row.index, row.pvalue) for row in rows] == [
        (table[0].label((2, 1)), (2, 1), 0.1),
        (table[0].label((1, 0)), (1, 0), 0.2),
    ]
    assert [(row.deviation, row.standard_error, row.z_score) for row in rows] == [
        (20.0, 1.0, 2.0),
        (-30.0, 1.0, -3.0),
    ]


def test_the_effective_number_of_a_few_rows_is_that_of_its_formula():
    """Oracle: unbiased estimates of tr C² and (tr C)² over n degrees of freedom (Bai & Saranadasa
    1996), written out; from four degrees of freedom on."""
    generator = np.random.default_rng(3)
    rows = [generator.standard_normal((r, 50)) * np.geomspace(1, 0.1, 50) for r in (4, 3)]
    rows = [row - row.mean(0) for row in rows]
    n = 5
    rows = [row * np.sqrt((len(row) - 1) / (row**2).sum()) for row in rows]
    pooled = sum(row.T @ row for row in rows) / n
    square = n**2 / ((n - 1) * (n + 2)) * (np.trace(pooled @ pooled) - np.trace(pooled) ** 2 / n)
    share = square / (np.trace(pooled) ** 2 - 2 * square / n)
    k = (n - 1) * (n + 2) / 2
    expected = 1 / (share * (1 + (1 - share) * (2 / (k - 2) + 1.25 / n)))
    assert 2 < effective_number(rows) < 50
    assert effective_number(rows) == pytest.approx(expected, rel=1e-12)
    assert np.isnan(effective_number([rows[0]]))
    assert np.isfinite(effective_number([rows[1], rows[1]]))


def test_one_pattern_counts_once_and_its_exponent_has_the_error_of_chi_squared():
    """All numbers alike: ln spread has variance ψ'(ν/2)/4, ν = R − 1, by numerical integration."""
    x = np.outer([1.0, -2.0, 0.5, 3.0, -1.0], np.arange(1.0, 7.0))
    fit = scaling({100: {"x": x}, 400: {"x": -x / 2}})
    assert fit.exponent == pytest.approx(-0.5)
    law = stats.chi2(4)
    mean = law.expect(lambda s: 0.5 * np.log(s))
    variance = law.expect(lambda s: (0.5 * np.log(s) - mean) ** 2)
    assert fit.standard_error == pytest.approx(np.sqrt(2 * variance) / np.log(4), rel=1e-5)


def test_rows_are_centred_over_replicas_without_what_was_not_measured():
    x = np.array([[1.0, np.nan, 3.0], [3.0, np.nan, 7.0]])
    y = np.array([[[0.0], [2.0]], [[4.0], [2.0]]])
    np.testing.assert_array_equal(
        centred({"x": x, "y": y}), [[-1.0, -2.0, -2.0, 0.0], [1.0, 2.0, 2.0, 0.0]]
    )
