"""Shell completion: what is offered, by click's own classes and in a real shell."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import get_completion_class

from orderparams.cli.completion import SHELLS, script
from orderparams.cli.main import orderparams
from orderparams.cli.scan import ACTIONS as OFFERED
from orderparams.config import override, parse, to_table
from orderparams.config.values import toml_value
from orderparams.errors import ConfigurationError
from orderparams.scans.actions import ACTIONS
from orderparams.shipped import preset_names
from orderparams.sources import read_table

AT_REST = "integrator.stop_at_rest"
NETWORK = ("activation", "second_layer", "students")
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


@pytest.mark.parametrize("command", ["solve", "evaluate", "simulate", "validate", "scan", "config"])
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
            assigned = [f"{key}={toml_value(value)}", ("title", table["title"])]
            assert parse(override(table, assigned)) == parse(table)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("solve", "-s", "attention.activation=b"), ["attention.activation=bayes-softmax"]),
        (("solve", "-s", "training.rule="), ["training.rule=gradient-flow", "training.rule=sgd"]),
        (("evaluate", "-s", "attention.bias=le"), ["attention.bias=learned"]),
        (("solve", "-s", "attention.heads="), ["attention.heads=4"]),
        (("solve", "-s", "attention.heads=8"), []),
        (("solve", "-s", "integrator.rtol="), ["integrator.rtol=1e-06"]),
        (("solve", "-s", "integrator.stop="), []),
        (("solve", "-s", "integrator.stop_at_rest="), [f"{AT_REST}=false", f"{AT_REST}=true"]),
        (("config", "-s", "integrator.stop_at_rest=t"), [f"{AT_REST}=true"]),
        (("config", "si"), ["single-head", "single run.h5"]),
        (("judge", "single"), ["single run.h5"]),
        (("judge", "single run.h5", "si"), ["single-head", "single run.h5"]),
        (("judge", "x.csv", "saad-solla", "-s", "network.a"), ["network.activation="]),
        (("config", "-s", "attention.kappa="), ["attention.kappa=0.0"]),
        (("config", "-s", "title="), []),
        (("config", "-s", "task.signal.strengths="), []),
        (("scan", "--vary", "task.length="), ["task.length=4"]),
        (("scan", "--vary", "task.length=4,"), []),
        (("keys", "network."), [f"network.{key}" for key in NETWORK]),
        (("keys", "--model", "committee", "network.a"), ["network.activation"]),
        (("keys", "--model", "single-location", "network."), []),
        (("keys", "--model", "com"), ["committee"]),
        (("solve", "-s", "no.such="), []),
        (("scan", "--vary", "task.target=s"), ["task.target=scalar"]),
        (("scan", "--vary", "task.target=scalar,"), ["task.target=scalar,token"]),
        (("scan", "--warm-start", "task.len"), ["task.length"]),
        (("scan", "--scheduler", "tcp://"), ["tcp://", "tcp://127.0.0.1:8786"]),
        (("plot", "run.h5", "--over", "task.len"), ["task.length"]),
        (("plot", ""), ["run.h5", "single run.h5", "results/"]),
        (("info", "ru"), ["run.h5"]),
    ],
)
def test_values_and_files(offered, words, expected):
    assert sorted(offered(*words)) == sorted(expected)


def test_every_word_that_a_key_takes_is_offered(offered):
    table = read_table("two-stage")
    for key in (key.removesuffix("=") for key in offered("solve", "-s", "")):
        for assignment in offered("solve", "-s", f"{key}="):
            said = ""
            try:
                parse(override(table, [assignment]))
            except ConfigurationError as error:  # it may need other keys
                said = str(error)
            assert f"{key}: expected" not in said


def test_choices_are_listed_and_completed(offered):
    """Every option that takes one of some words says which, and offers them."""
    for name, command in orderparams.commands.items():
        context = click.Context(command, info_name=name, **orderparams.context_settings)
        help = command.get_help(context)
        for option in command.params:
            if isinstance(option.type, click.Choice):
                flags = [flag for flag in option.opts if flag.startswith("--")][:1]
                assert all(re.search(rf"\b{word}\b", help) for word in option.type.choices)
                assert offered(name, *flags, "") == list(option.type.choices)


def test_the_actions_of_a_scan_are_those_it_has():
    assert tuple(ACTIONS) == OFFERED


TYPED = [
    ("orderparams solve -s attention.ka", "ppa="),
    ("orderparams solve -s attention.activation=ba", "yes-softmax "),
    ("orderparams config -s integrator.stop_at_rest=f", "alse "),
    ("orderparams keys training.batch", "_size "),
    ("orderparams solve -s 'attention.activation=ba", "yes-softmax' "),
    ("orderparams scan --vary task.target=scalar,to", "ken "),
    ("orderparams scan --action=opt", "imum "),
    ("orderparams solve two", "-stage "),
    ("orderparams completion z", "sh "),
    ("orderparams plot ru", r"n\ \(2\).h5 "),
    (r"orderparams plot run\ ", r"\(2\).h5 "),
    ("orderparams plot 'ru", "n (2).h5' "),
]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_tab_in_bash(tmp_path):
    """What appears behind the words when TAB is pressed, in a terminal."""
    (tmp_path / "run (2).h5").touch()
    shell, terminal = pty.fork()
    if shell == 0:
        os.chdir(tmp_path)
        os.environ |= {"PATH": f"{BIN}:{os.environ['PATH']}", "PS1": "", "TERM": "dumb"}
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])

    def answer(typed, end):
        os.write(terminal, typed.encode())
        seen = b""
        while end not in seen:
            assert select.select([terminal], [], [], 20)[0], seen
            seen += os.read(terminal, 4096)
        return seen.decode()

    try:
        answer('eval "$(orderparams completion bash)"; echo rea""dy\n', b"ready")
        for typed, expected in TYPED:
            assert answer(f"{typed}\t", f"{typed}{expected}".encode()).endswith(expected)
            answer("\x15echo cle''ared\n", b"cleared")
    finally:
        os.kill(shell, signal.SIGKILL)
        os.waitpid(shell, 0)
        os.close(terminal)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_accept_the_script(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(script(shell, orderparams))
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


@pytest.mark.parametrize(
    ("line", "word", "expected"),
    [
        ("solve saad-solla -s netw", "netw", "network.students="),
        ("solve saad-solla -s training.duration=", "training.duration=", "200.0"),
        ("config -s model=committee -s network.students=", "network.students=", "2"),
        ("solve saad-solla -s task.", "task.", "task.teachers="),
        ("scan saad-solla --vary network.activation=", "network.activation=", "relu"),
        ("solve -s model=committee -s network.st", "network.st", "network.students="),
        ("solve two-stage -s task.", "task.", "task.signal.kind="),
    ],
)
def test_keys_are_those_of_the_model_that_was_typed(line, word, expected):
    """By the protocol of the shell, where the option that is typed lacks its value."""
    asked = {"COMP_WORDS": f"orderparams {line}", "COMP_CWORD": word}
    done = subprocess.run(
        [sys.executable, "-m", "orderparams"],
        env=os.environ | asked | {"_ORDERPARAMS_COMPLETE": "bash_complete"},
        capture_output=True,
        text=True,
        check=True,
    )
    offered = done.stdout.split()
    assert any(entry.endswith(expected) for entry in offered), offered
    other = "task.signal" if "two-stage" not in line else "network"
    assert not any(other in entry for entry in offered)
