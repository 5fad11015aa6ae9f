"""Errors: all that is wrong at once, what a file is, what may be meant, and in whose words."""

import ast
import os
import re
import string
from pathlib import Path

import h5py
import pytest

import orderparams as op
from orderparams import errors
from orderparams.cli import remedies
from orderparams.config.unknown import Undecidable, Unknown
from orderparams.models.single_location.consistency import contradictions

PACKAGE = Path(op.__file__).parent
OURS = {name for name in vars(errors) if name.endswith("Error")}
EXAMPLE = 'task.signal = { kind = "spikes", strengths = [4, 1] }\n'


def calls_of_errors():
    """Every place outside the shell that makes an error."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.is_relative_to(PACKAGE / "cli"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", "")
            if name in OURS:
                yield path.name, node


def texts(node):
    """The constant texts in a syntax tree."""
    return [leaf.value for leaf in ast.walk(node) if isinstance(getattr(leaf, "value", None), str)]


OPTION = re.compile(r"(?<![\w-])--?[a-z]")


def test_no_message_outside_the_shell_speaks_of_its_options():
    found = {
        (file, text)
        for file, call in calls_of_errors()
        for text in texts(call)
        if OPTION.search(text) and "pip install" not in text and "h5repack" not in text
    }
    assert not found


def test_every_remedy_has_words_for_python_and_for_the_shell():
    assert errors.REMEDIES.keys() == remedies.REMEDIES.keys()
    named = {
        call.args[1].value
        for _, call in calls_of_errors()
        if len(call.args) > 1 and isinstance(call.args[1], ast.Constant)
    }
    assert named <= errors.REMEDIES.keys()
    for words in errors.REMEDIES.values():
        assert not OPTION.search(words.replace("dask scheduler --scheduler-file", ""))


def fields(words):
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


def test_remedies_are_filled_by_the_values_that_errors_give():
    given = {}
    for _, call in calls_of_errors():
        if len(call.args) > 1 and isinstance(call.args[1], ast.Constant):
            values = {keyword.arg for keyword in call.keywords if keyword.arg}
            given.setdefault(call.args[1].value, values).intersection_update(values)
    for remedy, values in given.items():
        if remedy != "set":  # its values are one table
            assert fields(errors.REMEDIES[remedy]) | fields(remedies.REMEDIES[remedy]) <= values


@pytest.mark.parametrize("preset", ["saad-solla", "excursion"])
@pytest.mark.parametrize("change", ["initial.kind=random", "COUNT=5"])
def test_a_start_that_does_not_fit_can_be_replaced_as_the_message_says(preset, change, run):
    """By the words of the shell and by those of Python."""
    section = op.load(preset).attention if preset == "excursion" else None
    change = change.replace("COUNT", "attention.heads" if section else "network.students")
    err = run("evaluate", preset, "-s", change)[2]
    way = re.search(r"replace the whole start: -s '(.*)'", err)[1]
    assert op.load(preset, settings=[change, way]).initial.kind == "random"
    with pytest.raises(op.ConfigurationError) as told:
        op.load(preset, settings=[change])
    way = ast.literal_eval(re.search(r"settings=(.*)", str(told.value))[1])
    found = op.load(op.load(preset, settings=way), settings=[change])
    assert found.initial.kind == "random"


def test_errors_in_python_speak_python(tmp_path):
    run = op.solve("single-head", settings={"training.duration": 0.1, "output.points": 2})
    run.save(tmp_path / "run.h5")
    with pytest.raises(op.FileError, match=r"exists; give force=True to replace it"):
        run.save(tmp_path / "run.h5")
    with pytest.raises(op.ConfigurationError, match=r"scan\(.*'attention.heads': \[1, 2"):
        op.load("two-stage", settings={"attention.heads": [1, 2]})
    with pytest.raises(op.ConfigurationError, match=r"settings=\{\"task.signal\":"):
        op.load("two-stage", settings={"task.signal.variances": [1, 2, 3]})
    with pytest.raises(op.ConfigurationError, match=r"dimensions=\[250, 1000\]"):
        op.validate("single-head", dimensions=[100], test="replicas")


def test_all_that_is_wrong_is_told_at_once(run, tmp_path):
    (tmp_path / "my.toml").write_text(
        "[task]\nlenght = 4\n[task.signal]\nkind = 'spikes'\nstrengths = [4, -1]\n"
        "[attention]\nheads = 0\nactivation = 'sotfmax'\n[training]\nduration = 'x'\n"
        "[initial]\nkind = 'explicit'\n"
    )
    status, _, err = run("solve", "my.toml", "-s", "output.pionts=3", "-s", "integrator.rtol=5")
    assert status == 2
    first, *lines = err.splitlines()
    assert first == "orderparams: my.toml: 8 errors"
    for words in (
        "unknown key 'task.lenght'; did you mean 'task.length'?",
        "task.signal.strengths[1]: expected",
        "attention.heads: expected",
        "did you mean 'softmax'?",
        "training.duration: expected",
        "initial.overlap is missing",
        "unknown key 'output.pionts'; did you mean 'output.points'?",
        "integrator.rtol: expected",
    ):
        assert sum(words in line for line in lines) == 1, words


def test_of_many_errors_the_first_are_told(run, tmp_path):
    (tmp_path / "my.toml").write_text(EXAMPLE + "".join(f"q{i} = 1\n" for i in range(14)))
    _, _, err = run("solve", "my.toml")
    assert len(err.splitlines()) == 12
    assert err.endswith("  and 4 more\n")


def test_checks_go_on_with_what_can_be_read():
    """Of a configuration with one wrong value everything else is still checked, and no check that
    needs this value says anything."""
    wrong = {
        "task.length": 1,
        "task.noise": 0.5,  # with the token target
        "attention.kappa": 1.0,  # in softmax
        "initial.dimension": 2,  # for 3 features and 4 heads
    }
    with pytest.raises(op.ConfigurationError) as caught:
        op.load("two-stage", settings=wrong)
    assert [key for key in wrong if key in str(caught.value)] == list(wrong)
    for hidden in ("attention.heads", "task.signal.strengths"):
        with pytest.raises(op.ConfigurationError) as caught:
            op.load("two-stage", settings=wrong | {hidden: "x"})
        assert len(caught.value.errors) == 4
        assert "initial.dimension" not in str(caught.value)


@pytest.mark.parametrize(
    "use",
    [
        bool, len, iter, hash, float, int, abs, lambda x: x == 1,
        lambda x: x < 1, lambda x: x.a, lambda x: x[0], lambda x: 2 * x,
        lambda x: f"{x:g}", lambda x: x in (1, 2), lambda x: 1 in x, lambda x: {1: 2}[x],
        lambda x: isinstance(x, tuple), lambda x: isinstance(x, int | float),
    ],
)  # fmt: skip
def test_nothing_is_decided_by_what_is_unknown(use):
    with pytest.raises((Undecidable, TypeError)):
        use(Unknown())
    assert isinstance(Unknown(), Unknown)


def test_contradictions_of_a_valid_problem_are_none():
    assert not [error for found in contradictions(op.load("excursion")) for error in found]


PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
FILES = {
    "run.toml": (EXAMPLE.encode(), "run.toml is a configuration, not a result file (HDF5); "
                 "orderparams solve run.toml makes one"),
    "figure.png": (PNG, "is a PNG picture"),
    "figure.h5": (PNG, "figure.h5 is a PNG picture"),
    "page.html": (b"<!DOCTYPE html><html>", "is an HTML page"),
    "run.csv": (b"a,b\n1,2\n", "is a CSV table"),
    "run.npz": (b"PK\x03\x04" + bytes(9), "is an NPZ archive"),
    "run.json": (b'{"a": 1}', "is a JSON document"),
    "notes.txt": (b"Dear reader,\n", "is a text, not a result file"),
    "old.nc": (b"CDF\x01" + bytes(9), "is a netCDF file of the classic format"),
    "empty.h5": (b"", "empty.h5 is empty"),
    "zeros.h5": (bytes(4000), "is nothing but zeros"),
    "short.h5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "is cut short or damaged; take another copy"),
    "two-stage": (None, "two-stage is a preset, not a result file; orderparams solve two-stage"),
    "pipe.h5": (os.mkfifo, "pipe.h5 is a pipe or a device, not a result file"),
    "folder": (os.mkdir, "folder is a folder; name a result file\n"),
    "lost.h5": (lambda path: path.symlink_to("nowhere"), "lost.h5 does not exist\n"),
    "rnu.h5": (None, "rnu.h5 does not exist; did you mean 'run.h5'?"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", ["plot", "info", "report", "export", "analyze"])
def test_a_file_that_holds_no_result_is_told_what_it_is(run, tmp_path, command, name):
    (tmp_path / "run.h5").touch()
    content, words = FILES[name]
    if callable(content):
        content(tmp_path / name)
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    if command == "analyze" and not name.endswith(".h5"):
        pytest.skip("it takes configurations as well")
    status, out, err = run(command, name, *(["--to", "csv"] if command == "export" else []))
    assert (status, out) == (5, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_folder_is_told_with_a_result_in_it(run, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.h5").touch()
    expected = "runs is a folder; name a result file in it, such as runs/a.h5"
    assert expected in run("plot", "runs")[2]


def test_the_ending_of_a_name_is_found(run, tmp_path):
    (tmp_path / "a.h5").touch()
    assert "a does not exist; did you mean 'a.h5'?" in run("plot", "a")[2]


def test_a_configuration_is_one_whatever_its_name(run, tmp_path):
    (tmp_path / "table.h5").write_text(EXAMPLE)
    assert "solve table.h5 makes one" in run("info", "table.h5")[2]
    assert run("evaluate", "table.h5")[0] == 0


def test_a_file_of_another_program_is_told_what_it_is(run, tmp_path):
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = 1
    for command in ("info", "plot", "solve"):
        status, _, err = run(command, "foreign.h5")
        assert status == 5
        assert "foreign.h5 is an HDF5 file that was not written by orderparams" in err


SOURCES = [
    ("two-stge", 2, "did you mean 'two-stage'?"),
    ("my.tml", 2, "did you mean 'my.toml'?"),
    ("", 2, "'' is neither a file nor a preset"),
    (".", 5, "'.' is a folder; name a preset, a configuration or a result file, such as"),
    ("pipe.h5", 5, "pipe.h5 is a pipe or a device"),
    ("empty.toml", 2, "empty.toml: task is missing and has no default; add it, such as a table "
     '[task.signal] with kind = "spikes" and strengths = [4, 1]; orderparams presets two-stage'),
    ("figure.png", 2, "figure.png is a PNG picture; a configuration is a text in TOML"),
    ("wide.toml", 2, "wide.toml is a text in UTF-16"),
    ("x" * 5000, 5, "could not be read: file name too long"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "expected", "words"), SOURCES, ids=[s[0][:20] for s in SOURCES])
@pytest.mark.parametrize("command", ["solve", "evaluate", "scan"])
def test_what_is_no_configuration_is_told_what_it_is(run, tmp_path, command, name, expected, words):
    (tmp_path / "my.toml").write_text(EXAMPLE)
    (tmp_path / "empty.toml").touch()
    os.mkfifo(tmp_path / "pipe.h5")
    (tmp_path / "figure.png").write_bytes(PNG)
    (tmp_path / "wide.toml").write_text(EXAMPLE, "utf-16")
    options = ["--vary", "initial.seed=1", "-o", "x.h5"] if command == "scan" else []
    status, out, err = run(command, name, *options)
    assert (status, out) == (expected, "")
    assert words in err
    assert "Errno" not in err
    assert "PosixPath" not in err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["simulate", "run.h5", "--resume"], "holds no simulation; it has checkpoint, trajectory; "
         "orderparams simulate makes one"),
        (["analyze", "claim.h5"], "holds no trajectory; it has checks"),
    ],
)  # fmt: skip
def test_a_result_of_another_kind_is_told_what_it_has(run, tmp_path, command, words):
    problem = op.load("single-head", settings={"training.duration": 0.1, "output.points": 2})
    op.solve(problem).save(tmp_path / "run.h5")
    with h5py.File(tmp_path / "run.h5") as run_file, h5py.File(tmp_path / "claim.h5", "w") as file:
        file.attrs.update(run_file.attrs)
        file.create_group("checks")
    status, _, err = run(*command)
    assert status == 5
    assert words in err


USAGE = [
    (["slove"], "there is no command 'slove'; did you mean 'solve'? See orderparams --help"),
    (["solve", "--max-second", "3"], "did you mean '--max-seconds'? See orderparams solve --help"),
    (["solve", "--max-seconds", "x"], "--max-seconds: 'x' is not a number; see orderparams solve"),
    (["validate", "--start", "maen"], "'maen' is not one of replica, mean; did you mean 'mean'?"),
    (["scan", "--action", "slove"], "--action: 'slove' is not one of solve, evaluate"),
    (["export", "run.h5"], "--to is missing; it is one of csv, npz, netcdf, json; see"),
    (["plot"], "FILE is missing; see orderparams plot --help"),
    (["solve", "-s"], "-s needs a value; see orderparams solve --help"),
    (["solve", "a", "attention.heads=8"], "a setting is written -s KEY=VALUE"),
    (["plot", "run.h5", "--at", "x"], "--at: 'x' is not KEY=VALUE"),
    (["completion", "tcsh"], "SHELL: 'tcsh' is not one of bash, zsh, fish"),
    (["solve", "-s", "attention.heads=1,2"], "scan --vary 'attention.heads=1,2'"),
    (["solve", "-s", "attention.heads=[1, 2]"], "scan --vary 'attention.heads=1,2'"),
    (["solve", "-s", "attention.heads=1:4:4"], "but a range; several values are run by"),
    (["solve", "-s", "task.signal.strengths=1,2,3"], "a list is written [1, 2, 3]"),
    (["scan", "--vary", "attention.heads=[1,2]", "-o", "a.h5"],
     "values stand without brackets: --vary 'attention.heads=1,2'"),
    (["scan", "--vary", "task.signal.strengths=4", "-o", "a.h5"],
     "each value is a list in brackets: --vary 'task.signal.strengths=[4]'"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "words"), USAGE, ids=[" ".join(a) for a, _ in USAGE])
def test_command_lines_are_refused_in_one_style(run, arguments, words):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("orderparams: ")
    assert "Usage:" not in err
    assert "Error:" not in err
    assert words in err


def test_without_a_command_the_help_is_shown(run):
    status, out, err = run()
    assert (status, out) == (2, "")
    assert err.startswith("Usage: orderparams [OPTIONS] COMMAND")
