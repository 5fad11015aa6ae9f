"""What the environment says to libraries: the program works, or one message says what to mend."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from reliability.mutations import FIXTURES
from reliability.shell import check_refusal, command

import orderparams.views.plots

LAST = FIXTURES / "version-1"
SOURCES = Path(__file__).parents[2]


def started(tmp_path, *arguments, **environment):
    """A command in a process of its own, with more in its environment."""
    return subprocess.run(
        [sys.executable, "-m", "orderparams", *map(str, arguments)],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("NUMBA_NUM_THREADS", "0"), ("NUMBA_NUM_THREADS", "-2"), ("NUMBA_DISABLE_JIT", "1")],
)
def test_what_numba_does_not_accept_is_named(tmp_path, name, value):
    done = started(tmp_path, "solve", "single-head", **{name: value})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("orderparams: ")
    assert done.stderr.count("\n") == 1
    assert name in done.stderr
    assert "unset" in done.stderr
    assert not list(tmp_path.iterdir())


def complaints(err):
    """Lines on standard error, but for the word that kernels are compiled for this place."""
    return [line for line in err.splitlines() if not line.startswith("Compiling kernels: ")]


@pytest.mark.parametrize(
    "environment",
    [
        {"COLUMNS": "0"},
        {"COLUMNS": "many"},
        {"COLUMNS": "999999999"},
        {"TERM": ""},
        {"PYTHONOPTIMIZE": "2"},
        {"OMP_NUM_THREADS": "0", "OPENBLAS_NUM_THREADS": "none", "MKL_NUM_THREADS": "-1"},
        {"MPLBACKEND": "no such backend"},
    ],
    ids=lambda environment: "-".join(environment),
)
def test_what_is_odd_and_of_no_use_is_ignored(tmp_path, environment):
    done = started(tmp_path, "evaluate", "saad-solla", **environment)  # which has fewest kernels
    assert (done.returncode, complaints(done.stderr)) == (0, [])
    assert "gradient" in done.stdout


def test_a_cache_whose_folders_cannot_be_written(tmp_path):
    """The folder itself can be, those of the kernels in it are taken by files."""
    script = (
        "import os, pathlib\n"
        "from orderparams import compiled\n"
        "root = pathlib.Path(os.environ['NUMBA_CACHE_DIR'])\n"
        "hashed = compiled.source_hash(compiled.__name__)\n"
        "compiled.source_hash = lambda module: 'taken'\n"
        "(root / 'taken').write_text('a file')\n"
        "twice = compiled.kernel()(eval('lambda x: x + x', {'__name__': compiled.__name__}))\n"
        "print(twice(21.0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("42.0\n", "")


RC = """
text.usetex: True
backend: no such backend
font.family: fantasy
figure.facecolor: red
savefig.dpi: 17
axes.prop_cycle: 7
no.such.key: 3
"""


@pytest.mark.parametrize("name", ["run.png", "run.svg", "run.pdf"])
def test_figures_are_the_same_whatever_matplotlibrc_says(tmp_path, monkeypatch, name):
    """Also where it asks for a LaTeX that is not there."""
    for folder in ("rc", "plain", "odd"):
        (tmp_path / folder).mkdir()
    (tmp_path / "rc" / "matplotlibrc").write_text(RC)
    odd = {"MATPLOTLIBRC": str(tmp_path / "rc"), "MPLBACKEND": "no such backend"}
    done = started(tmp_path / "odd", "plot", LAST / "trajectory.h5", "-o", name, **odd)
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path / "plain")
    assert command("plot", LAST / "trajectory.h5", "-o", name).status == 0
    assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "odd" / name).read_bytes()


@pytest.mark.parametrize(("command_", "status"), [("plot", 2), ("report", 0)])
def test_a_matplotlib_that_does_not_start(tmp_path, command_, status):
    """A figure is refused, a page has none."""
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe")
    done = started(tmp_path, command_, LAST / "trajectory.h5", "-o", f"x.{command_}.html"[:20])
    if command_ == "plot":
        done = started(tmp_path, command_, LAST / "trajectory.h5", "-o", "x.png")
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert "matplotlib does not start" in done.stderr


def test_drawing_leaves_the_settings_of_others_alone():
    import matplotlib

    with matplotlib.rc_context({"font.size": 33.0, "lines.linewidth": 7.0}):
        with orderparams.views.plots.drawing():
            assert matplotlib.rcParams["font.size"] == orderparams.views.plots.SETTINGS["font.size"]
            assert matplotlib.rcParams["lines.linewidth"] < 7
        assert matplotlib.rcParams["font.size"] == 33
        assert matplotlib.rcParams["lines.linewidth"] == 7


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The sources as git has them, not installed."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("orderparams", "cli", "data"):
        shutil.copytree(SOURCES / name, folder / name)
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ("-c", "import orderparams as op; print(op.load().title, op.__file__)"),
        ("-m", "orderparams", "presets"),
        ("-m", "orderparams", "evaluate", "single-head"),
    ],
    ids=["import", "presets", "evaluate"],
)
def test_in_the_folder_of_a_checkout(checkout, arguments):
    """cli/ and data/ stand beside the package there."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env={key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, complaints(done.stderr)) == (0, [])
    if arguments[0] == "-c":
        assert str(checkout) in done.stdout


def test_point_files_that_cannot_be_read_say_why(tmp_path, monkeypatch):
    """A scan never loses the cause."""
    from orderparams.scans.collect import collect
    from orderparams.scans.folder import Folder
    from orderparams.scans.plan import base_table, make_plan

    monkeypatch.chdir(tmp_path)
    plan = make_plan(base_table("single-head"), {"vary": {"task.length": [2, 3]}})
    folder = Folder(tmp_path / "a.points")
    folder.start(plan)
    folder.file(1).write_bytes(b"no file of HDF5")
    scan = collect(plan, folder)
    assert scan["status"].tolist() == ["failed", "missing"]
    assert "is a text, not a result file" in scan.failures[1]
    answer = command("scan", "--collect", "-o", "a.h5")
    assert answer.status == 6
    assert "is a text, not a result file" in answer.out
    assert np.isnan(scan["seconds"][1])
    check_refusal(command("info", folder.file(1)), 5)
