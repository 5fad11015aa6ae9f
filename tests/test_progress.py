"""What is said during a run: one line that is rewritten on a terminal, few lines in a log."""

import io
import math
import sys
import types

import pytest

import orderparams as op
from orderparams import compiled, progress
from orderparams.errors import ConfigurationError
from orderparams.progress import ProgressLine, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_terminal_shows_one_line_within_its_width(clock):
    screen = Terminal()
    line = ProgressLine(screen)
    for done in (0.25, 0.5):
        clock[0] += 10
        line(done, "t = 3  risk 0.4" + "x" * 100)
    shown = screen.getvalue().split("\r")
    assert "[##########..........]  50%  t = 3  risk 0.4" in shown[-2]
    assert shown[-1] == ""  # where a terminal writes ^C
    assert all(len(text) < 80 for text in shown)
    assert "\n" not in screen.getvalue()
    line.close()
    assert screen.getvalue().endswith(" \r")


def test_a_log_gets_a_line_a_minute(clock):
    log = io.StringIO()
    line = ProgressLine(log)
    for second in range(1, 301):
        clock[0] += 1
        line(second / 600, "risk 0.4")
    line.close()
    lines = log.getvalue().splitlines()
    assert lines[0] == " 10%  risk 0.4  9 min 00 s left"
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0.0, "search  1 min 01 s so far"), (0.25, "25%  search  1 min 01 s so far  3 min 03 s left")],
)
def test_a_log_is_told_how_long_a_silent_work_goes_on(fraction, expected, clock):
    log = io.StringIO()
    line = ProgressLine(log)
    line(fraction, "search")
    line.closed.set()  # the thread that repeats, which waits in seconds of the real clock
    clock[0] += 61
    waits = iter([False, True])
    line.closed = types.SimpleNamespace(wait=lambda _: next(waits))
    line.repeat()
    assert log.getvalue() == f"{expected}\n"


def test_durations_in_words():
    assert [duration(s) for s in (0.4, 59.6, 200, 7500)] == [
        "0 s",
        "1 min 00 s",
        "3 min 20 s",
        "2 h 05 min",
    ]


def test_a_risk_is_shown_once_it_is_known(clock):
    log = io.StringIO()
    tell = progress.shown_on(ProgressLine(log), 40.0)
    for risk in (math.nan, 0.4):
        clock[0] += 100
        tell(0.25, risk)
    assert [line.split("  ")[:2] for line in log.getvalue().splitlines()] == [
        [" 25%", "t = 10"],
        [" 25%", "t = 10"],
    ]
    assert log.getvalue().count("risk") == 1


class Display:
    """What a cell displays, one after the other."""

    def __init__(self):
        self.shown = []

    def update(self, data, raw):
        assert raw
        self.shown.append(data)


@pytest.fixture
def cell(monkeypatch):
    """A notebook's cell, as IPython shows itself where one runs."""
    display = Display()
    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    found = types.SimpleNamespace(display=lambda *_, **__: display)
    monkeypatch.setitem(sys.modules, "IPython.display", found)
    return display


def test_a_notebook_shows_a_bar_that_is_gone_in_the_end(cell, clock, capsys):
    def work(told):
        for done in (0.1, 0.5):
            clock[0] += 1
            told(done, "a < b")

    with progress.heard(True, lambda line: line) as told:
        work(told)
    assert [data["text/plain"].split("  ")[:2] for data in cell.shown] == [
        ["10%", "a < b"],
        ["50%", "a < b"],
        [""],
    ]
    assert (
        "<progress value='0.500' max='1'></progress> <code>a &lt; b" in cell.shown[1]["text/html"]
    )
    assert cell.shown[-1]["text/html"] == ""
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_a_work_that_is_given_up_leaves_no_bar(cell, clock, stop):
    with pytest.raises(stop), progress.heard(True, lambda line: line) as told:
        clock[0] += 1
        told(0.5, "half")
        raise stop
    assert cell.shown[-1]["text/plain"] == ""
    assert not compiled.on_compiling


def test_short_work_shows_nothing_in_a_notebook(cell, clock):
    with progress.heard(True, lambda line: line) as told:
        told(0.5, "half")
    assert not cell.shown


VERBS = {
    "solve": op.solve,
    "evaluate": op.evaluate,
    "simulate": op.simulate,
    "validate": lambda source, **options: op.validate(source, dimensions=[20, 40], **options),
    "analyze": op.analyze,
    "scan": lambda source, **options: op.scan(source, {"initial.seed": [0]}, workers=1, **options),
    "save": lambda source, **options: op.save(source, "run.h5", **options),
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_how_far_it_is(verb, cell, monkeypatch, tmp_path):
    """True shows it; nothing is left of it afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress, "MOMENT", 0.0)
    monkeypatch.setattr(progress, "SCREEN_INTERVAL", 0.0)
    small = {"training.duration": 1, "output.points": 5, "simulation.replicas": 2}
    VERBS[verb]("single-head", settings=small | {"simulation.dimension": 40}, progress=True)
    assert any(data["text/plain"] for data in cell.shown)
    assert cell.shown[-1]["text/plain"] == ""


def test_what_is_no_listener_is_refused():
    with pytest.raises(ConfigurationError, match="progress: expected True, False or a function"):
        op.evaluate("single-head", progress="yes")
