"""What is stored of a run, and its risks, which are taken beside it."""

import threading
import time

import numpy as np
import pytest

from orderparams.errors import SolverError
from orderparams.results.trajectory import Reached
from orderparams.run.record import OUTSTANDING, Record


class Course:
    """A flow whose only order parameter is y; its risk is y², and cannot be had from ``end`` on."""

    def __init__(self, *, long_work, end=np.inf):
        self.long_work, self.end = long_work, end
        self.threads = set()
        self.taken = 0

    def state(self, y):
        return {"y": y}

    def recorded(self, state):
        return self.risk(state), {}

    def at_end(self, state):
        return {}

    def risk(self, state):
        (y,) = state["y"]
        self.threads.add(threading.current_thread() is threading.main_thread())
        time.sleep(0.002 * (y % 3 == 0))
        self.taken += 1
        if y >= self.end:
            raise SolverError(f"no risk at {y}")
        return y**2


def stored(flow, count):
    """A record of states 0, 1, …, and the first number whose adding failed."""
    record = Record(flow, None, Reached(0.0, np.zeros(1)))
    with record:
        for n in range(count):
            try:
                record.add(float(n), np.array([float(n)]))
            except SolverError:
                return record, n
        try:
            record.settle()
        except SolverError:
            return record, count
    return record, None


@pytest.mark.parametrize("long_work", [True, False])
def test_risks_belong_to_their_times_whichever_thread_takes_them(long_work):
    flow = Course(long_work=long_work)
    record, failed = stored(flow, 20)
    found, _ = record.until(Reached(19.0, np.array([19.0])))
    assert failed is None
    assert found["time"].tolist() == list(range(20))
    assert found["risk"].tolist() == [n**2 for n in range(20)]
    assert found["parameters"]["y"].ravel().tolist() == list(range(20))
    assert flow.threads == {not long_work}


def test_a_run_goes_on_without_the_risk():
    """But never further than by so many, so that an interrupt does not wait for long."""
    flow = Course(long_work=True)
    gate = threading.Event()
    flow.risk = lambda state: gate.wait() and 1.0
    record = Record(flow, None, Reached(0.0, np.zeros(1)))
    with record:
        for n in range(OUTSTANDING):
            record.add(float(n), np.zeros(1))
        assert np.isnan(record.risk)
        assert record.last == OUTSTANDING - 1
        timer = threading.Timer(0.05, gate.set)
        timer.start()
        record.add(float(OUTSTANDING), np.zeros(1))  # waits for the first
        assert gate.is_set()
        timer.join()


@pytest.mark.parametrize(("end", "reached"), [(6, 22), (36, 40)])
def test_what_comes_after_a_risk_that_cannot_be_had_is_not_stored(end, reached):
    """The run learns of it at the same step every time, and stores where it stands."""
    for _ in range(3):
        record, failed = stored(Course(long_work=True, end=end), 40)
        assert failed == min(end + OUTSTANDING, 40) == reached
        found, _ = record.until(Reached(45.0, np.array([1.0])))
        assert found["time"].tolist() == [*range(end), 45.0]
        assert found["risk"].tolist() == [*(n**2 for n in range(end)), 1.0]
        found, _ = record.until(Reached(45.0, np.array([50.0])))
        assert np.isnan(found["risk"][-1])
