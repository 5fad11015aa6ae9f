"""Shell completion: what is offered, by click's own classes and in a real shell."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class

from orderparams.cli.completion import SHELLS, UNSPACED, script
from orderparams.cli.main import orderparams
from orderparams.config import override, parse, to_table
from orderparams.sources import preset_names, read_table

BIN = str(Path(sys.executable).parent)


@pytest.fixture
def offered(monkeypatch, tmp_path):
    """What is offered after some words in a folder with a few files."""
    for name in ("run.h5", "my.toml", "notes.txt", "single run.h5"):
        (tmp_path / name).touch()
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "old.h5").touch()
    monkeypatch.chdir(tmp_path)
    complete = get_completion_class("bash")(orderparams, {}, "orderparams", "_COMPLETE")

    def names(*words):
        *before, typed = words
        return [item.value for item in complete.get_completions(before, typed)]

    return names


def test_commands_and_options(offered):
    assert offered("so") == ["solve"]
    assert set(offered("")) == set(orderparams.commands)
    assert "--max-seconds" in offered("solve", "--")
    assert offered("completion", "") == list(SHELLS)


@pytest.mark.parametrize("command", ["solve", "evaluate", "simulate", "validate", "scan"])
def test_a_configuration_is_a_preset_or_a_file(offered, command):
    files = ["my.toml", "run.h5", "single run.h5", "results/"]
    assert offered(command, "") == [*preset_names(), *files]
    assert offered(command, "si") == ["single-head", "single run.h5"]
    assert offered(command, "results/") == ["results/old.h5"]
    assert offered(command, "[") == []


def test_names_of_presets_and_claims(offered):
    assert offered("presets", "") == preset_names()
    assert offered("reproduce", "c") == [f"C{number}" for number in range(1, 10)]
    assert offered("reproduce", "C6", "C8") == ["C8"]


@pytest.mark.parametrize("option", [("solve", "-s"), ("solve", "--set"), ("scan", "--vary")])
def test_keys(offered, option):
    assert offered(*option, "attention.head") == ["attention.heads=", "attention.head_weights="]
    assert offered(*option, "task.length") == ["task.length="]
    assert offered(*option, "no.such") == []


def test_every_key_of_a_preset_is_offered_and_can_be_set(offered):
    table = read_table("two-stage")

    def leaves(part, path=""):
        for name, value in part.items():
            key = f"{path}{name}"
            yield from leaves(value, key + ".") if isinstance(value, dict) else [(key, value)]

    keys = offered("solve", "-s", "")
    for key, value in leaves(to_table(parse(table))):
        assert f"{key}=" in keys
        if isinstance(value, (int, float)):
            assert parse(override(table, [f"{key}={value}"])) == parse(table)


def test_the_scripts_are_clicks_with_our_change():
    for shell in SHELLS:
        assert "_ORDERPARAMS_COMPLETE" in script(shell)
    for shell, (_, ours) in UNSPACED.items():
        assert ours in script(shell)


CASES = [
    ("solve -s attention.k", "attention.kappa="),
    ("solve two", "two-stage"),
    ("completion z", "zsh"),
]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(("typed", "expected"), CASES)
def test_in_bash(typed, expected, tmp_path):
    words = " ".join(f"'{word}'" for word in ["orderparams", *typed.split()])
    commands = f"""
        PATH={BIN}:$PATH
        eval "$(orderparams completion bash)"
        complete -p orderparams
        compopt() {{ echo compopt "$@"; }}
        COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _orderparams_completion orderparams
        echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", commands], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    registered, *option, reply = done.stdout.splitlines()
    assert registered == "complete -o nosort -F _orderparams_completion orderparams"
    assert reply == expected
    assert option == (["compopt -o nospace"] if expected.endswith("=") else [])
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_accept_the_script(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(script(shell))
    subprocess.run([shell, "-n", tmp_path / "script"], check=True)


def test_completion_loads_no_heavy_library():
    code = (
        "import sys; from orderparams.cli import completion\n"
        "assert completion.configurations(None, None, 'two')\n"
        "assert completion.assignments(None, None, 'att')\n"
        "heavy = {'scipy', 'numba', 'h5py'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
