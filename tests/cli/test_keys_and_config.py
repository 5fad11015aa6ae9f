"""`orderparams keys` and `orderparams config`: what they print, and how they refuse."""

import json
import subprocess
import sys

import pytest

from orderparams.cli.screen import columns
from orderparams.config import parse, parse_toml
from orderparams.config.keys import keys
from orderparams.models import registry
from orderparams.shipped import preset_names
from orderparams.sources import load


@pytest.mark.parametrize("model", [[], *(["--model", name] for name in registry.names())])
def test_all_keys_are_listed_and_fit(run, model):
    status, out, err = run("keys", *model)
    assert (status, err) == (0, "")
    assert all(columns(line) <= 80 for line in out.splitlines())
    told = " ".join(out.split())
    for key in keys(*model[1:]):
        assert key.name in out
        assert " ".join(key.told().split()) in told
        assert key.default_text() in told
        assert key.facts() in told or key.type == "table"


def test_a_listed_key_is_told_in_three_lines(run):
    assert run("keys", "max_steps")[1].splitlines() == [
        "integrator.max_steps = 100000",
        "    steps of the method after which a run is stopped as failed",
        "    whole number; 1 to 10^9; unit: steps",
    ]
    lines = run("keys", "kappa")[1].splitlines()
    assert lines[0] == f"attention.kappa{'(single-location)':>65}"
    assert "left out: 0.0; 1.0 for softmax-1" in " ".join("".join(lines).split())
    assert "(" not in run("keys", "kappa", "--model", "single-location")[1].splitlines()[0]


def test_keys_as_json(run):
    document = json.loads(run("keys", "STUDENTS", "--json")[1])
    found = {entry["key"]: entry for entry in document}
    assert found["network.students"] == {
        "key": "network.students",
        "models": ["committee"],
        "type": "whole number",
        "default": 2,
        "left_out": "",
        "allowed": "1 to 64",
        "unit": "units",
        "symbol": "K",
        "meaning": "number of students, the hidden units that learn",
    }
    assert "training.learning_rate" not in found
    assert len(json.loads(run("keys", "--json")[1])) == len(keys())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["haeds"], "did you mean attention.heads?"),
        (["teacher", "--model", "single-location"], "committee has it; leave out --model"),
        (["zzz"], "orderparams keys lists all"),
        (["zzz", "--json"], "orderparams keys lists all"),
        (["x" * 500], "xxx..."),
        (["--model", "comittee"], "did you mean 'committee'?"),
        (["a", "b"], "too many arguments"),
    ],
)
def test_keys_that_are_not_there(run, arguments, words):
    status, out, err = run("keys", *arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("name", preset_names())
def test_what_config_prints_is_the_configuration(run, tmp_path, name):
    status, out, err = run("config", name)
    assert (status, err) == (0, "")
    assert parse(parse_toml(out)) == load(name)
    (tmp_path / "my.toml").write_text(out, "utf-8")
    assert run("config", "my.toml")[1:] == (out, "")


def test_config_runs_nothing_and_applies_settings(run, tmp_path):
    status, out, err = run("config", "single-head", "-s", "task.length=16")
    assert (status, err) == (0, "")
    assert parse(parse_toml(out)) == load("single-head", ["task.length=16"])
    assert list(tmp_path.iterdir()) == []


def test_config_as_json(run):
    document = json.loads(run("config", "saad-solla", "--json")[1])
    assert parse(document["config"]) == load("saad-solla")
    found = {entry["key"]: entry for entry in document["keys"]}
    assert (found["task.teachers"]["value"], found["task.teachers"]["is_default"]) == (2, False)
    assert (found["task.noise"]["value"], found["task.noise"]["is_default"]) == (0.0, True)
    assert document["warnings"] == []


def test_settings_without_effect_are_named_with_the_commands(run):
    given = ("-s", "expectation.seed=2", "-s", "training.learning_rate=2")
    status, out, err = run("config", *given)
    assert status == 0
    assert err == (
        "orderparams: warning: without effect in solve, evaluate, simulate: expectation.seed "
        "(quadrature serves and nothing is sampled; set expectation.engine = 'sampling')\n"
    )
    assert "learning_rate = 2.0" in out
    document = json.loads(run("config", *given, "--json")[1])
    assert [text.partition(":")[0] for text in document["warnings"]] == ["expectation.seed"]
    everywhere = ("-s", "training.bias_rate=2")
    assert "in solve, evaluate, simulate, analyze: training.bias" in run("config", *everywhere)[2]


def test_a_scan_is_said_to_be_left_out(run, tmp_path):
    (tmp_path / "scan.toml").write_text(
        'task.signal = {kind = "spikes", strengths = [4]}\nscan.vary = {"task.length" = [2, 3]}\n'
    )
    status, out, err = run("config", "scan.toml")
    assert status == 0
    assert "[scan] of scan.toml is left out" in err
    assert "scan" not in parse_toml(out)


def test_config_of_a_result_file(run, result_paths):
    for kind in ("run", "simulation", "validation"):
        status, out, err = run("config", result_paths[kind])
        assert (status, err) == (0, "")
        assert parse(parse_toml(out)) == load(result_paths[kind])


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["no-such"], 2, "neither a file nor a preset"),
        (["-s", "attention.haeds=1"], 2, "did you mean 'attention.heads'?"),
        (["-s", "attention.heads=0"], 2, "whole number from 1 to 256"),
        (["missing.h5"], 5, "does not exist"),
        (["two-stage", "-o", "x.toml"], 2, "there is no option -o"),
    ],
)
def test_config_refuses_what_other_commands_refuse(run, arguments, status, words):
    found, out, err = run("config", *arguments)
    assert (found, out) == (status, "")
    assert words in err


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["keys"], {"numpy", "scipy", "numba", "h5py"}),
        (["keys", "zzz"], {"numpy", "scipy", "numba", "h5py"}),
        (["keys", "--help"], {"scipy", "numba", "h5py"}),
        (["config"], {"scipy", "numba", "h5py"}),
        (["config", "saad-solla"], {"scipy", "numba", "h5py"}),
    ],
)
def test_they_load_no_heavy_library(arguments, heavy):
    script = (
        "import sys; from orderparams.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"found = {heavy} & set(sys.modules)\n"
        "sys.exit(f'loaded {found}' if found else 0)"
    )
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, capture_output=True)
