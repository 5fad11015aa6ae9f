"""What tests share. Commands that they start take the installed program, not the sources here."""

import os
import re
import signal
import subprocess
import sys

import pytest

from orderparams.processors import spare_threads_of_blas

os.environ["PYTHONSAFEPATH"] = "1"
spare_threads_of_blas()  # as commands do

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)


SHARED_CACHE = os.environ.get("NUMBA_CACHE_DIR")
COMPILING = re.compile(r"^Compiling kernels:.*\n", re.MULTILINE)


def pytest_xdist_auto_num_workers(config):
    """As many processes as there are processors, four at most; for a few files none but this."""
    return 0 if of_few_files(config) else min(len(os.sched_getaffinity(0)), 4)


def of_few_files(config):
    """Whether files are named, not the whole suite."""
    return config.args != config.getini("testpaths")


def pytest_xdist_setupnodes(config):
    """Compile all kernels once, before each of several processes compiles those that it needs."""
    if not of_few_files(config):
        subprocess.run([sys.executable, "-m", "orderparams", "doctor", "--compile"], check=True)


@pytest.fixture(scope="session")
def results_and_paths(tmp_path_factory):
    """Made once for all processes of the suite."""
    import result_files

    folder = tmp_path_factory.getbasetemp()
    return result_files.shared(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.fixture(scope="session")
def results(results_and_paths):
    """A small result of every class by its name: tests/result_files.py."""
    return results_and_paths[0]


@pytest.fixture(scope="session")
def result_paths(results_and_paths):
    """One small file of every kind by its name, to be read only: tests/result_files.py."""
    return results_and_paths[1]


@pytest.fixture(scope="session")
def standing():
    """Crews whose child processes serve one scan after the other: tests/standing.py."""
    from standing import StandingCrew

    yield StandingCrew
    StandingCrew.leave()


@pytest.fixture(autouse=True)
def children_of_scans(standing, monkeypatch):
    """Scans that run in this process share child processes; commands that a test starts do not."""
    monkeypatch.setattr("orderparams.scans.pools.Crew", standing)


@pytest.fixture(scope="session")
def loaded_command(tmp_path_factory):
    """The command ``orderparams`` as copies of a process that has the program loaded: warm.py."""
    from warm import warm

    folder = tmp_path_factory.mktemp("warm")
    with warm(folder):
        yield folder / "orderparams"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command line in an empty folder; returns exit status, standard output and error.

    What is compiled depends on the tests before: the note about it is left out, unless the test has
    a cache of kernels of its own.
    """
    from orderparams.cli.main import main

    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["orderparams", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        if os.environ.get("NUMBA_CACHE_DIR") == SHARED_CACHE:
            err = COMPILING.sub("", err)
        return stop.value.code or 0, out, err

    return command
