"""The simulation of a problem: files, checkpoints, resuming to the same bits, and the command."""

import dataclasses
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray

import orderparams as op
from orderparams.analysis.simulated import replica_trajectory
from orderparams.errors import ConfigurationError, FileError
from orderparams.results.files import open_group
from orderparams.run import simulate as module
from orderparams.run.simulate import simulate

SMALL = [
    "training={duration=4, learning_rate=0.5}",
    "output.points=5",
    "simulation={dimension=60, replicas=3}",
    "expectation.tolerance=1e-6",
]


def problem(*assignments):
    return op.load("bayes-softmax", [*SMALL, *assignments])


def same(a, b):
    for name in ("step", "loss"):
        np.testing.assert_array_equal(getattr(a.records, name), getattr(b.records, name))
    for one in a.order_parameters:
        np.testing.assert_array_equal(a[one.name], b[one.name])
    np.testing.assert_array_equal(a.risk, b.risk)


@pytest.fixture(scope="module")
def whole():
    return simulate(problem())


def test_file_round_trip_and_xarray(whole, tmp_path):
    whole.save(tmp_path / "sgd.h5")
    again = open_group(tmp_path / "sgd.h5", "simulation")
    assert again.problem == whole.problem
    assert again.status == "finished"
    same(again, whole)
    with xarray.open_dataset(tmp_path / "sgd.h5", group="simulation", engine="h5netcdf") as data:
        assert data.overlap.dims == ("replica", "time", "head", "feature")
        assert dict(data.sizes) == {"replica": 3, "time": 5, "head": 4, "feature": 3, "head_2": 4}
    with pytest.raises(FileError, match="holds no trajectory"):
        open_group(tmp_path / "sgd.h5", "trajectory")


def test_the_number_of_workers_changes_no_bit(whole):
    same(simulate(problem(), workers=3), whole)


def test_a_risk_that_nobody_stores_is_known_at_the_end_alone(whole, monkeypatch):
    """What SGD does is the same; the risk is taken once a replica."""
    taken = []
    risk_of = module.risk_of
    monkeypatch.setattr(module, "risk_of", lambda *state: taken.append(state) or risk_of(*state))
    run = simulate(problem(), risks=False)
    assert len(taken) == 1 + 3  # at the start, whether it is in range
    np.testing.assert_array_equal(run.records.loss, whole.records.loss)
    np.testing.assert_array_equal(run.risk[:, -1], whole.risk[:, -1])
    assert np.isnan(run.risk[:, :-1]).all()


def test_population_risk_is_that_of_the_theory_at_the_same_overlaps(whole):
    """Oracle: `evaluate` at one recorded state, given as an explicit start."""
    records = whole.records
    point = op.load(
        "bayes-softmax",
        [
            f"initial={{kind='explicit', overlap={records.overlap[1, 3].tolist()}, "
            f"self_overlap={records.self_overlap[1, 3].tolist()}}}"
        ],
    )
    assert whole.risk[1, 3] == pytest.approx(op.evaluate(point).risk, abs=1e-6)


def test_measured_loss_follows_the_population_risk():
    """Mean loss over an interval against the mean risk at its ends, a plateau apart from O(1/D)."""
    run = simulate(problem("simulation={dimension=2000, replicas=4}"))
    between = (run.risk[:, 1:] + run.risk[:, :-1]) / 2
    deviation = (run.records.loss[:, 1:] - between)[:, 1:]
    assert np.abs(deviation).max() < 0.05
    assert np.abs(deviation.mean()) < 0.02


@pytest.mark.parametrize("backend", ["gram", "direct"])
def test_an_interrupted_run_resumes_to_the_same_bits(backend, tmp_path, monkeypatch):
    from orderparams.models import replicas

    monkeypatch.setattr(replicas, "SLICE", 0.0)
    monkeypatch.setattr(replicas, "FIRST", 1)
    setting = problem(f"simulation.backend={backend}")
    calls = []

    def stop(done, total):
        calls.append(done)
        if done > total / 3:
            raise KeyboardInterrupt

    part = simulate(setting, progress=stop)
    assert part.status == "interrupted"
    assert np.isnan(part.records.loss[:, -1]).any()
    part.save(tmp_path / "part.h5")
    resumed = simulate(setting, resume=open_group(tmp_path / "part.h5", "simulation"))
    assert resumed.status == "finished"
    same(resumed, simulate(setting))


def test_resuming_another_configuration_is_refused(whole):
    part = dataclasses.replace(whole, status="interrupted")
    with pytest.raises(ConfigurationError, match="another configuration"):
        simulate(problem("simulation.seed=1"), resume=part)


def test_a_dimension_too_small_for_gram_is_refused():
    with pytest.raises(ConfigurationError, match=r"simulation\.dimension = 8 is too small"):
        simulate(problem("simulation.dimension=8"))


@pytest.mark.parametrize(
    ("rate", "duration"), [(1.0, 1e17), (1e6, 100.0)], ids=["too many", "none"]
)
def test_numbers_of_steps_that_cannot_be_made_are_refused(rate, duration):
    with pytest.raises(ConfigurationError, match="steps of SGD; between 1 and"):
        simulate(problem(f"training={{learning_rate={rate}, duration={duration}}}"))


@pytest.mark.parametrize(
    ("training", "overflows"),
    [
        ("learning_rate=8, weight_decay=20, duration=600", True),
        ("learning_rate=200, duration=6000", False),
    ],
)
def test_sgd_that_diverges_fails_and_keeps_what_it_had(training, overflows, tmp_path, run):
    """Exit status 3 and a message, which the file holds; what is known can be analyzed."""
    settings = [
        *("simulation={dimension=60, replicas=2}", "output.points=300"),
        f"training={{{training}}}",
    ]
    path = tmp_path / "sgd.h5"
    overrides = [f"-s{text}" for text in settings]
    status, _, error = run("simulate", "two-stage", *overrides, "-q", "-o", path)
    assert status == 3
    assert "the logits have standard deviations up to" in error
    result = open_group(path, "simulation")
    assert result.status == "failed"
    assert result.message in error
    assert np.isfinite(result["overlap"]).all() != overflows
    if overflows:
        with pytest.raises(ConfigurationError, match="nothing is known beyond the start"):
            replica_trajectory(result, 0)
    else:
        course = replica_trajectory(result, 0)
        assert 2 <= len(course.time) < 300
        assert np.isfinite(course.risk).all()
        assert np.isnan(result.risk[0, len(course.time)])


COMMAND = [sys.executable, "-m", "orderparams", "simulate"]
LONG = [
    *["bayes-softmax", "-s", "training={duration=30, learning_rate=0.1}"],
    *["-s", "simulation={dimension=1000, replicas=2}", "-s", "output.points=4"],
    *["-s", "expectation.tolerance=1e-5"],
]


def test_sigterm_keeps_the_run_and_resume_finishes_it(tmp_path):
    path = tmp_path / "sgd.h5"
    running = subprocess.Popen(
        [*COMMAND, *LONG, "-q", "-o", path, "--checkpoint", "0.2", "--workers", "1"],
        stderr=subprocess.PIPE,
        text=True,
    )
    while not path.exists():  # the first checkpoint
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    _, message = running.communicate(timeout=60)
    assert running.returncode == 130, message
    assert f"simulate {path} --resume" in message
    assert open_group(path, "simulation").status == "interrupted"
    resumed = subprocess.run([*COMMAND, str(path), "--resume", "-q"], check=False)
    assert resumed.returncode == 0
    whole = simulate(op.load("bayes-softmax", LONG[2::2]))
    same(open_group(path, "simulation"), whole)


def test_the_command_writes_a_readable_summary(run):
    options = [part for assignment in SMALL for part in ("-s", assignment)]
    _, out, _ = run("simulate", "bayes-softmax", *options, "-o", "sgd.h5")
    assert max(map(len, out.splitlines())) <= 80
    for words in ("gram, D = 60, 3 replicas of 480 steps", "population risk", "measured loss"):
        assert words in out
    information = json.loads(run("info", "sgd.h5", "--json")[1])
    assert information["simulation"]["variables"]["overlap"] == [3, 5, 4, 3]
    status, _, err = run("simulate", "bayes-softmax", "--resume")
    assert status == 2
    assert "name it with -o" in err
