"""What results show of themselves: at most a dozen short lines, and a table for notebooks."""

import dataclasses
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import result_files

import orderparams as op
from orderparams.results.evidence import Check, Evidence
from orderparams.results.shown import Shown

KINDS = [name for name in result_files.NAMES if name != "stages"]


def check_short(result):
    lines = repr(result).splitlines()
    assert lines[0].startswith(f"<{type(result).__name__}")
    assert lines[0].endswith(">")
    assert 3 < len(lines) <= 12
    assert max(map(len, lines)) <= 100
    page = ElementTree.fromstring(result._repr_html_())  # well-formed
    cells = [cell.text or "" for row in page.iter("tr") for cell in row]
    assert " ".join(cells).split() == " ".join(page.find("table").itertext()).split()
    for line in lines[1:]:
        assert line[:14].strip() in result._repr_html_()


@pytest.mark.parametrize("name", KINDS)
def test_a_result_is_shown_in_a_dozen_lines(result_paths, name):
    check_short(op.open(result_paths[name]))


def test_it_says_what_it_is(results):
    """The problem, the order parameters with their shapes, the risk, and how it ended."""
    text = repr(results["run"])
    assert text.startswith("<Trajectory 'Small (altered)'>\n")
    for words in ("2 heads, softmax", "overlap (5, 2, 2)", "head_weight (5, 2)", "finished"):
        assert words in text
    assert "Bayes risk" in text
    assert "50, 100" in repr(results["validation"])
    assert "1 of 1 hold" in repr(results["claim"])


def test_whatever_stands_in_it_the_lines_are_short(results):
    """Long titles, messages of many lines, many components, checks, replicas and varied keys."""
    components = [{"mean": [float(i), 1 / 3]} for i in range(300)]
    table = {
        "title": "<&>" * 4000 + "\nsecond line",
        "task": {"signal": {"kind": "mixture", "components": components},
                 "length": {"values": list(range(2, 300))}},
    }  # fmt: skip
    problem = op.load(table)
    run = dataclasses.replace(
        results["run"], problem=problem, message="line\n" * 50, status="failed"
    )
    check_short(run)
    check_short(Evidence(problem, tuple([Check("what\n" * 9, "a", "b", False)] * 500)))
    axes = {f"key_{i}": np.arange(3) for i in range(60)}
    scan = op.Scan(
        problem, "", "solve", {name: f"task.{name}" for name in axes}, {"point": np.arange(3)},
        axes, {"status": np.array(["finished"] * 3, dtype=object)},
    )  # fmt: skip
    check_short(scan)
    simulation = results["simulation"]
    check_short(dataclasses.replace(simulation, problem=problem, message="x" * 5000))


def test_an_analysis_says_what_it_found(results):
    assert "events" in repr(results["analysis"])


def test_more_facts_than_lines_are_cut():
    class Full(Shown):
        problem = result_files.PROBLEM

        def facts(self):
            return {f"fact {i}": "x" * 300 for i in range(40)}

    check_short(Full())
