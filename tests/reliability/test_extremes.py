"""Extreme numbers: one message, or finite results, in little time and memory."""

import math
import time
import tracemalloc

import numpy as np
import pytest

import orderparams as op
from orderparams.config.values import LARGEST
from orderparams.errors import ConfigurationError, SolverError
from orderparams.models.single_location.flow import Flow

HUGE = [1e8, 1e20, 0.99 * LARGEST, 1e160, 1.7976931348623157e308]
SIZES = [5e-324, 1e-300, *HUGE]
SPIKES = {"kind": "spikes", "strengths": [4.0, 1.0]}
BASE = {
    "task": {"length": 3, "signal": SPIKES},
    "attention": {"heads": 2},
    "training": {"duration": 1.0},
    "expectation": {"tolerance": 1e-5},
}


def explicit(overlap, **more):
    return {"kind": "explicit", "overlap": overlap, **more}


KINDS = {
    "kappa": lambda x: {"attention.kappa": x},
    "bias": lambda x: {"attention.bias": [x, -x]},
    "shift": lambda x: {"attention.bias": [x, x]},
    "variance": lambda x: {"initial.variance": x},
    "overlap": lambda x: {"initial": explicit([[x, 0.0], [0.0, -x]])},
    "equal": lambda x: {"initial": explicit([[x, 0.0], [x, 0.0]])},
    "self": lambda x: {"initial": explicit([[0.0] * 2] * 2, self_overlap=[[x, 0.0], [0.0, x]])},
    "decay": lambda x: {"training.weight_decay": x},
    "rate": lambda x: {"training.learning_rate": x, "training.rule": "sgd"},
    "learned": lambda x: {"training.bias_rate": x, "attention.bias": "learned"},
    "noise": lambda x: {"task.noise": x, "task.target": "scalar"},
    "weights": lambda x: {"task.length": {"values": [2, 3], "weights": [x, x]}},
}


@pytest.mark.parametrize("activation", ["softmax-1", "bayes-softmax"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_start_is_evaluated_or_refused(kind, activation):
    for size in SIZES:
        settings = {"attention.activation": activation} | KINDS[kind](size)
        started = time.process_time()
        tracemalloc.start()
        try:
            found = op.evaluate(BASE, settings=settings)
        except ConfigurationError:
            pass
        else:
            assert math.isfinite(found.risk)
            for values in (*found.gradient.values(), *found.velocity.values()):
                assert np.isfinite(values).all(), (kind, size)
        finally:
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert most < 1e9, (kind, size)
        assert time.process_time() - started < 60, (kind, size)


@pytest.mark.parametrize("size", [size for size in SIZES if size > LARGEST])
@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_squared_is_refused_when_it_is_read(kind, size):
    settings = {"attention.activation": "softmax-1"} | KINDS[kind](size)
    with pytest.raises(ConfigurationError, match="too large; numbers up to 1e"):
        op.load(BASE, settings=settings)


@pytest.mark.parametrize("kind", ["bias", "overlap", "variance"])
def test_a_simulation_that_begins_out_of_range_is_refused(kind):
    settings = {"attention.activation": "softmax-1", "simulation.dimension": 60}
    with pytest.raises(ConfigurationError, match="the start is out of range"):
        op.simulate(BASE, settings=settings | {"output.points": 3} | KINDS[kind](1e20))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"task.signal.strengths": [1e20, 1.0]}, r"weaken the signal \(task.signal\)"),
        ({"initial.variance": 1e20}, r"weaken the initial heads \(initial.variance\)"),
        ({"initial": explicit([[1e20, 0.0], [0.0, 1.0]])}, "weaken initial.overlap"),
        ({"attention.bias": [1e20, 1.0]}, "weaken attention.bias"),
        ({"attention.head_weights": [1e20, 1.0]}, "weaken attention.head_weights"),
    ],
)
def test_a_start_out_of_range_says_what_to_weaken(settings, words):
    with pytest.raises(ConfigurationError, match=f"the start is out of range: .*{words}$"):
        op.evaluate(BASE, settings={"attention.activation": "softmax-1"} | settings)


@pytest.mark.parametrize(
    ("key", "more"),
    [
        ("training.bias_rate", {"attention.bias": "learned"}),
        ("training.head_weight_rate", {"attention.head_weights": "learned"}),
        ("training.weight_decay", {}),
        ("training.learning_rate", {"training.duration": 1e49}),
    ],
)
def test_a_simulation_that_fails_names_the_rate(key, more, capfd):
    settings = {"attention.activation": "softmax-1", "output.points": 3, key: 1e49} | more
    few = {"simulation.dimension": 60, "simulation.replicas": 1}
    run = op.simulate(BASE, settings=settings | few)
    assert run.status == "failed"
    assert f"lower {key} = 1e+49" in run.message
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("activation", ["softmax", "softmax-1", "bayes-softmax"])
def test_noise_that_leaves_the_range_at_once_is_refused(activation):
    """Followed step by step it takes minutes to the same end."""
    sgd = {"training.rule": "sgd", "training.learning_rate": 1e49, "attention.heads": 1}
    with pytest.raises(ConfigurationError, match=r"training.learning_rate = 1e\+49"):
        op.solve(BASE, settings=sgd | {"attention.activation": activation})


def test_a_run_that_leaves_the_range_names_the_rate(monkeypatch):
    def derivative(*_):
        raise SolverError("the state is not finite")

    monkeypatch.setattr(Flow, "derivative", derivative)
    sgd = {"training.rule": "sgd", "training.learning_rate": 1e5, "attention.heads": 1}
    run = op.solve(BASE, settings=sgd)
    assert run.status == "failed"
    assert "lower training.learning_rate = 100000" in run.message
