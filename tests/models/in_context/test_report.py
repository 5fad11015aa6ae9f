"""Pages about in-context regression: every kind of result has one that says what its file does."""

import re

import numpy as np
import pytest

import orderparams as op

QUICK = {
    "attention.heads": 2,
    "task.length": 8,
    "attention.activation": "linear",
    "training.duration": 0.4,
    "training.batch_size": 4,
    "output.points": 3,
    "simulation.replicas": 3,
}


def texts(result, path):
    """The page as text."""
    op.report(result, path)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", path.read_text("utf-8")))


@pytest.mark.parametrize("backend", ["reduced", "restricted", "full"])
def test_a_page_about_a_simulation(backend, tmp_path):
    run = op.simulate("in-context-pairs", settings=QUICK | {"simulation.backend": backend})
    page = texts(run, tmp_path / "page.html")
    assert "The simulation finished at t = 0.4." in page
    assert "Order parameters of the first replica at the end" in page
    parts = "Distance δ of the first replica at the end head KQ of x KQ of y OV of x OV of other y"
    assert (parts in page) == (backend == "full")
    if backend == "full":
        off = run.records.parameters["off_manifold"][0, -1, 0]
        assert " ".join(f"{value:.4f}" for value in off) in page


def test_a_page_about_a_run_and_a_point(tmp_path):
    """Tasks, gains, and other lengths by their values."""
    lengths = {"task.test_lengths": [5, 123]}
    run = op.solve("in-context-pairs", settings=QUICK | lengths)
    page = texts(run, tmp_path / "run.html")
    assert "Order parameters and risk in time; the end" in page
    assert "Read off the state task E Σμ M₁ 1" in page
    assert f"length E₁ 5 {run['test_risk'][0, 0]:.4f} 123 {run['test_risk'][1, 0]:.4f}" in page
    point = op.evaluate("in-context-pairs", settings=QUICK | lengths)
    page = texts(point, tmp_path / "point.html")
    assert f"length E₁ 5 {point.observables['test_risk'][0, 0]:.4f}" in page


def test_a_page_about_a_validation_and_a_scan(tmp_path):
    found = op.validate("in-context-pairs", settings=QUICK, learning_rates=[0.1, 0.05])
    assert "learning rates" in texts(found, tmp_path / "found.html")
    optima = op.scan("in-context-pairs", {"task.length": [8, 9]}, settings=QUICK, action="optimum")
    assert np.isfinite(optima["risk"]).all()
    assert "optimum" in texts(optima, tmp_path / "optima.html")
