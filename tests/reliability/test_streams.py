"""Standard streams that are closed, full, without a reader or of another encoding."""

import contextlib
import errno
import io
import os
import subprocess
import sys

import pytest
from reliability.mutations import FIXTURES

import orderparams as op
from orderparams.cli.main import main
from orderparams.streams import Steady

LAST = FIXTURES / "version-1"
QUICK = ("-s", "training.duration=1", "-s", "output.points=5", "-s", "expectation.tolerance=1e-4")
RUN = [sys.executable, "-m", "orderparams"]


def shell(line, tmp_path, **environment):
    """A line of the shell, in which $op is the program."""
    return subprocess.run(
        ["bash", "-c", line],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        env=os.environ | {"op": " ".join(RUN)} | environment,
        check=False,
    )


SOLVE = "$op solve single-head " + " ".join(QUICK)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("$op presets >&-", 5),
        ("$op presets 2>&-", 0),
        ("$op presets 2>/dev/full", 0),
        ("$op presets | true; exit ${PIPESTATUS[0]}", 0),
        ("$op presets nix 2>&-", 2),
        ("$op presets nix 2>/dev/full", 2),
        ("$op presets nix >&- 2>&- <&-", 2),
        (f"$op info {LAST / 'scan.h5'} >/dev/full", 5),
        (f"{SOLVE} -o run.h5 >&- 2>&- <&-", 0),
        (f"{SOLVE} -o run.h5 >/dev/full 2>/dev/full", 5),
        (f"{SOLVE} -o run.h5 2>&-", 0),
    ],
)
def test_streams_cost_neither_the_result_nor_the_status(tmp_path, line, status):
    """5 only where what was asked for is lost, and no word of Python."""
    done = shell(line, tmp_path)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    if "run.h5" in line:
        assert op.open(tmp_path / "run.h5").status == "finished"
    if done.stderr:
        assert done.stderr.startswith("orderparams: ")


def test_a_scan_without_any_stream(tmp_path):
    """Its processes have none either, and the result is not among what they print."""
    vary = "--vary task.length=2,3 --workers 1"
    done = shell(
        f"$op scan single-head {' '.join(QUICK)} {vary} -o a.h5 >&- 2>&- <&-",
        tmp_path,
    )
    assert done.returncode == 0
    assert op.open(tmp_path / "a.h5").count("finished") == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_what_an_encoding_lacks_is_written_in_another_way(tmp_path, encoding):
    title = "γ ≤ 漢"
    (tmp_path / "a.toml").write_text(
        f'title = "{title}"\ntask.signal = {{kind = "spikes", strengths = [4]}}', "utf-8"
    )
    command = "evaluate" if encoding == "ascii" else "config"  # which loads no library
    done = shell(f"$op {command} a.toml; $op evaluate γ", tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("orderparams: ")
    assert ("\\u03b3" in done.stderr) == (encoding != "utf-8")


class Failing(io.StringIO):
    """A stream that cannot be written to."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def write(self, text):
        raise OSError(self.number, os.strerror(self.number))


def status_of(out, *arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["orderparams", *map(str, arguments)])
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        with pytest.raises(SystemExit) as stop:
            main()
        assert sys.stdout is out
    return stop.value.code


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC, errno.EIO])
def test_a_status_of_the_work_is_never_replaced(tmp_path, monkeypatch, number):
    """A run that failed has failed, whatever became of its summary."""
    monkeypatch.chdir(tmp_path)
    limited = ("solve", *QUICK, "-s", "integrator.max_steps=3", "-o", "run.h5")
    assert status_of(Failing(number), *limited, monkeypatch=monkeypatch) == 3
    assert op.open("run.h5").status == "failed"


def test_a_stream_that_fails_is_remembered():
    stream = Steady(Failing(errno.ENOSPC))
    assert stream.write("text") == 4
    stream.flush()
    assert stream.error.errno == errno.ENOSPC
    closed = io.StringIO()
    closed.close()
    stream = Steady(closed)
    assert not stream.isatty()
    stream.write("text")
    assert stream.error.errno == errno.EBADF
    assert not Steady(None).isatty()
