"""What tests share. Commands that they start take the installed program, not the sources here."""

import os
import signal
import sys

import pytest

os.environ["PYTHONSAFEPATH"] = "1"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def result_paths(tmp_path_factory):
    """One small file of every kind by its name, to be read only: tests/result_files.py."""
    import result_files

    return result_files.write(tmp_path_factory.mktemp("results"))


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command line in an empty folder; returns exit status, standard output and error."""
    from orderparams.cli.main import main

    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["orderparams", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err

    return command
