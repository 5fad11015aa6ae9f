"""Names that no result can have are refused before the work; what cannot be written is rescued."""

import errno
import importlib
import json
import os
import stat

import pytest
from reliability.mutations import FIXTURES
from reliability.shell import check_refusal, command, contents

import orderparams as op
from orderparams.errors import FileError
from orderparams.storage import files
from orderparams.storage.files import atomic, check_target
from orderparams.storage.rescue import save_somewhere

LAST = FIXTURES / "version-1"
QUICK = ("-s", "training.duration=1", "-s", "output.points=5", "-s", "expectation.tolerance=1e-4")
WRITERS = {
    "solve": ("solve", "single-head"),
    "simulate": ("simulate", "single-head"),
    "validate": ("validate", "single-head"),
    "judge": ("judge", LAST / "simulation.h5"),
    "analyze": ("analyze", "single-head"),
    "scan": ("scan", "single-head", "--vary", "task.length=2,3", "--workers", "1"),
    "plot": ("plot", LAST / "trajectory.h5"),
    "export": ("export", LAST / "trajectory.h5", "--to", "json"),
    "report": ("report", LAST / "trajectory.h5"),
}
ENDINGS = {"plot": ".png", "export": ".json", "report": ".html"}
WORK = (
    "run.solve.solve",
    "run.simulate.simulate",
    "run.validate.validate",
    "run.judge.judged",
    "scans.run.run_points",
    "exports.export_file",
    "views.plots.plot_files",
    "views.reports.contents.report_page",
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder in which whoever begins to work fails the test."""

    def forbidden(*_, **__):
        raise AssertionError("the work began")

    modules = {name: importlib.import_module(f"orderparams.{name.rpartition('.')[0]}")
               for name in WORK}  # fmt: skip
    for name, module in modules.items():
        monkeypatch.setattr(module, name.rpartition(".")[2], forbidden)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def device(ending):
    return "/dev/null"


def pipe(ending):
    os.mkfifo("pipe" + ending)
    return "pipe" + ending


def directory(ending):
    os.mkdir("folder" + ending)
    return "folder" + ending


def slash(ending):
    return "folder/"


def undecodable(ending):
    return "\udcff" + ending


def long(ending):
    return "x" * 256 + ending


def circle(ending):
    os.symlink("circle" + ending, "circle" + ending)
    return "circle" + ending


def nowhere(ending):
    return "nowhere/run" + ending


def in_a_file(ending):
    open("file", "w").close()
    return "file/run" + ending


def read_only(ending):
    with open("precious" + ending, "w") as file:
        os.fchmod(file.fileno(), stat.S_IRUSR)
    return "precious" + ending


def unwritable(ending):
    return "/sys/run" + ending


def output_of_this_process(ending):
    return "/proc/self/fd/1"


NAMES = [device, pipe, directory, slash, undecodable, long, circle, nowhere, in_a_file, read_only,
         unwritable, output_of_this_process]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.__name__)
@pytest.mark.parametrize("writer", WRITERS)
def test_a_name_that_no_result_can_have_is_refused_before_the_work(folder, writer, name):
    ending = ENDINGS.get(writer, ".h5")
    output = name(ending)
    before = {path.name: path.lstat().st_mode for path in folder.iterdir()}
    answer = command(*WRITERS[writer], "-o", output, "--force")
    check_refusal(answer, 5)
    assert {path.name: path.lstat().st_mode for path in folder.iterdir()} == before
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("output", ["/dev/null", "/sys/claims", "file/x"])
def test_a_folder_for_claims_that_cannot_be_is_refused_before_the_work(folder, monkeypatch, output):
    (folder / "file").write_text("x")
    monkeypatch.setattr("orderparams.claims.Claim.run", lambda *_: pytest.fail("the work began"))
    assert command("reproduce", "C6", "-o", output, "--force").status in (2, 5)


def test_a_link_stays_and_the_file_it_leads_to_is_replaced(tmp_path, monkeypatch):
    """With the permissions that the old file had."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").write_text("old")
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "link").symlink_to("real")
    with atomic(tmp_path / "link", force=True) as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o600


def test_the_longest_names_can_be_written(tmp_path):
    """A temporary name is no longer than the name of the file."""
    path = tmp_path / ("é" * 126 + ".h5")
    check_target(path, force=False)
    op.open(LAST / "trajectory.h5").save(path)
    assert op.open(path).status == "finished"


def test_no_trial_stays(tmp_path):
    check_target(tmp_path / "run.h5", force=False)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def full(monkeypatch, tmp_path):
    """A folder in which files can be made, and results cannot be written."""
    place = tmp_path / "full"
    place.mkdir()
    real = files.take_name

    def take_name(temporary, path):
        if path.parent == place:
            raise OSError(errno.EDQUOT, "Disk quota exceeded")
        real(temporary, path)

    monkeypatch.setattr(files, "take_name", take_name)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return place


@pytest.mark.parametrize("writer", ["solve", "simulate", "validate", "analyze", "scan"])
def test_a_result_that_cannot_be_written_is_saved_elsewhere(full, writer):
    small = (*QUICK, "-s", "simulation.dimension=40", "-s", "simulation.replicas=2")
    answer = command(*WRITERS[writer], *small, "-o", full / "run.h5")
    assert answer.status == 5
    assert "disk quota exceeded" in answer.err
    assert f"the result is in {full.parent / 'here' / 'run.h5'} instead" in answer.err
    assert op.open("run.h5")
    assert "run.h5" not in contents(full)


def test_a_result_goes_from_folder_to_folder_and_never_over_a_file(full, monkeypatch, tmp_path):
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(full)
    (tmp_path / "home" / "run.h5").write_bytes(b"precious")
    with pytest.raises(FileError, match=r"the result is in .*/home/run-2\.h5 instead"):
        save_somewhere(op.open(LAST / "trajectory.h5").save, full / "run.h5", force=False)
    assert (tmp_path / "home" / "run.h5").read_bytes() == b"precious"
    assert op.open(tmp_path / "home" / "run-2.h5").status == "finished"


def test_a_command_typed_in_another_encoding_is_recorded(run, tmp_path):
    """Names of folders may be any bytes."""
    os.mkdir(os.fsencode(tmp_path) + b"/\xff")
    output = "\udcff/run.h5"
    assert run("solve", "single-head", *QUICK, "-o", output)[0] == 0
    about = json.loads(run("info", output, "--json")[1])
    assert about["command"].endswith("-o '\\udcff/run.h5'")
