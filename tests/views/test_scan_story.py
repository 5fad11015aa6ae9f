"""What a scan came to: the best point, a table in the order of its keys, what did not settle."""

import dataclasses
import json

import numpy as np
import pytest
import result_files

import orderparams as op
from orderparams.results.scan import Scan
from orderparams.views.story import scans, screen
from orderparams.views.story.blocks import Sentence, Table
from orderparams.views.tables import WIDTH

KEYS = {"length": "task.length", "activation": "attention.activation"}


def scan_of(**arrays):
    """Four points of a product whose keys are not in the order of the alphabet."""
    axes = {
        "length": np.array([2, 4]),
        "activation": np.array(["softmax", "softmax-1"], dtype=object),
    }
    known = {
        "status": np.array([["finished"] * 2, ["failed", "finished"]], dtype=object),
        "message": np.full((2, 2), "", dtype=object),
        "seconds": np.ones((2, 2)),
        "risk": np.array([[0.5, 0.25], [np.nan, 0.75]]),
        "bayes_risk": np.array([[0.125, 0.125], [np.nan, 0.5]]),
    }
    return Scan(result_files.PROBLEM, "", "solve", KEYS, axes, axes, known | arrays)


def told(scan, most=16):
    blocks = scans.results(scan, most).blocks
    (table,) = (block for block in blocks if isinstance(block, Table))
    return table, [block.text for block in blocks if isinstance(block, Sentence)]


def test_the_best_point_and_all_points_in_the_order_of_the_keys():
    stages = np.array([[[10.0, 20.5], [np.nan] * 2], [[np.nan] * 2, [5.0, np.nan]]])
    table, texts = told(scan_of(stage_time=stages))
    assert table.columns == [
        "task.length", "attention.activation", "risk", "Bayes risk", "stages at t", "",
    ]  # fmt: skip
    assert table.rows == [
        ("2", "softmax", "0.500000", "0.125000", "10.00, 20.50", ""),
        ("2", "softmax-1", "0.250000", "0.125000", "", ""),
        ("4", "softmax", "", "", "", "failed"),
        ("4", "softmax-1", "0.750000", "0.500000", "5.00", ""),
    ]
    assert texts == [
        "The lowest risk is 0.250000, at task.length = 2 and attention.activation = softmax-1, "
        "0.12 above the Bayes risk."
    ]


@pytest.mark.parametrize(
    ("least", "shown"),
    [(2e-4, "0.000200"), (2.5e-5, "2.500e-05"), (1e-12, "0.000000")],
)
def test_small_risks_keep_their_digits(least, shown):
    """Those below the error of the expectations have none."""
    risk = np.array([[0.5, 0.25], [np.nan, least]])
    table, texts = told(scan_of(risk=risk))
    assert [row[2] for row in table.rows][-1] == shown
    assert texts[0].startswith(f"The lowest risk is {shown}, at ")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"remaining": [[0.0101, 0.0099], [np.nan, 0.0]]}, "1 point did not settle: the risk"),
        (
            {
                "remaining": [[2e-5, 2e-5], [np.nan, 9e-6]],
                "remaining_excess": [[0.0051, 0.0049], [np.nan, 3.0]],
            },
            "1 point did not settle: the risk changed by more than 0.5% of what it lies above the "
            "Bayes risk in the last tenth",
        ),
        ({"gradient_residual": [[2e-7, 1e-8], [np.nan, 0.0]]}, "1 point did not settle: the sear"),
    ],
)
def test_points_that_did_not_settle_are_marked_with_the_rule(values, words):
    scan = scan_of(**{name: np.array(numbers) for name, numbers in values.items()})
    table, texts = told(scan)
    assert [row[-1] for row in table.rows] == ["not settled", "", "failed", ""]
    assert texts[-1].startswith(words)
    assert scans.unsettled_points(scan) == [1]
    risk = np.array([[0.125, 0.25], [np.nan, 0.75]])
    best = told(dataclasses.replace(scan, arrays=dict(scan.arrays) | {"risk": risk}))[1][0]
    assert best.endswith("the Bayes risk, and not settled.")


def test_keys_are_short_where_the_screen_is_narrow():
    blocks = scans.results(scan_of(), 16, 60).blocks
    (table,) = (block for block in blocks if isinstance(block, Table))
    assert table.columns[:2] == ["length", "activation"]
    assert scans.width_of(table) == max(map(len, screen.block_lines(table)))
    assert ", at length = 2 and activation = softmax-1, " in blocks[0].text
    assert told(scan_of())[0].columns[:2] == ["task.length", "attention.activation"]


def test_of_many_points_the_lowest_risks_are_shown_in_their_order():
    table, texts = told(scan_of(), most=2)
    assert [row[:2] for row in table.rows] == [("2", "softmax"), ("2", "softmax-1")]
    assert "Shown are 2 of 4 points, those of lowest risk; the file has all." in texts


def test_validations_have_verdicts_and_no_best_point():
    scan = scan_of(
        agreement=np.array([[1.0, 0.0], [np.nan, np.nan]]), least_pvalue=np.full((2, 2), 0.5)
    )
    arrays = {name: values for name, values in scan.arrays.items() if name != "risk"}
    table, texts = told(dataclasses.replace(scan, arrays=arrays))
    assert [row[-1] for row in table.rows] == ["agree", "disagree", "failed", "inconclusive"]
    assert "p-value" in table.columns
    assert texts == []


def test_without_a_finished_point_there_is_no_best():
    scan = scan_of(status=np.full((2, 2), "failed", dtype=object))
    assert scans.best(scan) is None


def test_files_keep_the_order_of_the_keys(tmp_path):
    """Oracle: what was asked for; groups of HDF5 are read in the order of the alphabet."""
    vary = {"task.length": [3, 4], "attention.heads": [1, 2]}
    for mode in ("product", "zip"):
        path = tmp_path / f"{mode}.h5"
        made = op.scan(
            result_files.TABLE, vary, mode=mode, action="evaluate", output=path, workers=1
        )
        assert list(op.open(path).keys.values()) == list(made.keys.values()) == list(vary)


def test_a_scan_ends_with_its_results(run):
    """The command, in 80 columns."""
    few = ["-s", "expectation.engine=sampling", "-s", "expectation.samples=64"]
    few += ["-s", "training.duration=2", "-s", "output.points=12", "--workers", "1"]
    vary = ["--vary", "task.length=3,4"]
    status, out, _ = run("scan", "single-head", *few, *vary, "-o", "scan.h5")
    assert status == 0
    assert out.endswith("  written to scan.h5\n  next: orderparams plot scan.h5\n")
    assert max(map(len, out.splitlines())) <= WIDTH
    result = op.open("scan.h5")
    assert f"The lowest risk is {result['risk'].min():.6f}, at task.length = " in out
    assert "\n".join(screen.lines([scans.results(result, 16)])) in out
    assert "2 points did not settle" in " ".join(out.split())
    document = json.loads(run("scan", "--resume", "-o", "scan.h5", "--json")[1])
    assert document["unsettled"] == [1, 2]
    assert document["best"]["risk"] == result["risk"].min()
    assert document["best"]["parameters"] == {"task.length": 3}
