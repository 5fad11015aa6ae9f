"""Importances with activations other than the exponential, values known, learned or tied.

Oracles: SGD on whole vectors in plain NumPy, and differences of evaluations at other weights.
"""

import numpy as np
import pytest
from scipy.special import erf, expit

import orderparams as op

BASE = {
    "task.length": 3,
    "task.target": "scalar",
    "task.noise": 0.2,
    "task.signal": {"kind": "spikes", "strengths": [4.0]},
    "attention.heads": 2,
    "attention.head_weights": "importance",
    "attention.importance_total": 1.3,
    "training.rule": "sgd",
    "training.learning_rate": 0.4,
    "training.duration": 0.3,
    "training.importance_rate": 2.0,
    "training.importance_penalty": -20.0,
    "initial.kind": "explicit",
    "initial.overlap": [[0.8], [-0.3]],
    "initial.self_overlap": [[1.0, 0.1], [0.1, 0.6]],
    "initial.importance": [4, 1],
    "expectation.samples": 2**11,
    "output.points": 2,
}
LINE = {"attention.intercept": [0.3, -0.1]}
VALUES = {
    "attention.value": "learned",
    "initial.value_alignment": [0.5, 0.3],
    "initial.value_self_overlap": [[0.5, 0.1], [0.1, 0.4]],
    "initial.key_target_overlap": [0.2, 0.0],
    "initial.value_overlap": [[0.1], [-0.2]],
}
TIED = {
    "attention.value": "tied",
    "initial.key_target_overlap": [0.5, 0.2],
    "initial.self_overlap": [[1.2, 0.1], [0.1, 0.6]],
}
CASES = {
    "linear": {**LINE, "training.learning_rate": 0.2},
    "erf, values": {**LINE, **VALUES},
    "erf, tied": TIED,
    "softplus": {},
    "softplus, values": VALUES,
}
REPLICAS = 192


def activation_of(name):
    return name.split(",")[0]


def problem(name, **more):
    settings = {"attention.activation": activation_of(name), **CASES[name], **more}
    return op.load({"task": {}, "attention": {}, "initial": {}}, BASE | settings)


def vectors(found, dimension):
    """Rows (n, D): keys, and values where they are learned, with the overlaps of the start."""
    initial = found.initial
    hidden = np.column_stack([np.array(initial.overlap), initial.key_target_overlap or [0.0] * 2])
    square = np.array(initial.self_overlap)
    if found.attention.value == "learned":
        beside = np.column_stack([np.array(initial.value_overlap), initial.value_alignment])
        hidden = np.vstack([hidden, beside])
        crossed = np.zeros((2, 2)) + hidden[:2] @ hidden[2:].T
        square = np.block([[square, crossed], [crossed.T, np.array(initial.value_self_overlap)]])
    rows = np.zeros((len(hidden), dimension))
    rows[:, :2] = hidden
    rows[:, 2 : 2 + len(hidden)] = np.linalg.cholesky(square - hidden @ hidden.T)
    return rows * dimension**0.5


def sgd(found, dimension):
    """What the flow knows after plain SGD, of each replica; k* and v* are the first axes."""
    task, attention, training = found.task, found.attention, found.training
    draw, root, gamma = np.random.default_rng(1), dimension**0.5, training.learning_rate
    rows = np.tile(vectors(found, dimension), (REPLICAS, 1, 1))
    p = np.array(found.initial.importance)
    scores = np.tile(np.log(p / p.sum()), (REPLICAS, 1))
    constant = np.array(attention.intercept if isinstance(attention.intercept, tuple) else [0, 0])
    for _ in range(round(training.duration * dimension / gamma)):
        x = draw.standard_normal((REPLICAS, task.length, dimension))
        x[:, 0, 0] += task.signal.strengths[0] ** 0.5
        fields = np.einsum("rhd,rld->rhl", rows / root, x)
        known = x[:, None, :, 1]
        keys = fields[:, :2]
        values = {"known": known, "tied": keys, "learned": fields[:, -2:]}[attention.value]
        p = np.exp(scores)
        p /= p.sum(1, keepdims=True)
        u = attention.importance_total * p
        if attention.activation == "softplus":
            phi = np.log1p(np.exp(keys))
            total = phi.sum(2, keepdims=True)
            shares = phi / total
            read = (shares * values).sum(2)
            slopes = expit(keys) / total * (values - read[:, :, None])
        else:
            phi, steep = {
                "erf": (erf(keys), 2 / np.pi**0.5 * np.exp(-(keys**2))),
                "linear": (keys, np.ones_like(keys)),
            }[attention.activation]
            shares = phi + constant[:, None]
            read = (shares * values).sum(2)
            slopes = steep * values
        error = (u * read).sum(1) - x[:, 0, 1] - task.noise * draw.standard_normal(REPLICAS)
        push = 2 * error[:, None, None] * u[:, :, None]
        by_keys, by_values = push * slopes, push * shares
        by_rows = {
            "known": by_keys,
            "tied": by_keys + by_values,
            "learned": np.concatenate([by_keys, by_values], axis=1),
        }[attention.value]
        rows = rows - gamma / root * np.einsum("rhl,rld->rhd", by_rows, x)
        pull = attention.importance_total * 2 * error[:, None] * read
        pull = pull - training.importance_penalty * (1 + np.log(p))
        pull = p * (pull - (pull * p).sum(1, keepdims=True))
        scores = scores - training.importance_rate * gamma / dimension * pull
    square = np.einsum("rhd,rgd->rhg", rows, rows) / dimension
    last = {
        "overlap": rows[:, :2, :1] / root,
        "self_overlap": square[:, :2, :2],
        "importance": np.exp(scores) / np.exp(scores).sum(1, keepdims=True),
    }
    if attention.value == "learned":
        last |= {"value_alignment": rows[:, 2:, 1] / root, "value_self_overlap": square[:, 2:, 2:]}
    if attention.value == "tied":
        last["key_target_overlap"] = rows[:, :, 1] / root
    return last


def extrapolated(found):
    """Means at D → ∞ of those at two dimensions, in powers of 1/D, and their standard errors."""
    small, large = sgd(found, 100), sgd(found, 200)
    return {
        name: (
            2 * large[name].mean(0) - of.mean(0),
            np.sqrt((4 * large[name].var(0) + of.var(0)) / (REPLICAS - 1)) + 1e-9,
        )
        for name, of in small.items()
    }


@pytest.mark.filterwarnings("ignore::orderparams.IgnoredSettingWarning")
@pytest.mark.parametrize("name", CASES)
def test_the_flow_follows_sgd_on_whole_vectors(name):
    """A theory without the penalty is rejected."""
    found = problem(name)
    reached = extrapolated(found)

    def largest(flow):
        return max(
            np.abs((mean - flow[key][-1]) / error).max() for key, (mean, error) in reached.items()
        )

    assert largest(op.solve(found)) < 4.5
    assert largest(op.solve(problem(name, **{"training.importance_penalty": 0.0}))) > 9


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_that_of_the_risk(name):
    """By importances, from differences of evaluations at other weights."""
    flowing = {"training.rule": "gradient-flow"}
    at = op.evaluate(problem(name, **flowing))
    given = {**BASE, **CASES[name], **flowing, "attention.activation": activation_of(name)}
    for key in ("importance_total", "importance_rate", "importance_penalty", "importance"):
        given = {k: v for k, v in given.items() if not k.endswith("." + key)}
    weights, step = 1.3 * np.array([0.8, 0.2]), 1e-4
    for h in range(2):
        ends = []
        for sign in (1, -1):
            u = weights + 1.3 * step * sign * np.eye(2)[h]
            ends.append(op.evaluate({}, settings=given | {"attention.head_weights": u.tolist()}))
        slope = (ends[0].risk - ends[1].risk) / (2 * step)
        assert at.gradient["importance"][h] == pytest.approx(slope, abs=1e-6)
