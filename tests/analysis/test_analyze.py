"""The whole answer: as numbers, as JSON, in words, and in a file."""

import dataclasses
import json
import sys

import numpy as np
import pytest
import xarray

import orderparams as op
from orderparams.analysis import analyze as module
from orderparams.analysis import runs
from orderparams.analysis.rests import vectors_at
from orderparams.analysis.simulated import replica_trajectory
from orderparams.analysis.stages import stages_of
from orderparams.cli.main import main
from orderparams.config import to_toml
from orderparams.errors import ConfigurationError
from orderparams.models.vectors.landscape import Landscape
from orderparams.run.simulate import simulate

SPLIT = {
    "title": "Two heads part",
    "task": {"length": 3, "signal": {"kind": "hypercube", "mean": [1.5, 0], "strengths": [0, 4]}},
    "attention": {"heads": 2},
    "training": {"duration": 400.0},
    "initial": {"kind": "explicit", "overlap": [[0.1, 0.001], [0.1, -0.0012]]},
    "output": {"points": 201},
}


@pytest.fixture(scope="module")
def run():
    return op.solve(op.load(SPLIT))


@pytest.fixture(scope="module")
def analysis(run):
    return op.analyze(run)


@pytest.fixture
def searched(analysis, monkeypatch):
    """The optimum and what pruning costs are not searched again: they are those of the same heads
    on the same task, however they were trained."""
    monkeypatch.setattr(module, "optimum", lambda *_, **__: analysis.optimum)
    monkeypatch.setattr(module, "prune", lambda *_, **__: analysis.pruning)


def test_two_heads_part_as_predicted(analysis):
    """Oracle: the saddle's eigenvalue for the rate, E[θ] for the saddle, descent for the end."""
    unspecialized = analysis.unspecialized
    np.testing.assert_allclose(unspecialized.point.state["overlap"], [[1.5, 0]] * 2, atol=1e-6)
    assert analysis.predicted_order == analysis.observed_order == ("2",)
    (mode,) = unspecialized.unstable
    (growth,) = unspecialized.growth
    assert growth.rate == pytest.approx(mode.rate, rel=0.05)
    assert growth.rate == pytest.approx(growth.local, rel=0.02)
    events = {(e.learner, e.target): e for e in analysis.stages.specializations}
    assert {(0, "+2"), (1, "-2")} <= set(events)
    first, second = events[0, "+2"], events[1, "-2"]
    assert first.half_time == pytest.approx(second.half_time, rel=0.1)
    assert unspecialized.time < first.start
    plateau = min(analysis.stages.plateaus, key=lambda p: abs(p.level - unspecialized.point.risk))
    assert plateau.level == pytest.approx(unspecialized.point.risk, rel=0.01)
    assert analysis.final.growth == ()
    assert analysis.final.point.risk == pytest.approx(analysis.optimum.risk, abs=1e-8)
    assert (
        analysis.optimum.floor.value < analysis.optimum.risk < analysis.trajectory.risk[-1] + 1e-9
    )


def test_a_problem_is_solved_first(monkeypatch, run):
    solved = []
    monkeypatch.setattr(runs, "solve", lambda problem, progress: solved.append(problem) or run)
    monkeypatch.setattr(module, "optimum", lambda *_, **__: None)
    monkeypatch.setattr(module, "prune", lambda *_, **__: None)
    result = module.analyze(run.problem)
    assert solved == [run.problem]
    assert result.trajectory is run


def test_progress_says_what_is_done_and_how_far_it_is(run):
    """From 0 to 1, never back, through four works; the flow is integrated first."""
    told = []
    short = dataclasses.replace(run.problem.training, duration=5.0)
    problem = dataclasses.replace(run.problem, training=short)
    op.analyze(problem, progress=lambda fraction, what: told.append((fraction, what)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    works = list(dict.fromkeys(what.split(":")[0] for _, what in told))
    assert works == [
        "integrating the flow",
        "stationary points and their stability",
        "the optimum",
        "pruning",
    ]
    assert "the optimum: search 1 of at most 26" in [what for _, what in told]


def test_the_answer_is_the_same_whoever_shares_the_work(run, analysis):
    """Three workers, more than there are processors here, and one."""
    shared = op.analyze(run, workers=3)
    assert json.dumps(shared.document()) == json.dumps(analysis.document())


def test_states_of_a_trajectory(run):
    heads = vectors_at(run, 7)
    np.testing.assert_allclose(heads.self_overlap, run["self_overlap"][7], atol=1e-12)
    problem = op.load("softmax-1", ["attention.bias=learned", "attention.head_weights=learned"])
    learned = dataclasses.replace(
        run,
        problem=problem,
        parameters={
            **run.parameters,
            "bias": np.full((201, 2), 0.3),
            "head_weight": np.full((201, 2), 0.7),
        },
    )
    assert vectors_at(learned, 3).bias[0] == 0.3
    assert vectors_at(learned, 3).head_weights[1] == 0.7
    norm = dataclasses.replace(run, problem=op.load("softmax-1", ["attention.heads=2"]))
    np.testing.assert_allclose(vectors_at(norm, 9).bias, -np.diag(run["self_overlap"][9]) / 2)


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Run ``orderparams analyze`` in an empty folder: exit status, output, error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["orderparams", "analyze", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err

    return call


def test_the_answer_in_words_is_stored_and_not_found_again(
    command, run, analysis, tmp_path, monkeypatch
):
    """Screen, JSON and Python show of a file what they show of a fresh analysis."""
    run.save(tmp_path / "run.h5")
    status, fresh, err = command("run.h5", "-o", "found.h5")
    assert (status, err) == (0, "")
    assert max(map(len, fresh.splitlines())) <= 80
    for words in (
        "Both heads were alike until t = ",
        "then they parted along direction 2",
        "Both heads equal: a saddle, risk 0.3",
        "predicted 2;",
        "observed 2",
        "A minimum nearby",
        "The optimum",
        "Pruning",
    ):
        assert words in fresh
    again = op.open(tmp_path / "found.h5")
    assert isinstance(again, op.Analysis)
    assert json.dumps(again.document()) == json.dumps(analysis.document())
    np.testing.assert_array_equal(again["overlap"], run["overlap"])
    monkeypatch.setattr(module, "rests_of", None)  # whoever computes fails
    status, out, err = command("found.h5", "--workers", 1)
    assert (status, out) == (0, fresh)
    assert "--anew analyzes the run again" in err
    assert "--workers" in err
    assert op.analyze("found.h5").document() == again.document()
    assert op.analyze(again) is again
    status, out, _ = command("found.h5", "--json", "-o", "copy.h5")
    assert json.loads(out) == json.loads(json.dumps(analysis.document() | {"warnings": []}))
    assert op.open("copy.h5").document() == again.document()


def test_an_analysis_is_made_anew_if_asked_or_where_settings_change_the_run(
    command, analysis, tmp_path, monkeypatch
):
    analysis.save(tmp_path / "found.h5")
    made = []
    monkeypatch.setattr(module, "rests_of", lambda *_: made.append(1) or 1 / 0)
    for arguments in (["--anew"], ["-s", "training.duration=60"]):
        with pytest.raises(ZeroDivisionError):
            command("found.h5", *arguments)
    for settings in ({"anew": True}, {"settings": {"training.duration": 60.0}}):
        with pytest.raises(ZeroDivisionError):
            op.analyze("found.h5", **settings)
    assert len(made) == 4
    analysis.trajectory.save(tmp_path / "run.h5")
    with pytest.raises(ZeroDivisionError):
        command("run.h5", "--anew")
    status, _, err = command("found.h5", "--replica", "1")
    assert status == 2
    assert "--replica" in err


def test_the_answer_as_markdown(command, analysis, tmp_path):
    analysis.save(tmp_path / "found.h5")
    status, out, _ = command("found.h5", "--markdown")
    assert status == 0
    assert out.startswith("# Two heads part\n\n- task: ")
    assert "\n## Why\n" in out
    assert "| growth rate | at the run | observed | mode |\n| --: | --: | --: | :-- |" in out
    status, _, err = command("found.h5", "--markdown", "--json")
    assert status == 2
    assert "choose one" in err


def test_the_answer_as_json_and_stages_in_a_file(command, run, analysis, tmp_path):
    run.save(tmp_path / "run.h5")
    status, out, _ = command("run.h5", "-o", "out.h5", "--json")
    document = json.loads(out)
    assert status == 0
    assert document == json.loads(json.dumps(analysis.document() | {"warnings": []}))
    assert document["optimum"]["risk"] == analysis.optimum.risk
    assert {event["head"] for event in document["stages"]["events"]} == {1, 2}
    with xarray.open_dataset(tmp_path / "out.h5", group="stages", engine="h5netcdf") as stages:
        events = analysis.stages.events
        np.testing.assert_array_equal(stages.half_time, [e.half_time for e in events])
        np.testing.assert_array_equal(stages["head"], [e.learner + 1 for e in events])
        assert [str(name) for name in stages.target.values] == [e.target for e in events]
        assert stages.vector.dims == ("event", "feature")
    np.testing.assert_array_equal(op.open(tmp_path / "out.h5").risk, run.risk)
    status, _, err = command("run.h5", "-o", "out.h5")
    assert status == 5
    assert "--force" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-s", "output.points=3"], "too few to tell stages"),
        (["-s", "training.duration=60"], "No head specialized"),
        (["-s", "training.duration=60"], "The run is too short"),
        (["-s", "integrator.max_steps=3"], "did not finish"),
    ],
)
def test_what_a_run_lacks_is_said_in_words(command, searched, tmp_path, arguments, words):
    check_words(command, tmp_path, arguments, words)


def test_what_one_head_lacks_is_said_in_words(command, tmp_path):
    one = ["-s", "attention.heads=1", "-s", "initial.overlap=[[0.1, 0.001]]"]
    check_words(command, tmp_path, one, "There is one head only")


def check_words(command, tmp_path, arguments, words):
    (tmp_path / "split.toml").write_text(to_toml(op.load(SPLIT)))
    status, out, err = command("split.toml", *arguments)
    assert (status, err) == (0, "")
    assert words in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("points", [5, 12])
def test_stored_times_that_no_step_parts_count_once(points):
    """Logarithmic times begin with many before the first step of SGD."""
    few = ["simulation={dimension=100, replicas=2}", "training.duration=3"]
    problem = op.load(SPLIT, [*few, "output.spacing=log", f"output.points={points}"])
    run = replica_trajectory(simulate(problem), 0)
    assert len(run.time) < points
    assert (np.diff(run.time) > 0).all()
    stages_of(run)


def test_a_replica_on_spheres_keeps_its_own_lengths():
    settings = {
        "simulation": {"dimension": 100, "replicas": 2},
        "training": {"duration": 3, "constraint": "sphere"},
        "initial": {"kind": "random", "variance": 0.5},
    }
    simulation = simulate(op.load("single-head", settings=settings))
    second = replica_trajectory(simulation, 1)
    length = Landscape(second.problem).lengths[0]
    assert length**2 == pytest.approx(simulation["self_overlap"][1, 0, 0, 0], rel=1e-12)


def test_a_replica_of_a_simulation(tmp_path, command, searched):
    problem = op.load(
        SPLIT,
        ["simulation={dimension=100, replicas=2}", "training.duration=3", "output.points=12"],
    )
    simulation = simulate(problem)
    second = replica_trajectory(simulation, 1)
    np.testing.assert_array_equal(second.overlap, simulation["overlap"][1])
    with pytest.raises(ConfigurationError, match="no replica 3"):
        replica_trajectory(simulation, 2)
    simulation.save(tmp_path / "simulation.h5")
    first, again = (command("simulation.h5", "--replica", n, "--json")[1] for n in (1, 2))
    assert json.loads(first)["risk"] == simulation.risk[0, -1]
    assert json.loads(again)["risk"] == simulation.risk[1, -1]
    status, _, err = command("simulation.h5", "--replica", 3)
    assert status == 2
    assert "the simulation has 2" in err


def test_weight_decay_is_compared_like_with_like(command):
    """Seen: a minimum of risk 0.2107 beside a least risk of 0.1941, and nothing said of decay."""
    status, out, _ = command(
        "single-head", "-s", "training.weight_decay=0.05", "-s", "output.points=41"
    )
    assert status == 0
    out = " ".join(out.split())
    assert "A minimum nearby: risk 0.2107415" in out
    assert "0.1941239737, slope" in out
    assert "without weight decay" in out
    assert "Its risk is 0.2107415" in out
    assert "The run ends at this value" in out


def test_weight_decay_in_numbers():
    analysis = op.analyze(
        op.load("single-head", ["training.weight_decay=0.05", "output.points=41"])
    )
    document = analysis.document()
    penalised, risk = document["penalised_optimum"], document["risk"]
    assert document["optimum"]["risk"] < risk - 0.01
    assert penalised["risk"] == pytest.approx(risk, abs=1e-6)
    assert penalised["objective"] == pytest.approx(document["objective"], abs=1e-8)
    assert document["final"]["objective"] == pytest.approx(document["objective"], abs=1e-8)
    assert analysis.pruning.removals[0].reoptimized_risk == pytest.approx(risk, abs=1e-6)


def test_its_facts_name_the_turns_and_a_risk_of_zero(analysis):
    """What is told of the run in a few lines."""
    facts = analysis.facts()
    assert facts["stages"].endswith("turns to 2")
    best = dataclasses.replace(analysis.optimum.point, risk=5e-17)
    none = dataclasses.replace(analysis.optimum, point=best)
    assert dataclasses.replace(analysis, optimum=none).facts()["optimum"].startswith("risk 0, ")
