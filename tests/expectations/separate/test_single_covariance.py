"""How the rule of V is refined, with a rule whose values are given."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from orderparams.expectations.laws import Lengths
from orderparams.expectations.separate import single_covariance as module

TOLERANCE = 1e-4


def refined(
    monkeypatch: pytest.MonkeyPatch, values: Iterator[float], head_weight: float = 1.0
) -> tuple[float, float, list[tuple[float, float]]]:
    """V and its error where the rules give these values; digits and step of each rule."""
    rules: list[tuple[float, float]] = []

    def integrate(*arguments: float) -> float:
        rules.append((arguments[4], arguments[6]))
        return next(values)

    monkeypatch.setattr(module, "locate", lambda *_: None)
    monkeypatch.setattr(module, "integrate", integrate)
    lengths = Lengths(np.array([3]), np.ones(1))
    law: Any = SimpleNamespace(own=1.0)
    found = module.single_covariance(law, lengths, 0.0, head_weight, TOLERANCE)
    return *found, rules


@pytest.mark.parametrize(("change", "count"), [(0.44, 2), (0.46, 3), (-0.44, 2), (-0.46, 3)])
def test_refinement_ends_where_two_rules_agree(
    monkeypatch: pytest.MonkeyPatch, change: float, count: int
) -> None:
    """To nine twentieths of the tolerance, of either sign; each rule is finer than the last."""
    second = 0.5 + change * TOLERANCE
    value, error, rules = refined(monkeypatch, iter([0.5, second, second]))
    assert value == second
    expected = 2 * abs(change) + 0.1 if count == 2 else 0.5
    assert error == pytest.approx(expected * TOLERANCE)
    assert len(rules) == count
    for (digits, step), (more, finer) in itertools.pairwise(rules):
        assert (more, finer) == pytest.approx((1.1 * digits, 0.8 * step))


def test_what_never_agrees_has_the_error_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    rising = (0.01 * n for n in range(100))
    value, error, rules = refined(monkeypatch, rising)
    assert len(rules) == module.REFINEMENTS + 1
    assert value == pytest.approx(0.01 * module.REFINEMENTS)
    assert error == pytest.approx(0.02 + 0.1 * TOLERANCE)


def test_heavy_heads_are_integrated_as_if_they_were_light(monkeypatch: pytest.MonkeyPatch) -> None:
    """V grows as u⁴: its error is relative to that, and the rule finer by as much."""
    value, error, rules = refined(monkeypatch, iter([8.0, 8.0]), head_weight=2.0)
    assert (value, error) == pytest.approx((8.0, 0.5 * TOLERANCE))
    light = refined(monkeypatch, iter([0.5, 0.5]))[2]
    assert rules[0][0] == pytest.approx(light[0][0] + np.log(16))
    changed = refined(monkeypatch, iter([8.0, 9.0, 9.0, 9.0]), head_weight=2.0)
    assert len(changed[2]) == 3
