"""Runs that are stopped and go on. Oracles: the run that was never stopped, a stationary point."""

import dataclasses
import json
import os
import signal

import numpy as np
import pytest

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models.single_location import flow as flows
from orderparams.results.trajectory import Trajectory

SMALL = ["training.duration=4", "output.points=6", "expectation.tolerance=1e-6"]


def problem(*settings):
    return op.load("single-head", [*SMALL, *settings])


def stop_at(monkeypatch, call):
    """A signal comes during the call-th velocity from now on."""
    derivative, calls = flows.Flow.derivative, []

    def interrupted(self, t, y):
        calls.append(t)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGINT)
        return derivative(self, t, y)

    monkeypatch.setattr(flows.Flow, "derivative", interrupted)
    return calls


def same(one: Trajectory, other: Trajectory) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("time", "overlap", "self_overlap", "risk")
    )


@pytest.mark.parametrize("method", ["DOP853", "RK23"])
@pytest.mark.slow
def test_wherever_a_signal_comes_a_one_step_method_goes_on_to_the_same_bits(method, tmp_path):
    whole = op.solve(problem(f"integrator.method={method}"))
    calls = whole.statistics["right_hand_sides"]
    for call in range(2, calls, 7):
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, call)
            part = op.solve(whole.problem)
        assert part.status == "interrupted"
        assert part.time[-1] == part.reached.time
        assert np.isfinite(part.risk).all()
        part.save(tmp_path / f"{call}.h5")
        resumed = op.solve(whole.problem, resume=op.open(tmp_path / f"{call}.h5"))
        assert resumed.status == "finished"
        assert same(resumed, whole), call


@pytest.mark.parametrize("method", ["LSODA", "BDF", "Radau"])
def test_other_methods_go_on_within_their_tolerance(method):
    setting = problem(f"integrator.method={method}", "integrator.max_steps=20")
    part = op.solve(setting)
    assert part.status == "failed"
    assert part.time[-1] > 0
    going = dataclasses.replace(setting.integrator, max_steps=1000)
    going = dataclasses.replace(setting, integrator=going)
    resumed, whole = op.solve(going, resume=part), op.solve(going)
    assert np.array_equal(resumed.time, whole.time)
    np.testing.assert_allclose(resumed.overlap, whole.overlap, atol=1e-4)
    assert resumed.statistics["steps"] > part.statistics["steps"]


def test_a_longer_run_appends_and_other_settings_are_refused():
    first = op.solve(problem())
    longer = op.solve(problem("training.duration=8"), resume=first)
    assert np.array_equal(longer.time[:6], first.time)
    assert np.array_equal(longer.overlap[:6], first.overlap)
    assert np.allclose(longer.time[6:], [4.8, 6.4, 8.0])
    assert op.solve(problem(), resume=first) is first
    with pytest.raises(ConfigurationError, match=r"task\.length = 3;"):
        op.solve(problem("task.length=5"), resume=first)
    with pytest.raises(ConfigurationError, match="has reached t = 4"):
        op.solve(problem("training.duration=2"), resume=first)


@pytest.mark.parametrize("learned", [[], ["training.rule=sgd"]])
def test_a_run_without_a_state_goes_on_from_its_order_parameters(learned):
    """As files of earlier versions."""
    part = op.solve(problem(*learned))
    forgot = dataclasses.replace(part, reached=None)
    long = problem("training.duration=8", *learned)
    one, other = op.solve(long, resume=part), op.solve(long, resume=forgot)
    np.testing.assert_allclose(one.overlap, other.overlap, atol=1e-6)
    np.testing.assert_allclose(one.self_overlap, other.self_overlap, atol=1e-6)


@pytest.mark.parametrize("duration", [1e-320, 1e-300, 1e-200, 1e-154, 1e-50])
def test_short_durations_are_integrated(duration):
    """Oracle: Euler's step, exact to the second order in the duration."""
    run = op.solve(problem(f"training.duration={duration}"))
    assert run.status == "finished"
    assert run.time[-1] == duration
    np.testing.assert_allclose(run.overlap[-1], run.overlap[0], atol=1e-15)


@pytest.mark.parametrize("spacing", ["linear", "log"])
def test_durations_that_cannot_be_are_refused(spacing):
    with pytest.raises(ConfigurationError, match="too short for"):
        op.solve(problem("training.duration=5e-324", f"output.spacing={spacing}"))
    with pytest.raises(ConfigurationError, match="stop_at_rest = true"):
        op.solve(problem("training.duration=1e50", f"output.spacing={spacing}"))


@pytest.mark.parametrize("rest", ["true", "false"])
def test_a_bias_that_no_method_follows_is_refused(rest):
    settings = ["attention.activation=softmax-1", "attention.bias=learned"]
    settings += ["training.bias_rate=1e50", f"integrator.stop_at_rest={rest}"]
    with pytest.raises(ConfigurationError, match=r"training\.bias_rate = 1e\+50"):
        op.solve(problem(*settings))
    assert op.solve(problem(*settings, "training.duration=1e-45")).complete


@pytest.mark.parametrize("duration", [1e5, 1e50])
def test_a_run_at_rest_ends_at_a_minimum(duration, tmp_path):
    """Oracle: the velocity there, and a run that does not stop."""
    run = op.solve(problem(f"training.duration={duration}", "integrator.stop_at_rest=true"))
    assert run.status == "at rest"
    assert run.message.startswith("at rest from t = ")
    assert run.complete
    assert len(run.time) == 6
    assert run.time[-1] == duration
    long = op.solve(problem("training.duration=1e5"))
    np.testing.assert_allclose(run.overlap[-1], long.overlap[-1], atol=1e-5)
    run.save(tmp_path / "run.h5")
    assert op.open(tmp_path / "run.h5").status == "at rest"


def test_a_plateau_is_no_rest():
    """Oracle: the end of the preset as the README prints it, behind two plateaus."""
    settings = ["expectation.tolerance=1e-6", "integrator.stop_at_rest=true", "output.points=4"]
    run = op.solve(op.load("two-stage", [*settings, "training.duration=1e5"]))
    assert run.status == "at rest"
    assert run.risk[-1] == pytest.approx(0.394748, abs=1e-5)


def test_the_command_resumes_and_says_what_it_does(run):
    quick = [f"-s{setting}" for setting in SMALL]
    status, out, err = run("solve", "single-head", *quick, "-sintegrator.max_steps=5", "-ox.h5")
    assert status == 3
    assert "final order parameters" not in out
    assert "order parameters at t = " in out
    assert "orderparams solve x.h5 --resume" in err
    status, out, err = run("solve", "x.h5", "--resume", "-sintegrator.max_steps=1000")
    assert status == 0
    assert "Going on with x.h5 from t = " in err
    assert "final order parameters" in out
    status, _, err = run("solve", "x.h5", "--resume")
    assert status == 0
    assert "nothing is left to do" in err
    status, _, err = run("solve", "x.h5", "--resume", "-straining.duration=2")
    assert status == 2
    assert err.splitlines() == [
        "orderparams: training.duration = 2: the run to go on with has reached t = 4; "
        "give a longer duration"
    ]
    status, _, err = run("solve", "x.h5", "-straining.duration=5", "-oy.h5")
    assert "is solved from t = 0; to go on with its run: --resume" in err
    status, _, err = run("solve", "x.h5", "--resume", "-stask.length=5")
    assert status == 2
    assert json.loads(run("info", "x.h5", "--json")[1])["trajectory"]["variables"]["risk"] == [6]


def test_checkpoints_are_runs_that_go_on():
    kept = []
    whole = op.solve(problem("integrator.method=RK23"), checkpoint=kept.append, interval=1e-9)
    assert len(kept) > 5
    for part in kept[:: len(kept) // 3]:
        assert part.status == "interrupted"
        assert same(op.solve(whole.problem, resume=part), whole)


def test_a_checkpoint_that_cannot_be_written_is_told_once(run, monkeypatch):
    from orderparams.errors import FileError

    save, calls = Trajectory.save, []

    def full(self, path, **options):
        calls.append(path)
        if self.status == "interrupted":
            raise FileError("no space left")
        save(self, path, **options)

    monkeypatch.setattr(Trajectory, "save", full)
    quick = [f"-s{setting}" for setting in SMALL]
    status, _, err = run("solve", "single-head", *quick, "--checkpoint", "1e-9", "-ox.h5")
    assert status == 0
    assert len(calls) > 3
    assert err.count("no space left; the run goes on") == 1


@pytest.mark.parametrize("verb", [op.solve, op.simulate])
def test_what_goes_on_is_a_result(verb):
    with pytest.raises(ConfigurationError, match=r"resume: expected the .* to go on with"):
        verb(problem(), resume=True)
