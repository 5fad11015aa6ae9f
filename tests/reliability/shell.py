"""Commands run in this process: what they answer, and that a refusal touches no file."""

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path

from orderparams.cli.main import main


@dataclass(frozen=True)
class Answer:
    """Exit status, standard output and standard error of a command."""

    status: int
    out: str
    err: str


def command(*arguments: object) -> Answer:
    """Run a command line; whatever is not an exit, such as a traceback, is raised."""
    before = sys.argv
    sys.argv = ["orderparams", *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as stop:
        return Answer(int(stop.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.argv = before
    raise AssertionError("a command ends by an exit status")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def check_refusal(answer: Answer, status: int) -> None:
    """One message on standard error that begins with the program's name, and nothing else."""
    assert answer.status == status, answer
    assert answer.out == ""
    assert answer.err.startswith("orderparams: ")
    assert answer.err.count("orderparams: ") == 1
    assert "Traceback" not in answer.err
    assert len(answer.err) < 1000, answer.err
