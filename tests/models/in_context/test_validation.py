"""SGD of heads that learn in context agrees with the flow in all backends, not with a wrong one.

Fixed seeds; by chance a right theory would fail with probability 0.01 for a new one.
"""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import orderparams as op
from orderparams.cli.main import orderparams
from orderparams.config import to_toml
from orderparams.models.in_context.flow import Flow

PAIR = {
    "model": "in-context-regression",
    "task": {"length": 8, "blocks": [3], "noise": 0.3},
    "attention": {"heads": 2},
    "initial": {"kind": "explicit", "key_query": [[0.2], [-0.3]], "output": [[1.0], [-0.6]]},
    "training": {"duration": 2.0, "learning_rate": 0.005, "batch_size": 16},
    "output": {"points": 9, "spacing": "linear"},
    "simulation": {"replicas": 16, "seed": 1},
}
TWO = {
    "task": {"length": 8, "blocks": [2, 1], "strengths": [[0.7, 0.3], [0.0, 1.0]]},
    "attention.activation": "linear",  # whose gradients have wide tails
    "training.learning_rate": 0.002,
    "training.batch_size": 64,
    "simulation.seed": 2,
    "initial.key_query": [[0.2, 0.3], [-0.3, 0.4]],
    "initial.output": [[1.0, 0.4], [-0.6, 0.8]],
}
RIGHT = {
    "reduced": {},
    "restricted": {"simulation.backend": "restricted"},
    "full": {"simulation.backend": "full"},
    "factors with decay": {"training.metric": "factored", "training.weight_decay": 0.1},
    "linear, two tasks": TWO,
    "linear, whole": {**TWO, "simulation.backend": "full"},
}


@pytest.mark.parametrize("settings", RIGHT.values(), ids=RIGHT)
def test_the_flow_agrees_with_sgd(settings):
    found = op.validate(PAIR, settings=settings, workers=2)
    rate = found.problem.training.learning_rate
    assert list(found.simulations) == [4 * rate, rate]
    assert found.verdict == "agree", found.reason
    assert found.comparison.resolution < 0.1
    assert abs(found.scaling.exponent - 0.5) < 4 * found.scaling.standard_error


@pytest.mark.parametrize("backend", ["reduced", "full"])
def test_a_flow_in_another_metric_is_rejected(backend, monkeypatch):
    """That of the order parameters where matrices learn, without 1/d."""
    rates = Flow.rates

    def scalar(self, *point):
        self.metric = "scalar"
        return rates(self, *point)

    monkeypatch.setattr(Flow, "rates", scalar)
    found = op.validate(PAIR, settings={"simulation.backend": backend}, workers=2)
    assert found.verdict == "disagree"


def test_rates_too_large_are_told():
    """Spread and bias are not those of small learning rates."""
    few = {"training.learning_rate": 0.05, "output.points": 5}
    found = op.validate(PAIR, settings=few, workers=2)
    assert found.verdict == "inconclusive"
    first = found.reason.splitlines()[0]
    assert first.startswith("SGD made only 10 steps at learning_rate = 0.2")
    assert "lower training.learning_rate (or the learning rates asked for), or raise" in first
    assert "dimension" not in found.reason


REFUSED = {
    "dimensions": (
        {"dimensions": [20, 80]},
        r"dimensions are of no use: .*in-context-regression' tends to its theory at small learning "
        r"rates.*give learning rates, for example learning_rates=\[0.08, 0.02\]",
    ),
    "a rule": ({"rule": "sgd"}, "rule of the theory is of no use: .* no noise term; leave it out"),
    "one rate": ({"learning_rates": [0.1]}, "bias of order learning_rate with two learning rates"),
    "no rate": ({"learning_rates": [0.1, -1]}, r"learning_rates\[1\]: expected a finite number"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
def test_options_without_a_meaning_are_refused(options, message):
    with pytest.raises(op.ConfigurationError, match=message):
        op.validate(PAIR, **options)


def test_learning_rates_are_refused_where_dimensions_lead_to_the_theory():
    with pytest.raises(op.ConfigurationError, match=r"learning rates are of no use.*dimensions="):
        op.validate("single-head", learning_rates=[0.1, 0.2])


def test_a_validation_from_the_shell_and_its_file(tmp_path):
    """One wording on the screen, in the file, and in what is read from it."""
    (tmp_path / "pair.toml").write_text(to_toml(op.load(PAIR)), "utf-8")
    path = tmp_path / "found.h5"
    options = ["--learning-rates", "0.02,0.005", "-s",
               "output.points=3", "-s", "simulation.backend=full", "-o", str(path)]  # fmt: skip
    said = CliRunner().invoke(orderparams, ["validate", str(tmp_path / "pair.toml"), *options])
    assert said.exit_code in (0, 4, 7), said.output
    assert "simulation full, 16 replicas at learning_rate = 0.02, 0.005" in said.output
    assert "extrapolated in learning_rate from 0.02 and 0.005," in said.output
    assert "spread over replicas         ~ learning_rate^(" in said.output
    assert "off_manifold at the end" in said.output
    own = [line for line in said.output.splitlines() if not line.startswith("Compiling")]
    assert all(len(line) <= 80 for line in own if str(path) not in line)
    found = op.open(path)
    assert list(found.simulations) == [0.02, 0.005]
    assert found.nearest.problem.training.learning_rate == 0.005
    assert found.nearest.records.step[-1] == 400
    assert found.nearest.records.parameters["off_manifold"].shape == (16, 3, 2, 4)
    tree = found.compared()
    np.testing.assert_array_equal(tree.coordinates["learning_rate"], [0.02, 0.005])
    words = tree.variables["key_query_deviation"][0].long_name
    assert "extrapolated in learning_rate, mean over replicas" in words
    assert tree.axis_names["time"] == "time t = learning_rate * steps"


def test_a_validation_of_a_scan():
    scan = op.scan(PAIR, {"task.noise": [0.0, 0.3]}, action="validate", workers=1)
    assert scan["agreement"].shape == (2,)


def test_a_verdict_says_where_sgd_ended():
    short = {"training.duration": 4, "simulation.duration": 1, "simulation.replicas": 4}
    found = op.validate("in-context-pairs", settings=short | {"output.points": 5})
    assert found.time[-1] == pytest.approx(1.0, rel=0.1)
    assert "t = 1 of 4, where SGD ends; to judge longer, raise simulation.duration" in found.reason
    whole = {"training.duration": 1, "simulation.replicas": 4, "output.points": 5}
    assert "where SGD ends" not in op.validate("in-context-pairs", settings=whole).reason


def test_a_tolerance_that_was_missed_is_a_warning():
    strong = ["-s", "initial.key_query=[[3.0]]", "-s", "initial.output=[[1.0]]"]
    strong += ["-s", "attention.heads=1", "-s", "initial.kind=explicit"]
    said = CliRunner().invoke(orderparams, ["evaluate", "in-context-pairs", *strong, "--json"])
    (missed,) = json.loads(said.stdout)["warnings"]
    assert missed == "expectation.tolerance = 1e-08 was not reached"
