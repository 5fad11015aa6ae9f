"""What points keep: all that moves, by the names of the table; and of which model they are."""

from types import SimpleNamespace

import numpy as np
import pytest
from reliability.mutations import FIXTURES

import orderparams as op
from orderparams.analysis import optimum
from orderparams.errors import ConfigurationError
from orderparams.models.committee.config import order_parameters
from orderparams.results import schema
from orderparams.scans.actions import ACTIONS, perform, remaining_excess
from orderparams.scans.plan import base_table, make_plan, reserved
from orderparams.storage.schema import AXES

TABLE = {
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0, 2.0]}},
    "attention": {
        "heads": 2, "activation": "softmax-1", "bias": "learned", "head_weights": "learned",
    },
    "training": {"rule": "sgd", "duration": 2.0, "learning_rate": 0.5},
    "initial": {"kind": "explicit", "overlap": [[0.8, 0.1], [0.1, 0.6]]},
    "expectation": {"engine": "sampling", "samples": 64},
    "output": {"points": 3},
    "simulation": {"dimension": 60, "replicas": 3},
}  # fmt: skip
MOVING = ("overlap", "self_overlap", "bias", "head_weight")


@pytest.fixture(scope="module")
def problem():
    return op.load(TABLE)


def scan(problem, action, folder):
    """A scan over the number of heads as it is read from its file."""
    start = {"kind": "random", "variance": 0.1}
    made = op.scan(
        problem, {"attention.heads": [1, 2]}, settings={"initial": start}, action=action, workers=1,
        output=folder / "scan.h5", trajectories=action != "evaluate",
    )  # fmt: skip
    assert made.failures == {}
    return op.open(folder / "scan.h5")


def test_a_scan_of_simulations_keeps_all_that_moves_of_every_replica(problem, tmp_path):
    """Oracle: the courses that the same file stores of each point."""
    found = scan(problem, "simulate", tmp_path)
    assert {name for name in found if name.startswith("replica_")} == {
        "replica_risk", *(f"replica_{name}" for name in MOVING)
    }  # fmt: skip
    bayes = op.evaluate(problem).bayes_risk
    np.testing.assert_allclose(found["bayes_risk"], bayes)
    assert found["replica_bias"].shape == found["replica_head_weight"].shape == (2, 3, 2)
    assert np.isnan(found["replica_bias"][0, :, 1]).all()
    assert np.ptp(found["replica_head_weight"][1, :, 0]) > 0, "replicas differ"
    again = op.simulate(op.load(problem, {"initial": {"kind": "random", "variance": 0.1}}))
    for name in MOVING:
        np.testing.assert_array_equal(found[f"replica_{name}"][1], again[name][:, -1])


def test_what_remains_is_told_by_the_height_above_the_reference():
    """A risk that falls by 0.1 to 0.4, by 0.01 in the last tenth, over a reference of 0.3."""
    time = np.linspace(0, 10, 101)
    run = SimpleNamespace(time=time, risk=0.5 - 0.01 * time, references={"bayes_risk": 0.3})
    assert remaining_excess(run) == pytest.approx(0.1)
    run.references = {}
    assert remaining_excess(run) == pytest.approx(0.01 / 0.4)
    run.references = {"bayes_risk": np.nan}
    assert np.isnan(remaining_excess(run)), "nothing is told of what is unknown"
    run.references = {"bayes_risk": 0.4}
    run.risk[-1] = 0.4
    assert np.isnan(remaining_excess(run))


def test_a_scan_of_evaluations_keeps_gradients_velocities_and_v_of_all_that_moves(
    problem, tmp_path
):
    """Oracle: the evaluation of the same problem."""
    found = scan(problem, "evaluate", tmp_path)
    again = op.evaluate(op.load(problem, {"initial": {"kind": "random", "variance": 0.1}}))
    for name in MOVING:
        np.testing.assert_array_equal(found[name][1], again[name])
        np.testing.assert_array_equal(found[f"{name}_gradient"][1], again.gradient[name])
        np.testing.assert_array_equal(found[f"{name}_velocity"][1], again.velocity[name])
    np.testing.assert_array_equal(found["gradient_covariance"][1], again.noise)
    assert np.isnan(found["gradient_covariance"][0, 1]).all()
    flow = op.load(problem, {"training.rule": "gradient-flow"})
    assert "gradient_covariance" not in perform("evaluate", flow).values, "there is none"


def test_a_scan_of_evaluations_keeps_v_of_keys_and_values():
    problem = op.load("learned-values", ["training.rule=sgd", "expectation.samples=64"])
    found = op.scan(problem, {"task.length": [2]}, action="evaluate")
    again = op.evaluate(problem, settings={"task.length": 2})
    assert not found.failures
    np.testing.assert_array_equal(found["row_gradient_covariance"][0], again.noise)


@pytest.mark.parametrize("action", ACTIONS)
def test_whatever_a_point_gives_has_a_place_in_the_file(problem, action, monkeypatch):
    """All names of values are known, with as many axes as they have there."""
    monkeypatch.setattr(optimum, "MOST", 1)  # whatever is found has the same names
    outcome = perform(action, problem)
    assert outcome.status == "finished", outcome.message
    known = schema.point("single-location")
    for name, value in outcome.values.items():
        assert np.ndim(value) == len(known[name].axes), name


def test_no_varied_key_takes_a_name_that_the_file_needs():
    """Axes, order parameters and all that stands in a scan, whatever it stores."""
    names = set(reserved("single-location"))
    assert names >= AXES.keys() | schema.SCAN.keys() | schema.point("single-location").keys()
    assert names >= {"head", "head_2", "feature", *MOVING}
    vary = {"attention.bias": ["none"], "simulation.dimension": [10], "task.noise": [0.0]}
    base = base_table("flipped-spikes")
    axes = make_plan(base, {"vary": vary}).axes
    assert [axis.name for axis in axes] == ["attention_bias", "simulation_dimension", "noise"]


def test_a_plan_of_before_is_still_the_same():
    """Fingerprints of folders as they were before configurations named their model."""
    for name, fingerprint in (("scan", "b571f9b47ce692fc"), ("paired", "02dbf76c375e0dee")):
        plan = make_plan(base_table(FIXTURES / "version-1" / f"{name}.h5"))
        assert plan.fingerprint == fingerprint
        assert not plan.points[0].config.startswith("model")


OTHER = "only model = 'committee' has it; set model, or leave it out"


@pytest.mark.parametrize(
    ("vary", "settings", "words"),
    [
        ({"model": ["committee", "single-location"]}, {}, "varied key model: all points of a scan"),
        ({"model": ["no-such"]}, {}, "make a scan of each of single-location, committee"),
        ({"network.students": [1, 2]}, {}, f"network.students: {OTHER}"),
        ({"network.second_layer[0]": [1, 2]}, {}, f"network.second_layer: {OTHER}"),
        ({"task.length": [2, 3]}, {"network.students": 2}, f"network.students: {OTHER}"),
        ({"task.length": [2, 3]}, {"model": "comitee"}, "did you mean 'committee'?"),
        ({"network.studnets": [1]}, {}, "unknown key 'network.studnets'"),
    ],
)
def test_what_is_of_another_model_is_told_with_it(vary, settings, words):
    with pytest.raises(ConfigurationError) as refused:
        make_plan(base_table("flipped-spikes"), {"vary": vary}, settings)
    assert words in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("action", ["evaluate", "simulate"])
def test_a_scan_of_another_model_has_the_names_of_its_table(action, tmp_path):
    """Order parameters, axes and long names; oracle: the run of one point by itself."""
    few = {"training.duration": 1.0, "output.points": 3, "network.second_layer": "learned"}
    few |= {"training.learning_rate": 0.5, "simulation.dimension": 40, "simulation.replicas": 2}
    problem = op.load("saad-solla", few)
    vary = {"training.learning_rate": [0.1, 0.5]}
    made = op.scan(problem, vary, action=action, workers=1, output=tmp_path / "s.h5")
    assert made.failures == {}
    found = op.open(tmp_path / "s.h5")
    data = found.to_xarray()
    one = {"evaluate": op.evaluate, "simulate": op.simulate}[action](problem)
    for parameter in order_parameters(problem):
        leading = ("replica",) if action == "simulate" else ()
        name = f"replica_{parameter.name}" if leading else parameter.name
        assert data[name].dims == ("learning_rate", *leading, *parameter.axis_names)
        assert data[name].attrs["long_name"] == parameter.long_name
        expected = one[parameter.name][:, -1] if leading else one[parameter.name]
        np.testing.assert_array_equal(found[name][1], expected)
    assert {"student", "student_2", "teacher"} <= set(reserved("committee"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--vary", "model=a,b"], "varied key model: all points of a scan are of one model"),
        (["--vary", "task.length=2,3", "-s", "model=perceptron"], "there is none called"),
        (["--vary", "network.students=2,3"], "'committee' has it"),
    ],
)
def test_the_command_says_so_in_one_message(run, tmp_path, arguments, words):
    status, out, err = run("scan", "single-head", *arguments, "-o", "a.h5")
    assert (status, out) == (2, "")
    assert words in " ".join(err.split())
    assert err.startswith("orderparams: ")
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())
