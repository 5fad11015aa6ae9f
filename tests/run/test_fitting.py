"""Which test of a validation is taken by default, and why.

Oracle of the largest share: the diagonal of the projector on the columns of weighted deviations.
"""

import numpy as np
import pytest

import orderparams as op
from orderparams.models.vectors.fluctuations.step import largest_share
from orderparams.run.fitting import Choice, first_reason, fitting_test

CHOICES = {
    "are known": ("finite-learning-rate", {}),
    "several values": ("finite-learning-rate", {"dimensions": [100, 200]}),
    "the mean": ("finite-learning-rate", {"start": "mean"}),
    "in-context": ("in-context-pairs", {}),
    "stay equal": ("excursion", {}),
    "later rare sequences": ("softmax-1", {}),
    "longer": ("learned-values", {}),
}


@pytest.mark.parametrize("words", CHOICES)
def test_the_test_is_chosen_by_what_is_known(words):
    source, given = CHOICES[words]
    problem = op.load(source)
    test, why, until = fitting_test(problem, **given)
    known = words in ("are known", "later rare sequences")
    assert test == ("innovations" if known else "replicas")
    assert words in why
    assert (until < problem.training.duration) is words.startswith("later")


def test_means_are_compared_where_sequences_are_rare_from_the_start():
    """Keys as long as those with which softmax-1 ends."""
    long = {"initial": {"kind": "explicit", "overlap": [[20.0]]}}
    problem = op.load("single-head", long | {"attention.activation": "softmax-1"})
    test, why, _ = fitting_test(problem)
    assert test == "replicas"
    assert "for rare sequences" in why


def test_sgd_is_judged_until_sequences_are_rare():
    """In a short time that says so; what is stored ends there."""
    choice = Choice("innovations", "", 2.0)
    short = {"training.duration": 4, "output.points": 9, "simulation.dimension": 400}
    found = op.validate("single-head", settings=short, test=choice)
    assert found.time[-1] == found.simulation.time[-1] == 2.0
    assert "t = 0 to 2" in found.facts()["innovations"]


def test_errors_that_are_several_are_told_by_the_first():
    several = op.ConfigurationError("two things:\n  a: are not known; do this\n  b: nor is that")
    assert first_reason(several) == "a: are not known"


def test_equal_vectors_have_no_innovations():
    with pytest.raises(op.ConfigurationError, match="vectors that start equal stay equal"):
        op.validate("excursion", test="innovations")


@pytest.mark.parametrize("columns", [3, 4])
def test_the_largest_share_is_that_of_the_projector(columns):
    """Of masses and deviations, one of which is far; a fourth column repeats the first."""
    generator = np.random.default_rng(5)
    mass = generator.dirichlet(np.ones(40))
    found = generator.normal(size=(40, 3))
    found[7] *= 9
    found = np.hstack([found, 2 * found[:, :1]])[:, :columns]
    rows = np.sqrt(mass)[:, None] * found
    projector = rows[:, :3] @ np.linalg.pinv(rows[:, :3])
    share = largest_share(found, mass, rows.T @ rows)
    assert share == pytest.approx(np.diag(projector).max(), rel=1e-6)
    other = found * np.array([1e-3, 5.0, 1e4, 1.0])[:columns]
    rows = np.sqrt(mass)[:, None] * other
    assert largest_share(other, mass, rows.T @ rows) == pytest.approx(share, rel=1e-6)
