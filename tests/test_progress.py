"""What is said during a run: one line that is rewritten on a terminal, few lines in a log."""

import io
import math

import pytest

from orderparams import progress
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
