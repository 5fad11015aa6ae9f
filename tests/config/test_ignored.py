"""What is said of settings without effect: by commands on one line, in Python by a warning."""

import json
import warnings
from pathlib import Path

import pytest

import orderparams as op
from orderparams.config.unused import ignored
from orderparams.shipped import preset_names
from orderparams.sources import load, read_table

QUICK = """
[task]
length = 3
signal = { kind = "spikes", strengths = [4.0] }
[attention]
heads = 1
[training]
duration = 1.0
learning_rate = 3.0
[output]
points = 3
[simulation]
dimension = 60
replicas = 2
seed = 3
"""


@pytest.fixture
def toml(tmp_path):
    (tmp_path / "my.toml").write_text(QUICK)
    return "my.toml"


def lines(err):
    return [line for line in err.splitlines() if "without effect" in line]


def test_one_line_names_all_keys_with_reason_and_remedy(run, toml):
    given = ("simulation.seed=1", "training.batch_size=2", "initial.variance=0.1")
    status, _, err = run("evaluate", toml, *(word for one in given for word in ("-s", one)))
    (line,) = lines(err)
    assert status == 0
    assert line.startswith("orderparams: warning: without effect in evaluate: ")
    assert "training.batch_size (gradient flow takes no steps; simulate and validate do" in line
    assert "simulation.seed (no SGD is run; simulate and validate run it)" in line
    assert "initial.variance" not in line
    assert "simulation.replicas" not in line  # in the file, for other commands
    assert "training.learning_rate" not in line


def test_nothing_is_said_of_what_counts(run, toml):
    assert not lines(run("evaluate", toml, "-s", "training.rule=sgd")[2])
    assert not lines(run("simulate", toml, "-q", "-o", "a.h5")[2])


def test_json_carries_the_warnings(run, toml):
    Path(toml).write_text(QUICK.replace("learning_rate", "bias_rate"))
    status, out, _ = run("evaluate", toml, "--json", "-s", "output.points=5")
    assert status == 0
    keys = [warning.partition(":")[0] for warning in json.loads(out)["warnings"]]
    assert keys == ["training.bias_rate", "output.points"]


def test_of_a_result_file_only_what_is_assigned_is_named(run, toml):
    assert run("solve", toml, "-q", "-o", "run.h5")[0] == 0
    assert not lines(run("evaluate", "run.h5")[2])
    (line,) = lines(run("evaluate", "run.h5", "-s", "training.batch_size=2")[2])
    assert "learning_rate" not in line


def test_an_axis_without_effect_is_named(run, toml):
    scan = ("scan", toml, "--workers", "1", "--vary", "training.learning_rate=1,2")
    vary = ("--vary", "initial.seed=1,2")
    status, out, err = run(*scan, *vary, "-o", "scan.h5", "--json", "--seed", "3")
    (line,) = lines(err)
    assert status == 0
    assert "training.learning_rate" in line
    assert "scan.seed" in line
    assert "initial.seed" not in line
    assert len(json.loads(out)["warnings"]) == 2
    vary = ("--vary", "training.rule=sgd,gradient-flow")
    assert not lines(run(*scan, *vary, "-o", "both.h5")[2])


def test_options_of_validate_rule_keys_out(run, toml):
    dimensions = ("--dimensions", "30,60", "-s", "simulation.dimension=50")
    (line,) = lines(run("validate", toml, *dimensions, "-o", "v.h5")[2])
    assert "simulation.dimension (the dimensions are given by an option of validate" in line


def test_in_python_a_warning_points_at_the_caller(toml, tmp_path):
    problem = op.load(tmp_path / toml, ["simulation.seed=1"])
    with pytest.warns(op.IgnoredSettingWarning) as caught:
        op.evaluate(problem)
    (warning,) = caught
    assert warning.filename == __file__
    assert "simulation.seed" in str(warning.message)
    assert "-s" not in str(warning.message)
    with pytest.warns(op.IgnoredSettingWarning, match="in this scan: training.learning_rate"):
        op.scan(problem, {"training.learning_rate": [1.0, 2.0]}, workers=1)


def test_a_problem_is_warned_of_once_a_call(tmp_path, toml):
    problem = op.load(tmp_path / toml, ["training.batch_size=2"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        op.validate(problem)  # which simulates and solves with problems of its own
        run = op.solve(problem)
    assert len(caught) == 1
    assert run.problem == problem


@pytest.mark.parametrize("name", preset_names())
def test_presets_as_files_say_nothing_of_themselves(name):
    table = read_table(name)
    for command in ("solve", "evaluate", "simulate", "validate", "analyze", "optimum"):
        problem = load(table)
        assert ignored(problem, command, problem.given) == {}


SCAN = ("scan", "my.toml", "--vary", "attention.heads=1,2", "--action", "evaluate")
IDLE = {
    ("solve", "my.toml", "--force"): "--force (without -o a new file",
    ("simulate", "my.toml", "--force"): "--force (without -o a new file",
    ("validate", "my.toml", "--force"): "--force (without -o a new file",
    ("plot", "run.h5", "--force"): "--force (without -o a new file",
    ("export", "run.h5", "--to", "csv", "--force"): "--force (without -o a new file",
    ("report", "run.h5", "--force"): "--force (without -o a new file",
    ("analyze", "run.h5", "--force"): "--force (without -o nothing is written",
    ("solve", "run.h5", "--resume", "--force"): "--force (--resume goes on with the file",
    ("simulate", "sgd.h5", "--resume", "--force"): "--force (--resume goes on with the file",
    ("reproduce", "--list", "--force", "-o", "x"): "--output, --force (--list runs nothing",
    (*SCAN, "--dry-run", "--shard", "1/2"): "--shard (--dry-run only shows",
    (*SCAN, "--dry-run", "--force"): "--force (--dry-run only shows",
}


@pytest.fixture
def files(toml, tmp_path):
    """A run and a simulation to name in a command."""
    op.solve(tmp_path / toml).save(tmp_path / "run.h5")
    op.simulate(tmp_path / toml).save(tmp_path / "sgd.h5")


@pytest.mark.parametrize("command", IDLE, ids=" ".join)
def test_options_that_change_nothing_beside_others_are_named(run, files, command):
    status, _, err = run(*command)
    (line,) = [line for line in lines(err) if "--" in line]
    assert status in (0, 4, 7)
    assert IDLE[command] in line


def test_options_that_count_are_not_named(run, files):
    for command in (("solve", "my.toml"), ("plot", "run.h5"), ("analyze", "run.h5")):
        output = "a.png" if command[0] == "plot" else "a.h5"
        status, _, err = run(*command, "-o", output, "--force")
        assert (status, [line for line in lines(err) if "--" in line]) == (0, [])
    assert "--" not in "".join(lines(run(*SCAN, "--shard", "1/2", "-o", "b.h5")[2]))


def test_collecting_runs_nothing_and_says_what_it_leaves_out(run, toml):
    assert run(*SCAN, "--shard", "1/2", "-o", "a.h5")[0] == 0
    machine = ("--workers", "2", "--timeout", "9", "--scheduler", "tcp://x", "--resume")
    status, out, err = run("scan", "--collect", *machine, "-o", "a.h5", "--json")
    (line,) = lines(err)
    assert status == 6
    assert "--workers, --timeout, --scheduler, --resume (--collect runs no points)" in line
    assert [warning.split(":")[0] for warning in json.loads(out)["warnings"]][-1] == "--resume"
    assert not lines(run("scan", "--collect", "-o", "a.h5", "--force")[2])


def test_a_list_of_claims_as_json(run):
    claims = json.loads(run("reproduce", "--list", "--json")[1])["claims"]
    assert claims[0] == {"claim": "C1", "title": claims[0]["title"]}


def test_python_says_that_nothing_is_written():
    quick = {"expectation.engine": "sampling", "expectation.samples": 64}
    with pytest.warns(op.IgnoredSettingWarning, match=r"force \(nothing is written"):
        op.scan(
            "single-head", {"task.length": [3]},
            settings=quick, action="evaluate", workers=1, force=True,
        )  # fmt: skip


@pytest.mark.parametrize("preset", ["repulsion", "saad-solla"])
def test_a_repulsion_of_strength_zero_is_told(preset):
    with pytest.warns(op.IgnoredSettingWarning, match="of strength zero nothing is repelled"):
        op.evaluate(preset, settings={"training.repulsion": {"strength": 0.0}})
