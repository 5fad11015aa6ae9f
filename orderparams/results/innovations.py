"""Innovations: what SGD does between measured times beyond its theory, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.config.words import counted
from orderparams.results.causes import Score
from orderparams.results.result import Result, span
from orderparams.results.schema import INNOVATIONS
from orderparams.results.simulation import SimulationRun, read_simulation
from orderparams.results.validation import at_value
from orderparams.storage.schema import AXES
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    from orderparams.storage.nodes import Node

Array = NDArray[np.float64]

NUMBERS = (
    *("pvalue_chi2", "pvalue_mean", "false_alarm", "limit_of_dof", "growth", "linear_dimension"),
    *("engine_share", "sequence_share", "resolution"),
)
"""Attributes of the group that are numbers of the same names here."""


SCORES = Score._fields[1:]
ARRAYS = tuple(name for name in INNOVATIONS if not name.startswith("score_"))


@dataclass(frozen=True, eq=False, repr=False)
class Innovations(Result):
    """Of R replicas over T intervals, of n order parameters (docs/fluctuations.md).

    dimension D; parameter (n,), what each is called, such as m_1,2; time (T+1,), the ends of the
    intervals; measured (R, T+1, n), the order parameters there; innovation ε (R, T, n), independent
    standard normal numbers if the theory is right; motion (R, T, n), how far the flow moves over an
    interval, whitened as ε; predicted and standard_deviation (R, T, n), what the theory says of the
    end of an interval; mean_statistic (K, n), that of slow cosines. ``chi2`` is the sum of squares
    of ε, of which ``pvalue_chi2`` is the p-value, and ``pvalue_mean`` that of the means;
    ``least_pvalue`` that of both. ``dof`` squares are summed, and up to ``limit_of_dof`` the sum
    can be trusted in dimension D. ``growth`` is the largest growth rate times its interval;
    ``linear_dimension`` the D above which linear theory holds over all intervals; ``engine_share``
    the mean square that errors of expectations add to ``mean_statistic``; ``sequence_share`` the
    largest part that one sequence has in a variance, of those that were looked at; ``resolution``
    the least relative error of the motion that would have been seen. ``scores`` are tests along
    what a theory can be wrong about (:class:`Score`), ``explanation`` says what is most likely
    wrong where theory and data disagree. ``doubt`` says why the evidence cannot decide and what
    would help; empty if it can. ``simulation`` is that which was judged, if it was simulated for
    that, and ``origin`` where data of somebody else's came from.

    Examples
    --------
    >>> small = {"simulation.dimension": 500, "simulation.replicas": 1, "training.duration": 4}
    >>> found = op.validate("finite-learning-rate", settings=small, test="innovations")
    >>> found.verdict, found.innovation.shape
    ('agree', (1, 3, 5))
    """

    main: ClassVar[str] = "innovations"

    problem: Problem
    dimension: int
    parameter: NDArray[np.str_]
    time: Array
    measured: Array
    innovation: Array
    motion: Array
    predicted: Array
    standard_deviation: Array
    mean_statistic: Array
    pvalue_chi2: float
    pvalue_mean: float
    false_alarm: float
    limit_of_dof: float
    growth: float
    linear_dimension: float
    engine_share: float
    sequence_share: float
    resolution: float
    scores: tuple[Score, ...]
    rule: str = "sgd"
    doubt: str = ""
    origin: str = ""
    explanation: str = ""
    simulation: SimulationRun | None = None

    @property
    def dof(self) -> int:
        """Numbers whose squares are summed."""
        return self.innovation.size

    @property
    def chi2(self) -> float:
        """The sum of squares of all innovations."""
        return float(np.square(self.innovation).sum())

    @property
    def least_pvalue(self) -> float:
        """The lesser p-value, times the two that there are."""
        return min(1.0, 2 * min(self.pvalue_chi2, self.pvalue_mean))

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

    @property
    def reason(self) -> str:
        """What the verdict rests on, in a sentence or two."""
        if self.doubt:
            return self.doubt
        chance = f"p = {self.least_pvalue:.2g}"
        if self.rejects:
            scatter = np.sqrt(self.chi2 / self.dof)
            return (
                f"By chance alone the innovations would be improbable ({chance}): they scatter "
                f"{scatter:.3g} times as much as they should, and their means have p = "
                f"{self.pvalue_mean:.2g}. {self.explanation}".strip()
            )
        error = f"an error of {100 * self.resolution:.2g} % of the theory's motion"
        return f"The innovations are not beyond chance ({chance}); {error} would have been seen."

    def tree(self) -> Tree:
        """The group /innovations."""
        arrays = {name: getattr(self, name) for name in ARRAYS}
        arrays |= {
            f"score_{name}": np.array([getattr(one, name) for one in self.scores])
            for name in SCORES
        }
        return Tree(
            variables={name: (about, arrays[name]) for name, about in INNOVATIONS.items()},
            coordinates={
                "time": self.time,
                "parameter": self.parameter,
                "wave": np.arange(len(self.mean_statistic)),
                "cause": np.array([one.name for one in self.scores]),
            },
            axis_names=AXES,
            attributes={
                "verdict": self.verdict,
                "doubt": self.doubt,
                "explanation": self.explanation,
                "rule": self.rule,
                "origin": self.origin,
                "dimension": self.dimension,
                "dof": self.dof,
                **{name: getattr(self, name) for name in NUMBERS},
            },
        )

    def groups(self) -> dict[str, Tree]:
        """/innovations, and /simulation if there is one."""
        found = {"innovations": self.tree()}
        return (
            found if self.simulation is None else found | {"simulation": self.simulation.course()}
        )

    def facts(self) -> dict[str, str]:
        """What was judged, and the verdict."""
        replicas, intervals, _ = self.innovation.shape
        data = {"data": self.origin} if self.origin else {}
        return data | {
            "innovations": f"{counted(replicas, 'replica')} at D = {self.dimension}, "
            f"{counted(intervals, 'interval')}, t = {span(self.time)}",
            "spread": f"chi2 = {self.chi2:.4g} of {self.dof}, p = {self.pvalue_chi2:.2g}",
            "means": f"p = {self.pvalue_mean:.2g}",
            "verdict": self.verdict,
            "reason": " ".join(self.reason.splitlines()),
        }


def read_innovations(file: Node, problem: Problem) -> Innovations:
    """The innovations in a file."""
    node = file["innovations"]
    dimension = int(node.attribute("dimension"))
    run = None
    if "simulation" in file:
        run = read_simulation(file["simulation"], at_value(problem, dimension), "finished")
    arrays: dict[str, Any] = {name: node.array(name) for name in ARRAYS}
    rows = zip(*(node.array(f"score_{name}").tolist() for name in SCORES), strict=True)
    names = node.array("cause").tolist()
    numbers: dict[str, Any] = {name: float(node.attribute(name)) for name in NUMBERS}
    return Innovations(
        problem,
        dimension,
        node.array("parameter"),
        node.array("time"),
        **arrays,
        **numbers,
        scores=tuple(Score(name, *row) for name, row in zip(names, rows, strict=True)),
        rule=str(node.attribute("rule")),
        doubt=str(node.attribute("doubt")),
        origin=str(node.attributes.get("origin", "")),
        explanation=str(node.attribute("explanation")),
        simulation=run,
    )
