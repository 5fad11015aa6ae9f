"""Theory against simulation: the right theory passes, wrong ones are caught, and the command."""

import dataclasses
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import xarray

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models.single_location.flow import Flow
from orderparams.run.from_starts import loss_deviation, mean_risk, refined, resolves
from orderparams.run.means import default_values
from orderparams.run.validate import validate

SETTINGS = {
    "softmax": ["attention.activation=softmax", "training.learning_rate=2"],
    "softmax-1": ["attention.activation=softmax-1", "attention.bias=learned"],
    "scalar": [
        "attention={heads=2, activation='bayes-softmax'}",
        "task.target=scalar",
        "task.noise=0.5",
    ],
}


def problem(*assignments):
    return op.load(
        {
            "task": {"length": 4, "signal": {"kind": "spikes", "strengths": [4.0, 2.0]}},
            "attention": {"heads": 2},
            "training": {"duration": 6.0, "learning_rate": 2.0},
            "initial": {"kind": "explicit", "overlap": [[0.8, 0.1], [0.1, 0.6]]},
            "expectation": {"tolerance": 1e-6, "samples": 16384},
            "output": {"points": 7},
            "simulation": {"dimension": 800, "replicas": 16},
        },
        assignments,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_the_theory_agrees_with_sgd(name):
    """Fixed seeds; by chance a right theory would fail with probability 0.01 for a new seed."""
    result = validate(problem(*SETTINGS[name]), test="replicas", workers=2)
    assert result.comparison.verdict == "agree"
    assert result.loss_pvalue > 0.01
    assert abs(result.scaling.exponent + 0.5) < 4 * result.scaling.standard_error


@pytest.mark.slow
def test_a_factor_of_two_in_the_noise_term_is_caught(monkeypatch):
    build = Flow.__init__

    def doubled(self, *arguments):
        build(self, *arguments)
        self.rule = dataclasses.replace(self.rule, temperature=2 * self.rule.temperature)

    monkeypatch.setattr(Flow, "__init__", doubled)
    assert validate(problem(), test="replicas").comparison.verdict == "disagree"


@pytest.mark.slow
def test_a_factor_of_two_in_the_drift_is_caught(monkeypatch):
    derivative = Flow.derivative
    monkeypatch.setattr(Flow, "derivative", lambda self, t, y: 2 * derivative(self, t, y))
    from_afar = ["initial.overlap=[[0.1, 0], [0, 0.1]]", "training.duration=20"]
    result = validate(problem(*from_afar, "attention.activation=bayes-softmax"), test="replicas")
    assert result.comparison.verdict == "disagree"
    assert result.loss_pvalue < 1e-3


@pytest.mark.slow
def test_gradient_flow_is_rejected_at_a_large_learning_rate():
    result = validate(problem("training.learning_rate=5"), rule="gradient-flow", test="replicas")
    assert result.comparison.verdict == "disagree"


@pytest.mark.slow
def test_random_starts_are_followed_replica_by_replica_or_from_their_mean():
    setting = problem(
        "initial={kind='random', variance=0.5}",
        "simulation={dimension=400, replicas=3}",
        "training.duration=1",
        "output.points=3",
    )
    each, mean = (validate(setting, start=start, test="replicas") for start in ("replica", "mean"))
    assert len(each.theory[400]) == 3
    assert len(mean.theory[400]) == 1
    for flow, overlap in zip(each.theory[400], each.simulations[400]["overlap"], strict=True):
        np.testing.assert_allclose(flow.overlap[0], overlap[0], atol=1e-12)


def course(time, risk):
    """What is read of a theory: times and risks, and that no learning rate changes."""
    return SimpleNamespace(time=time, risk=risk, problem=op.load("single-head"))


def test_the_loss_is_judged_by_the_mean_risk_of_its_interval():
    """Oracle: a loss that is the mean of a cubic risk over intervals of unequal length."""
    time = np.array([0.0, 0.5, 2.0, 5.0])
    risk = lambda t: 2.0 - 0.3 * t + 0.05 * t**3  # noqa: E731
    integral = lambda t: 2.0 * t - 0.15 * t**2 + 0.0125 * t**4  # noqa: E731
    loss = np.concatenate([[np.nan], np.diff(integral(time)) / np.diff(time)])
    flow = course(time, risk(time))
    records = SimpleNamespace(time=time, step=np.array([0, 5, 20, 50]), loss=loss[None])
    run = SimpleNamespace(records=records)
    for chosen in ([0, 1, 2, 3], [0, 2, 3]):  # also where a time is passed over
        found = loss_deviation(run, [flow], np.array(chosen))[0]
        np.testing.assert_allclose(found, np.zeros(len(chosen) - 1), atol=1e-12)


def test_stored_risks_tell_their_mean_or_there_are_more_of_them():
    """Oracle: the mean of a risk e^{−4t}, against replicas whose loss has a standard error of 2e-4.

    Told from seven times, an exact theory would seem to disagree with the loss.
    """
    ends = np.linspace(0, 6, 7)
    exact = -np.diff(np.exp(-4 * ends)) / 4
    spread = 2e-4 * np.outer([-1, 1], np.ones(6))
    times, missed = ends, []
    for _ in range(3):
        flow = course(times, np.exp(-4 * times))
        told = resolves(spread, [flow], ends)
        error = np.abs(mean_risk(times, flow.risk, ends) - exact)
        missed.append(error.max())
        assert error[told].max(initial=0.0) < 2e-4
        times = refined(times, ends, told)
        assert set(ends) <= set(times)
    assert missed[0] > 1e-2
    assert told.all()
    assert not resolves(spread[:, :1], [course(ends[:2], ends[:2])], ends[:2])


def test_refusals():
    with pytest.raises(ConfigurationError, match="at least 2 replicas"):
        validate(problem("simulation.replicas=1"), test="replicas")
    with pytest.raises(ConfigurationError, match="two dimensions, not one"):
        validate(problem(), dimensions=[400, 400])
    assert default_values(problem()) == (200, 800)
    with pytest.raises(
        ConfigurationError, match=r"dimension = 5 is too small: .* at least 32 .* a quarter of it"
    ):
        validate(problem("simulation.dimension=5"), test="replicas")
    with pytest.raises(ConfigurationError, match="start: expected"):
        validate(problem(), start="first")
    with pytest.raises(ConfigurationError, match="rule: expected"):
        validate(problem(), rule="adam")


@pytest.mark.slow
def test_the_command_and_its_file(run):
    command = ["validate", "flipped-spikes", "--test", "replicas", "-o", "v.h5"]
    for assignment in (
        "training.duration=2",
        "output.points=4",
        "simulation.replicas=3",
        "expectation={tolerance=1e-5, samples=1024}",
    ):
        command += ["-s", assignment]
    status, out, err = run(*command, "--dimensions", "100,200,400")
    assert status == 7, err
    assert "inconclusive: the evidence cannot decide" in out
    assert "raise simulation.replicas" in " ".join(out.split())
    assert max(map(len, out.splitlines()[:-1])) <= 80
    with h5py.File("v.h5") as file:
        assert {"simulation", "simulation_100", "theory", "theory_200", "comparison"} <= set(file)
        assert file["comparison"].attrs["verdict"] == "inconclusive"
    assert op.open("v.h5").verdict == "inconclusive"
    assert "replicas" in op.open("v.h5").reason
    with xarray.open_dataset("v.h5", group="comparison", engine="h5netcdf") as data:
        assert data.overlap_z_score.dims == ("time", "head", "feature")
        assert data.self_overlap_pvalue.dims == ("head", "head_2")
        np.testing.assert_array_equal(data["dimension"], [100, 200, 400])
    command += ["--force", "--rule", "gradient-flow", "-s", "training.learning_rate=8", "-q"]
    command += ["-s", "simulation.replicas=12"]
    status, _, err = run(*command, "--dimensions", "x")
    assert status == 2
    assert "250,1000,4000" in err
    status, _, err = run(*command, "--dimensions", "250,1000", "-s", "training.duration=8")
    assert status == 4
    assert "orderparams: theory and simulation disagree: By chance alone" in err
