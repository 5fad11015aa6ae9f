"""Result files as CONFIG: what is done with them is said; and endings of names."""

import itertools

import pytest

from orderparams.analysis import optimum

KINDS = {
    "run": "a run",
    "simulation": "a simulation",
    "validation": "a validation",
    "solve": "a scan",
    "claim": "the evidence of a claim",
}


@pytest.mark.parametrize("name", KINDS)
def test_a_command_says_that_it_takes_the_configuration(run, result_paths, name):
    status, _, err = run("evaluate", result_paths[name])
    assert status == 0
    assert f"holds {KINDS[name]}: its " in err
    assert "configuration is evaluated at its initial condition" in err


@pytest.mark.parametrize(
    ("command", "name", "words"),
    [
        ("solve", "solve", "its base configuration is solved from t = 0; orderparams scan"),
        ("simulate", "simulation", "is simulated anew, from step 0; --resume goes on"),
        ("validate", "validation", "its configuration is validated anew"),
    ],
)
def test_what_is_done_is_said(run, result_paths, command, name, words):
    _, _, err = run(command, result_paths[name], "-o", "out.h5")
    assert words in err


def test_a_solved_file_is_analyzed_or_solved_anew_and_says_so(run, result_paths, monkeypatch):
    monkeypatch.setattr(optimum, "MOST", 1)  # what is found is not looked at
    _, _, err = run("analyze", result_paths["run"], "-s", "output.points=4", "--json")
    assert "is solved anew and analyzed; without -s the stored run itself is analyzed" in err
    status, _, err = run("analyze", result_paths["run"], "--replica", "2")
    assert status == 2
    assert "--replica" in err


def test_a_finished_simulation_is_left_alone(run, result_paths, tmp_path):
    path = tmp_path / "done.h5"
    path.write_bytes(result_paths["simulation"].read_bytes())
    before = path.stat()
    status, out, _ = run("simulate", path, "--resume")
    assert status == 0
    assert "was complete: nothing is done" in " ".join(out.split())
    assert "written" not in out
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_finished_scan_is_left_alone(run, result_paths, tmp_path):
    path = tmp_path / "done.h5"
    path.write_bytes(result_paths["evaluate"].read_bytes())
    before = path.stat()
    status, out, _ = run("scan", "--resume", "-o", path)
    assert status == 0
    assert "was complete: nothing is done" in " ".join(out.split())
    assert "written" not in out
    assert path.stat().st_mtime_ns == before.st_mtime_ns


COMMANDS = [
    *[(command, "single-head", "-o") for command in ("solve", "simulate", "validate", "analyze")],
    ("scan", "single-head", "--vary", "initial.seed=1,2", "-o"),
    ("plot", "RUN", "-o"),
    ("report", "RUN", "-o"),
    *[("export", "RUN", "--to", to, "-o") for to in ("csv", "npz", "netcdf", "json")],
]


@pytest.mark.parametrize(
    ("command", "name"),
    [*itertools.product(COMMANDS, ("x.txt", "x.toml")), (("plot", "RUN", "-o"), "x")],
)
def test_an_ending_of_something_else_is_refused(run, result_paths, tmp_path, command, name):
    arguments = [str(result_paths["run"]) if word == "RUN" else word for word in command]
    status, out, err = run(*arguments, name)
    assert (status, out) == (2, "")
    assert "has the ending ." in err
    assert "name it x." in err
    assert not list(tmp_path.glob("x*"))


def test_a_result_needs_no_ending(run, tmp_path):
    assert run("solve", "single-head", "-s", "training.duration=1", "-q", "-o", "x")[0] == 0
    assert run("info", "x")[0] == 0
