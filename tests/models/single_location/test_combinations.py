"""Pairs of features over each kind of attention: they work together, or one message refuses them.

The gradient is held to central differences of the risk, in one direction of all order parameters.
"""

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import orderparams as op

Settings = dict[str, Any]

OVERLAP = np.array([[0.6, 0.1], [-0.2, 0.5]])
SELF_OVERLAP = OVERLAP @ OVERLAP.T + [[0.6, 0.1], [0.1, 0.55]]
RATE, DIMENSION, STEPS = 0.5, 40, 2

BASE: Settings = {
    "task.length": 3,
    "task.signal": {"kind": "flipped-spikes", "strengths": [2.0, 1.0]},
    "attention.heads": 2,
    "training.rule": "sgd",
    "training.learning_rate": RATE,
    "training.duration": STEPS * RATE / DIMENSION,
    "initial.kind": "explicit",
    "initial.overlap": OVERLAP.tolist(),
    "initial.self_overlap": SELF_OVERLAP.tolist(),
    "expectation.samples": 256,
    "simulation.dimension": DIMENSION,
    "simulation.replicas": 2,
    "output.points": 2,
}
MANIFOLD = {
    "attention.value": "learned",
    "task.target": "scalar",
    "initial.value_alignment": [0.5, 0.3],
    "initial.value_self_overlap": [[0.9, 0.1], [0.1, 0.8]],
}
FULL = MANIFOLD | {
    "initial.key_target_overlap": [0.1, -0.05],
    "initial.value_overlap": [[0.1, 0.05], [-0.1, 0.2]],
    "initial.key_value_overlap": [[0.05, 0.0], [0.02, 0.1]],
}
TIED = {
    "attention.value": "tied",
    "task.target": "scalar",
    "initial.key_target_overlap": [0.1, -0.05],
}
SHARED = {
    "attention.keys": "shared",
    "attention.shared": {"learned": True, "mixing": [[1.0, 0.2], [-0.5, 0.8]]},
    "initial.overlap": None,
    "initial.self_overlap": None,
    "initial.base_overlap": OVERLAP.tolist(),
    "initial.base_self_overlap": SELF_OVERLAP.tolist(),
}
KINDS: dict[str, Settings] = {
    "known softmax-1": {},
    "known linear": {},
    "full softmax": FULL,
    "manifold bayes-softmax": MANIFOLD,
    "full erf": FULL,
    "manifold softplus": MANIFOLD,
    "tied softmax": TIED,
    "shared softmax": SHARED,
}
FEATURES: dict[str, Settings] = {
    "weights": {"attention.head_weights": "learned"},
    "importance": {"attention.head_weights": "importance", "training.importance_penalty": 0.1},
    "bias": {"attention.bias": "learned"},
    "sphere": {"training.constraint": "sphere"},
    "cosine": {"training.repulsion": {"kind": "cosine", "strength": 0.1}},
    "gaussian": {"training.repulsion": {"kind": "gaussian", "strength": 0.1, "width": 1.0}},
    "inertia": {"training.inertia": {"friction": 0.7, "gain": 0.5}},
    "momentum": {"training.momentum": 0.5},
    "schedule": {"training.schedule": {"kind": "inverse", "time": 10.0}},
    "decay": {"training.weight_decay": 0.1},
    "signal noise": {"task.signal_noise": 0.7},
    "correlated": {"task.feature_correlation": [[1.0, 0.4], [0.4, 1.0]]},
    "lengths": {"task.length": {"values": [2, 4], "weights": [1.0, 2.0]}},
    "scalar": {"task.target": "scalar", "task.noise": 0.3},
    "fluctuations": {
        "fluctuations": {"enabled": True, "nodes": 64, "points": 6},
        "expectation.tolerance": 1e-7,
    },
}
KEYS = {"head_weight": "head_weights", "logit_bias": "bias"}
"""Where order parameters start whose key has another name."""

APART = [
    {"sphere", "decay"},
    {"shared", "correlated"},
    {"linear", "bias"},
    {"importance", "bayes-softmax"},
    {"weights", "bayes-softmax"},
    *({"inertia", word} for word in ("full", "manifold", "tied", "shared", "weights", "bias")),
    *({"inertia", word} for word in ("importance", "sphere", "momentum", "schedule")),
]
"""What is refused."""

SAME = ({"weights", "importance"}, {"cosine", "gaussian"})
"""Values of one key."""


def pairs(kind: str) -> list[tuple[str, str]]:
    """A quarter of them, so that two kinds have each pair."""
    number = list(KINDS).index(kind)
    every = [pair for pair in itertools.combinations(FEATURES, 2) if set(pair) not in SAME]
    return every[number % 4 :: 4]


def table(kind: str, *names: str) -> dict[str, Any]:
    """The problem with these features."""
    settings = BASE | KINDS[kind] | {"attention.activation": kind.split()[1]}
    for name in names:
        settings = settings | FEATURES[name]
    found: dict[str, Any] = {}
    for key, value in settings.items():
        *path, last = key.split(".")
        inner = found
        for part in path:
            inner = inner.setdefault(part, {})
        if value is not None:
            inner[last] = copy.deepcopy(value)
    return found


def simulated(problem: dict[str, Any], backend: str) -> list[NDArray[np.float64]]:
    """All order parameters of a run of two steps."""
    run = op.simulate(problem, settings={"simulation.backend": backend}, risks=False)
    return [run[one.name] for one in run.order_parameters]


def slopes(problem: dict[str, Any], at: op.Evaluation) -> tuple[float, float]:
    """The change of the risk in one direction by the gradient, and by central differences."""
    rng = np.random.default_rng(3)
    heads = {"overlap", "self_overlap"} if "base_overlap" in at.gradient else set()
    moved = {}
    for name, slope in at.gradient.items():
        if name in heads or name == "importance" or "velocity" in name:
            continue
        way = rng.standard_normal(slope.shape)
        moved[name] = (way + way.T) / 2 if name.endswith("self_overlap") else way

    def risk(step: float) -> float:
        moving = copy.deepcopy(problem)
        for name, way in moved.items():
            value = (at.parameters[name] + step * way).tolist()
            if name == "mixing":
                moving["attention"]["shared"]["mixing"] = value
            else:
                moving["initial"][KEYS.get(name, name)] = value
        moving["training"]["rule"] = "gradient-flow"
        moving.pop("fluctuations", None)
        return op.evaluate(moving).risk

    step = 1e-4
    by_gradient = sum(float((at.gradient[name] * way).sum()) for name, way in moved.items())
    return by_gradient, (risk(step) - risk(-step)) / (2 * step)


@pytest.mark.filterwarnings("ignore::orderparams.IgnoredSettingWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_features_go_together_or_are_refused(kind: str) -> None:
    for pair in pairs(kind):
        problem, words = table(kind, *pair), {*kind.split(), *pair}
        if any(apart <= words for apart in APART):
            for verb in (op.evaluate, op.simulate):
                with pytest.raises(op.ConfigurationError):
                    verb(problem)
            continue
        found = op.evaluate(problem)
        assert all(np.isfinite(value).all() for value in found.velocity.values()), pair
        by_gradient, by_differences = slopes(problem, found)
        assert by_gradient == pytest.approx(by_differences, rel=2e-6, abs=2e-7), pair
        for backend in ("gram", "direct"):
            states = simulated(problem, backend)
            assert all(np.isfinite(state).all() for state in states), (pair, backend)
            assert any((state[:, 0] != state[:, -1]).any() for state in states), (pair, backend)
