"""What results say of themselves, word by word, and what they keep of each other."""

import dataclasses

import numpy as np
import pytest
import result_files

import orderparams as op
from orderparams.results.evidence import Check, Evidence, above, below, close
from orderparams.results.finite import finite
from orderparams.results.result import span
from orderparams.results.scan import Scan
from orderparams.results.shown import shortened
from orderparams.results.validation import at_value
from orderparams.storage.points import point_name


def judged(found, **changes):
    """A validation with another comparison; all p-values are 0.2 otherwise."""
    numbers = {"doubt": "", "least_pvalue": 0.2, "resolution": 0.013, "false_alarm": 0.01}
    comparison = dataclasses.replace(found.comparison, **numbers | changes)
    return dataclasses.replace(found, comparison=comparison)


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, "agree", "The deviations are not beyond chance (p = 0.2); an error of 1.3 % of the "
                      "theory's motion would have been seen."),
        ({"resolution": np.nan}, "agree", "The deviations are not beyond chance (p = 0.2)."),
        ({"least_pvalue": 0.001234}, "disagree",
         "By chance alone the deviations would be improbable (p = 0.0012)."),
        ({"doubt": "Too few."}, "inconclusive", "Too few."),
        ({"least_pvalue": 0.001, "doubt": "Too few."}, "inconclusive", "Too few."),
    ],
)  # fmt: skip
def test_a_verdict_and_its_reason(changes, verdict, reason, results):
    found = judged(results["validation"], **changes)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert found.facts()["verdict"] == verdict
    assert found.facts()["reason"] == reason


def test_groups_of_a_validation_by_dimension(results):
    """The largest has no suffix; the times and the spread are its own."""
    found = results["validation"]
    assert list(found.groups()) == ["simulation_50", "theory_50", "simulation", "theory",
                                    "comparison"]  # fmt: skip
    tree = found.compared()
    np.testing.assert_array_equal(tree.coordinates["time"], found.simulations[100].time)
    np.testing.assert_array_equal(tree.coordinates["dimension"], [50, 100])


def test_each_dimension_has_a_seed_of_its_own():
    """Oracle: the words of NumPy's seed sequence of both."""
    problem = result_files.PROBLEM
    seeds = {}
    for dimension in (50, 100):
        own = at_value(problem, dimension).simulation
        words = np.random.SeedSequence([problem.simulation.seed, dimension]).generate_state(1)
        assert (own.dimension, own.seed, own.replicas) == (dimension, words[0], 3)
        seeds[dimension] = own.seed
    assert seeds[50] != seeds[100]


@pytest.mark.parametrize(
    ("check", "line"),
    [
        (close("x", 2.0, 2.5, absolute=0.5), ("x", "2 ± 0.5", "2.5", True)),
        (close("x", -2.0, -2.5, relative=0.25), ("x", "-2 ± 25 %", "-2.5", True)),
        (close("x", 1.0, 1.0), ("x", "1 ± 0", "1", True)),
        (close("x", 1.0, 1.5), ("x", "1 ± 0", "1.5", False)),
        (below("x", 0.123456, 1.0), ("x", "< 1", "0.1235", True)),
        (above("x", 1.0, 1.0), ("x", "> 1", "1", False)),
        (above("x", -0.0, -1.0), ("x", "> -1", "0", True)),
    ],
)
def test_lines_of_a_table_of_checks(check, line):
    """A tolerance is met where it is reached, a limit is not."""
    assert (check.what, check.expected, check.found, check.holds) == line


def test_what_holds_of_a_claim():
    checks = [Check("a", "1", "1", True), Check("b", "1", "2", False)]
    found = Evidence(result_files.PROBLEM, tuple(checks))
    assert found.facts() == {"checks": "1 of 2 hold"}
    assert found.ended == "failed"
    assert set(found.groups()) == {"checks"}
    assert Evidence(result_files.PROBLEM, tuple(checks[:1])).ended == "finished"


def scan_of(*statuses):
    shape = (len(statuses) // 2, 2)
    about = {
        "status": np.array(statuses, dtype=object).reshape(shape),
        "message": np.array([f"message {i}" for i in range(len(statuses))]).reshape(shape),
        "risk": np.ones(shape),
    }
    axes = {"heads": np.arange(shape[0]), "length": np.arange(2)}
    keys = {"heads": "attention.heads", "length": "task.length"}
    return Scan(result_files.PROBLEM, "", "solve", keys, axes, axes, about)


def test_points_of_a_scan_are_counted_from_one():
    found = scan_of("finished", "failed", "missing", "failed")
    assert found.failures == {2: "message 1", 4: "message 3"}
    assert [found.count(status) for status in ("finished", "failed", "missing")] == [1, 2, 1]
    assert found.ended == "failed"
    assert scan_of("finished", "finished").ended == "finished"
    assert scan_of("finished", "missing").ended == "failed"
    assert found.facts()["varied"] == "attention.heads (2), task.length (2)"
    assert found.facts()["points"] == "1 of 4 finished"
    assert found.facts()["values"] == "risk"
    assert [point_name(1), point_name(123456)] == ["000001", "123456"]


def test_varied_values_stand_beside_their_points(result_paths):
    """As axes where a product was varied, as columns where points were drawn."""
    found = scan_of("finished", "failed", "missing", "failed").groups()["scan"]
    assert list(found.variables) == ["status", "message", "risk"]
    assert list(found.coordinates) == ["heads", "length"]
    assert found.attributes == {"action": "solve", "coordinates": ""}
    drawn = op.open(result_paths["random"])
    tree = drawn.groups()["scan"]
    assert list(tree.coordinates) == ["point"]
    varied = {"activation", "heads", "weight_decay"}
    assert set(tree.attributes["coordinates"].split()) == varied
    for name in varied:
        about, values = tree.variables[name]
        assert about.axes == ("point",)
        assert about.key == about.long_name == drawn.keys[name]
        np.testing.assert_array_equal(values, drawn.parameters[name])


def test_a_replica_ends_where_its_record_does(results):
    found = results["simulation"]
    end = found.end(2)
    np.testing.assert_array_equal(end["overlap"], found["overlap"][2, -1])
    assert f"{found.records.step[-1]} steps" in found.facts()["times"]


def test_words_of_numbers(results):
    assert span(np.array([1.0, 5.0, 0.25])) == "1 to 0.25"
    assert finite([[1.0, np.nan], [np.inf, -2.0]]) == [[1.0, None], [None, -2.0]]
    assert shortened("x" * 9, 9) == "x" * 9
    assert shortened("x" * 10, 9) == "x" * 8 + "…"
    assert shortened("x" * 101) == "x" * 99 + "…"
    heading = dataclasses.replace(result_files.PROBLEM, title="x" * 200)
    shown = repr(dataclasses.replace(results["run"], problem=heading))
    assert len(shown.splitlines()[0]) == 100


def test_an_evaluation_says_how_exact_it_is(results):
    found = results["evaluation"]
    document, known = found.document(), found.known["bayes_risk"]
    assert (document["bayes_risk"], document["bayes_error"]) == (known.value, known.error)
    assert document["covariance"] == found.noise.tolist()
    unknown = {"bayes_risk": op.models.interface.Reference(np.nan, np.nan)}
    bare = dataclasses.replace(found, noise=None, known=unknown).document()
    assert (bare["covariance"], bare["bayes_risk"], bare["bayes_error"]) == (None, None, None)
