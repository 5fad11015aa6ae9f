"""Evidence that cannot decide: each reason by itself, errors planted in a theory, and spreads."""

import dataclasses

import numpy as np
import pytest

import orderparams as op
from orderparams.models.limit import LARGE_DIMENSION
from orderparams.models.single_location.parameters import PARAMETERS
from orderparams.run.compare import compare, without_bias
from orderparams.run.doubts import Grounds, doubt, resolution
from orderparams.run.means import correction
from orderparams.run.spread import Scaling, scaling
from orderparams.run.validate import validate
from orderparams.scans import actions

TABLE = {
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0]}},
    "attention": {"heads": 1},
    "training": {"duration": 6.0, "learning_rate": 2.0},
    "initial": {"kind": "explicit", "overlap": [[0.5]], "self_overlap": [[0.4]]},
    "expectation": {"tolerance": 1e-6},
    "output": {"points": 13},
    "simulation": {"dimension": 800, "replicas": 12},
}
TIMES = 20


def grounds(deviations, motion, **changes):
    """Grounds that give no doubt by themselves, but for the changes."""
    fall = Scaling(np.array([100, 400]), np.array([0.2, 0.1]), -0.5, 0.1)
    found = Grounds(
        PARAMETERS[:1],
        deviations,
        motion,
        {"overlap": 1e-9},
        "m_1,1",
        0.1,
        fall,
        100,
        1000,
        TIMES,
        LARGE_DIMENSION,
    )
    return dataclasses.replace(found, **changes)


def evidence(seed, replicas=8, noise=0.02):
    """Random walks (R, T) as deviations, and a motion that rises to one."""
    walk = np.random.default_rng(seed).standard_normal((replicas, TIMES, 1, 1)).cumsum(1)
    rise = np.broadcast_to(np.linspace(0, 1, TIMES)[:, None, None], walk.shape)
    return {"overlap": noise * walk / np.sqrt(TIMES)}, {"overlap": rise}


def judged(deviations, base):
    found = compare(deviations, PARAMETERS[:1])
    found = dataclasses.replace(found, resolution=resolution(found, base))
    return dataclasses.replace(found, doubt=doubt(found, base))


def test_the_resolution_is_the_error_at_which_the_verdict_turns():
    """Oracle: the same comparison with theories that are wrong by a little less and more."""
    deviations, motion = evidence(0)
    found = judged(deviations, grounds(deviations, motion))
    assert found.verdict == "agree"
    for factor, verdicts in ((0.9, {"agree", "disagree"}), (1.1, {"disagree"})):
        planted = {
            compare(
                {"overlap": deviations["overlap"] + part * motion["overlap"]}, PARAMETERS[:1]
            ).verdict
            for part in (factor * found.resolution, -factor * found.resolution)
        }
        assert planted == verdicts


@pytest.mark.parametrize(
    ("replicas", "noise", "words"),
    [
        (2, 0.02, "simulation.replicas (about"),
        (8, 1.0, "order parameters move more"),
        (2, 10.0, "Even a theory with ten times"),
    ],
)
def test_what_would_not_see_an_error_is_no_agreement(replicas, noise, words):
    deviations, motion = evidence(1, replicas, noise)
    found = judged(deviations, grounds(deviations, motion))
    assert found.verdict == "inconclusive"
    assert words in found.doubt


def test_a_disagreement_needs_no_power_but_steps_and_a_large_dimension():
    deviations, motion = evidence(2)
    wrong = {"overlap": deviations["overlap"] + motion["overlap"]}
    assert judged(wrong, grounds(wrong, motion)).verdict == "disagree"
    flat = Scaling(np.array([100, 400]), np.ones(2), 0.0, 0.1)
    vague = Scaling(np.array([100, 400]), np.ones(2), 0.0, 0.3)
    for changes, words in (
        ({"steps": 25}, "SGD made only 25 steps at D = 100; the theory"),
        ({"steps": 5}, "output.points"),
        ({"scaling": flat}, "D^(0.00 +- 0.10)"),
        ({"correction": 3.0}, "3 times smaller than the correction"),
    ):
        found = judged(wrong, grounds(wrong, motion, **changes))
        assert found.verdict == "inconclusive"
        assert words in found.doubt
    assert judged(wrong, grounds(wrong, motion, scaling=vague)).verdict == "disagree"


def test_a_single_time_that_chance_does_not_explain_is_a_doubt():
    deviations, motion = evidence(3)
    course = deviations["overlap"].copy()
    course[:, 1] = 1e-3 * (1 + 0.01 * np.arange(8)[:, None, None])  # early, and all alike
    found = judged({"overlap": course}, grounds({"overlap": course}, motion))
    assert not found.rejects
    assert found.verdict == "inconclusive"
    assert "At one time overlap deviates" in found.doubt


@pytest.mark.parametrize(
    ("course", "taken", "left"),
    [
        (lambda d: 3.0 / d + 40.0 / d**2, 3 / 400 + 40 / 400**2 + 40 / 40_000, 40 / 40_000),
        (lambda d: 0.3 + 3.0 / d, 3 / 400, 0.3),
    ],
    ids=["small dimension", "wrong theory"],
)
def test_a_correction_exceeds_what_is_left_where_the_theory_is_right(course, taken, left):
    """Oracle: by hand, b/D + c/D² leaves −c/(100·400), and an error that was put in stays."""
    small, large = (np.full((3, TIMES), course(d)) for d in (100, 400))
    assert correction(small, 100, large, 400) == pytest.approx(taken / left)


@pytest.mark.slow
def test_few_steps_are_inconclusive_and_the_loss_is_measured_all_the_same():
    found = validate(
        op.load(TABLE, ["training.learning_rate=100", "output.points=200"]), test="replicas"
    )
    assert found.verdict == "inconclusive"
    assert "SGD made only 12 steps at D = 200, so that most of the 200 stored" in found.reason
    assert np.isfinite(found.loss_pvalue)


@pytest.mark.slow
def test_two_replicas_are_inconclusive_and_eight_agree():
    two = validate(op.load(TABLE, ["simulation.replicas=2"]), test="replicas")
    assert two.verdict == two.comparison.verdict == "inconclusive"
    assert np.isnan(two.scaling.standard_error)
    assert "simulation.replicas" in two.reason
    enough = validate(op.load(TABLE), test="replicas")
    assert enough.verdict == "agree"
    assert enough.comparison.resolution < 0.25
    assert "would have been seen" in enough.reason
    wrong = validate(
        op.load(TABLE, ["training.learning_rate=6"]), test="replicas", rule="gradient-flow"
    )
    assert wrong.verdict == "disagree"


@pytest.mark.slow
def test_a_scan_tells_undecided_points_from_both_others(monkeypatch):
    for replicas, agreement in ((2, np.nan), (12, 1.0)):
        problem = op.load(TABLE, [f"simulation.replicas={replicas}"])
        outcome = actions.validate(problem, None)
        assert outcome.status == "finished"
        np.testing.assert_equal(outcome.values["agreement"], agreement)
        assert outcome.message.startswith("inconclusive: ") == np.isnan(agreement)


@pytest.mark.slow
def test_a_file_keeps_the_verdict_and_its_reason(tmp_path):
    found = validate(op.load(TABLE, ["simulation={dimension=200, replicas=2}"]), test="replicas")
    found.save(tmp_path / "v.h5")
    again = op.open(tmp_path / "v.h5")
    assert (again.verdict, again.reason) == (found.verdict, found.reason)
    assert again.comparison.resolution == found.comparison.resolution


def test_the_loss_is_judged_with_the_rest():
    """Bonferroni: the measured loss counts as one number more, and by itself it can reject."""
    deviations, _ = evidence(4)
    alone = compare(deviations, PARAMETERS[:1])
    with_loss = compare(deviations, PARAMETERS[:1], besides=[1e-5])
    assert (alone.judged, with_loss.judged) == (1, 2)
    assert alone.verdict == "agree"
    assert with_loss.least_pvalue == pytest.approx(2e-5)
    assert with_loss.verdict == "disagree"
    assert compare(deviations, PARAMETERS[:1], besides=[np.nan]).least_pvalue == alone.least_pvalue


PATTERNS = {
    "one pattern": lambda g, r: g.standard_normal((r, 1)) * np.linspace(0.1, 1, 100),
    "few patterns": lambda g, r: (
        g.standard_normal((r, 4)) @ np.random.default_rng(1).standard_normal((4, 100))
    ),
    "walks": lambda g, r: g.standard_normal((r, 100)).cumsum(axis=1),
    "independent": lambda g, r: g.standard_normal((r, 100)),
}


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("replicas", [3, 4, 8, 32])
def test_the_exponents_error_is_right_for_any_number_of_replicas(pattern, replicas):
    """Spreads put in as D^(−1/2), 1,200 times: the root mean square of z is 1 within 10 % and
    three of its own standard errors (4 % each, for tails that are nearly Gaussian)."""
    generator = np.random.default_rng(5)
    draw = PATTERNS[pattern]
    found = [
        scaling({d: {"x": draw(generator, replicas) / np.sqrt(d)} for d in (100, 400)})
        for _ in range(1200)
    ]
    z = np.array([(fit.exponent + 0.5) / fit.standard_error for fit in found])
    assert abs(np.sqrt((z**2).mean()) - 1) < 0.13


def test_two_replicas_have_no_error_of_the_exponent():
    fit = scaling({d: {"x": np.random.default_rng(d).standard_normal((2, 9))} for d in (100, 400)})
    assert np.isfinite(fit.exponent)
    assert np.isnan(fit.standard_error)


def test_extrapolated_courses_keep_a_planted_error():
    """A theory wrong by the same part in both dimensions is wrong by it after the extrapolation."""
    deviations, motion = evidence(6)
    both = without_bias(motion, 100, motion, 400)
    np.testing.assert_allclose(both["overlap"], motion["overlap"], rtol=1e-13)
    assert deviations["overlap"].shape == both["overlap"].shape
