"""How theory and simulation compare: deviations, what chance would do, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orderparams.models.parameters import OrderParameter
from orderparams.results.schema import COMPARISON
from orderparams.storage.schema import Variable

if TYPE_CHECKING:
    from orderparams.storage.nodes import Node

Array = NDArray[np.float64]

FALSE_ALARM = 0.01
"""Probability with which a right theory is rejected, unless another is asked for."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Deviation of the simulation from the theory, by order parameter; arrays are (T, …).

    deviation is the mean over replicas; standard_error its own; z_score their quotient (0 where
    both vanish), by chance Student's t with ``degrees`` degrees of freedom. pvalue (…) judges the
    whole course of one order parameter, NaN where nothing varies. ``least_pvalue`` judges all: the
    least of them and of what else was judged (the measured loss), times their number ``judged``.

    ``verdict`` is "inconclusive" where there is a ``doubt``, the words that say why the evidence
    cannot decide and what would help; else "disagree" where least_pvalue is below ``false_alarm``,
    which bounds the probability of that by chance; else "agree". ``resolution`` is the least error
    of the theory that would have been seen, as a part of its motion (NaN where unknown).
    """

    deviation: dict[str, Array]
    standard_error: dict[str, Array]
    z_score: dict[str, Array]
    pvalue: dict[str, Array]
    degrees: int
    least_pvalue: float
    false_alarm: float
    judged: int = 1
    resolution: float = np.nan
    doubt: str = ""

    @property
    def rejects(self) -> bool:
        """Whether chance alone would do this with a probability below ``false_alarm``."""
        return self.least_pvalue < self.false_alarm

    @property
    def verdict(self) -> str:
        """ "agree", "disagree" or "inconclusive"."""
        if self.doubt:
            return "inconclusive"
        return "disagree" if self.rejects else "agree"


@dataclass(frozen=True, eq=False)
class Scaling:
    """Fall of the spread of replicas towards the limit: spread ∝ D^exponent, −1/2 in theory, or ∝
    γ^exponent, 1/2 in theory.

    values (N,) of D or γ; spread (N,), the root mean square over all numbers of their standard
    deviation; the exponent of the best power law and its standard error, NaN where replicas are too
    few.
    """

    values: NDArray[Any]
    spread: Array
    exponent: float
    standard_error: float


@dataclass(frozen=True)
class Extreme:
    """One order parameter, such as m_1,2, at the time where its z-score is largest.

    ``parameter`` and ``index`` say where it stands: "overlap" and (0, 1).
    """

    name: str
    parameter: str
    index: tuple[int, ...]
    pvalue: float
    deviation: float
    standard_error: float
    z_score: float


AT_WORST = ("deviation", "standard_error", "z_score")


def extremes(comparison: Comparison, parameters: Sequence[OrderParameter]) -> list[Extreme]:
    """All order parameters that vary, each once, the least probable first."""
    rows = []
    for parameter in parameters:
        pvalues = comparison.pvalue[parameter.name]
        for index in parameter.entries(pvalues.shape):
            if np.isnan(pvalues[index]):
                continue
            course: tuple[slice | int, ...] = (slice(None), *index)
            z = comparison.z_score[parameter.name][course]
            worst: tuple[int, ...] = (int(np.nanargmax(np.abs(z))), *index)
            values = (getattr(comparison, key)[parameter.name][worst] for key in AT_WORST)
            pvalue, numbers = float(pvalues[index]), map(float, values)
            rows.append(Extreme(parameter.label(index), parameter.name, index, pvalue, *numbers))
    return sorted(rows, key=lambda row: (row.pvalue, row.name))


def variables(
    comparison: Comparison, parameters: Sequence[OrderParameter], order: str
) -> dict[str, tuple[Variable, Array]]:
    """What is stored of each order parameter; ``order`` is that of the bias."""
    found = {}
    for quantity, long_name in COMPARISON.items():
        for parameter in parameters:
            values = getattr(comparison, quantity)[parameter.name]
            axes = parameter.axis_names
            axes = axes if quantity == "pvalue" else ("time", *axes)
            words = f"{parameter.name}: {long_name.format(order=order)}"
            found[f"{parameter.name}_{quantity}"] = (Variable(axes, words), values)
    return found


def read_comparison(node: Node, parameters: Sequence[OrderParameter]) -> Comparison:
    """Deviations, z-scores and p-values of what was compared.

    Files that were written before there were inconclusive verdicts have no doubt.
    """
    judged = [p.name for p in parameters if f"{p.name}_deviation" in node]
    attributes = node.attributes
    return Comparison(
        **{key: {name: node.array(f"{name}_{key}") for name in judged} for key in COMPARISON},
        degrees=int(attributes["degrees"]),
        least_pvalue=float(attributes["least_pvalue"]),
        false_alarm=float(attributes["false_alarm"]),
        judged=int(attributes.get("judged", 1)),
        resolution=float(attributes.get("resolution", np.nan)),
        doubt=str(attributes.get("doubt", "")),
    )
