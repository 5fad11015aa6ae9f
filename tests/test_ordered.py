"""Results in order, made by one worker or by many."""

import threading

import pytest

from orderparams.ordered import ordered


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order(workers):
    assert list(ordered(lambda x: x * x, range(7), workers)) == [x * x for x in range(7)]
    assert list(ordered(lambda x: x, [], workers)) == []


def test_workers_work_at_the_same_time():
    """Each waits for the other: one alone would never end."""
    meeting = threading.Barrier(2, timeout=20)
    assert len(list(ordered(lambda _: meeting.wait(), range(4), 2))) == 4


def test_no_more_is_begun_than_there_are_workers():
    """Items are drawn as results are asked for, and none after the last that was."""
    drawn = []
    results = ordered(lambda x: x, (drawn.append(i) or i for i in range(100)), 3)
    assert [next(results), next(results)] == [0, 1]
    results.close()
    assert drawn == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_is_that_of_its_item(workers):
    results = ordered(lambda x: 1 // x, [1, 0, 1], workers)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
