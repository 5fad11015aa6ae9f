"""Numbers are shown to the digits that their errors leave right."""

from __future__ import annotations

import math

import pytest

from orderparams.results.evaluation import decimals


@pytest.mark.parametrize(
    ("error", "found"),
    [(0.0, 10), (2e-11, 10), (6e-11, 9), (9e-9, 7), (5e-9, 8), (2.7e-5, 4), (0.3, 0), (7.0, 0)],
)
def test_an_error_is_at_most_half_a_unit_of_the_last_decimal(error: float, found: int) -> None:
    assert decimals(error) == found
    assert error >= 0.5 or error <= 0.5 * 10.0**-found


def test_an_error_that_is_not_known_hides_nothing_and_an_infinite_one_all() -> None:
    assert (decimals(math.nan), decimals(math.inf)) == (10, 0)


def test_evaluate_shows_no_more(run) -> None:
    settings = ["-s", "expectation.engine=sampling", "-s", "expectation.samples=1024"]
    _, out, _ = run("evaluate", "single-head", *settings)
    line = next(line for line in out.splitlines() if line.startswith("  risk"))
    assert len(line.split(".")[1]) <= 3
