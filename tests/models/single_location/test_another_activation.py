"""An activation that is added as docs/adding-an-activation.md says: a file and a line of the table.

Oracle: Gauss–Hermite quadrature in the logits of each token, and finite differences.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import orderparams as op
from orderparams.models.single_location.activations.table import TABLE, Facts
from orderparams.models.single_location.model import flow

ROOT = Path(__file__).parents[3]
BASE = {
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0]}},
    "attention": {"heads": 2, "activation": "erf", "bias": [0.2, -0.1], "intercept": 0.15},
    "training": {"duration": 2.0, "learning_rate": 0.5},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.6], [-0.3]],
        "self_overlap": [[0.7, 0.1], [0.1, 0.5]],
    },
    "expectation": {"samples": 1024},
    "output": {"points": 3},
    "simulation": {"replicas": 2, "dimension": 60},
}


@pytest.fixture
def problem(monkeypatch):
    """A problem with the new activation; words of the configuration were read before it came."""
    monkeypatch.setitem(TABLE, "tanh", Facts("elementwise", "tanh_activation"))
    base = op.load(BASE)
    return dataclasses.replace(
        base, attention=dataclasses.replace(base.attention, activation="tanh")
    )


def plain_risk(overlap, self_overlap) -> float:
    """E of theory 5d by Gauss–Hermite in both logits of a token."""
    g, w = np.polynomial.hermite_e.hermegauss(120)
    w = np.outer(w, w) / w.sum() ** 2
    root = np.linalg.cholesky(self_overlap)
    x, y = root[0, 0] * g[:, None] + 0 * g, root[1, 0] * g[:, None] + root[1, 1] * g
    total = 0.0
    for count, theta, target in ((2.0, 0.0, 0.0), (1.0, 2.0, 1.0)):
        first = np.tanh(x + 0.2 + overlap[0, 0] * theta)
        second = np.tanh(y - 0.1 + overlap[1, 0] * theta)
        total += count * (w * (0.15 + 0.5 * (first + second) - target) ** 2).sum()
    return float(total)


def test_its_risk_and_gradient_are_those_of_the_plain_formula(problem):
    found = op.evaluate(problem)
    assert found.engine == "quadrature"
    overlap, self_overlap = found["overlap"], found["self_overlap"]
    assert found.risk == pytest.approx(plain_risk(overlap, self_overlap), abs=1e-9)
    for h, step in ((0, 1e-4), (1, 1e-4)):
        values = []
        for sign in (1, -1):
            moved = overlap.copy()
            moved[h, 0] += sign * step
            values.append(plain_risk(moved, self_overlap))
        slope = (values[0] - values[1]) / (2 * step)
        assert found.gradient["overlap"][h, 0] == pytest.approx(slope, abs=1e-6)


def test_it_runs_everywhere(problem):
    """Flow, sampling, noise, SGD."""
    run = op.solve(problem)
    assert run.risk[-1] < run.risk[0]
    sgd = dataclasses.replace(problem, training=dataclasses.replace(problem.training, rule="sgd"))
    assert op.evaluate(sgd).engine == "quadrature, sampling for V"
    assert np.isfinite(op.simulate(sgd).risk).all()
    exact, sampling = flow(problem), dataclasses.replace(problem.expectation, engine="sampling")
    sampled = flow(dataclasses.replace(problem, expectation=sampling))
    at = exact.state(exact.initial_state)
    error = sampled.evaluate(sampled.initial_state).error
    assert sampled.risk(at) == pytest.approx(exact.risk(at), abs=error)


def test_the_page_shows_this_file():
    """The docs page has the code of the activation that is tested here."""
    page = (ROOT / "docs" / "adding-an-activation.md").read_text("utf-8")
    page = page.replace("\n   ", "\n")
    assert (ROOT / "tests" / "tanh_activation.py").read_text("utf-8").strip() in page
