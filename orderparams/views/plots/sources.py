"""What is drawn in time, and how several of them are told apart."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.stages import stages_of
from orderparams.config import Problem
from orderparams.config.sections import to_table
from orderparams.config.titles import SILENT, same
from orderparams.config.words import symbols
from orderparams.errors import ConfigurationError, OrderparamsError
from orderparams.models import registry
from orderparams.models.interface import model_of
from orderparams.models.parameters import OrderParameter
from orderparams.models.vectors.geometry import geometry_of
from orderparams.results.analyzed.stages import Stages
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import Validation
from orderparams.views.plots.copies import Groups, Names, in_range, names_of
from orderparams.views.plots.naming import assigned, in_words

Array = NDArray[np.float64]
Course: TypeAlias = Trajectory | SimulationRun | Validation

MOST_KEYS, MOST_LETTERS = 3, 48
"""Keys and letters of a label: more are not read."""

FEW = 20
"""Replicas in which copies are the same."""


@dataclass(frozen=True, eq=False)
class Source:
    """Order parameters, risk and, of a simulation, loss in time: (T, …), or (R, T, …) of
    ``replicas``. ``references`` are risks to compare with, by what they are called; ``run`` is the
    run that stages are read off."""

    label: str
    problem: Problem
    time: Array
    state: Mapping[str, Array]
    risk: Array
    references: Mapping[str, float]
    replicas: int = 0
    loss: Array | None = None
    run: Trajectory | None = None

    @cached_property
    def stages(self) -> Stages | None:
        """What happened in the run; None of what has no stages."""
        if self.run is None or not registry.staged(self.run.problem):
            return None
        crossed = any(p.crossed for p in self.run.order_parameters)
        return stages_of(self.run) if crossed else None

    @property
    def reference(self) -> tuple[str, float] | None:
        """The first risk to compare with, where it is known."""
        found = list(self.references.items())[:1]
        return found[0] if found and np.isfinite(found[0][1]) else None

    @cached_property
    def lowest(self) -> tuple[str, float] | None:
        """What an excess risk is above: the reference, of a model that has none the floor."""
        return self.reference or floor_of(self.problem)

    def after_start(self) -> Source:
        """The same without times that a logarithmic axis cannot show, unless it knows no others."""
        kept = self.time > 0
        if not kept.any():
            return self
        where = (slice(None),) * bool(self.replicas) + (kept,)
        return dataclasses.replace(
            self,
            time=self.time[kept],
            state={name: values[where] for name, values in self.state.items()},
            risk=self.risk[where],
            loss=None if self.loss is None else self.loss[where],
        )

    def names(self, parameter: OrderParameter) -> Names:
        """How the lines of an order parameter are drawn and called."""
        if not parameter.axes:
            return Names((0,), (parameter.words,))
        axis = parameter.axes[0]
        moving = registry.configuration(self.problem.model).order_parameters(self.problem)
        alike = [p for p in moving if p.axes and p.axes[0].name == axis.name] or [parameter]
        some = slice(FEW if self.replicas else None)  # replicas, which are enough to tell
        parts = [
            in_range(np.nan_to_num(p.lines(self.state[p.name][some])), together=p.crossed)
            for p in alike
        ]
        courses = np.moveaxis(np.concatenate(parts, axis=-1), -2, 0)
        learns = any(p.crossed for p in alike)
        return names_of(axis.word, courses, lambda: self.ends(len(courses), learns))

    def ends(self, count: int, learns: bool) -> tuple[Groups, Sequence[int]]:
        """Groups of equal lines at the end, and those that are next to nothing, as stages tell."""
        if not learns or self.stages is None:
            return [(i,) for i in range(count)], ()
        return self.stages.groups, self.stages.dormant


def mean(values: Array) -> Array:
    """Mean over replicas of what is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing is known: NaN
        return np.asarray(np.nanmean(values, axis=0))


def of_run(run: Trajectory, label: str = "") -> Source:
    """A solved flow."""
    called = registry.configuration(run.problem.model).REFERENCES
    references = {called[name]: value for name, value in run.references.items()}
    seen = {one.name: run.observables[one.name] for one in run.seen if not one.last}
    state = {**run.parameters, **seen}
    return Source(label, run.problem, run.time, state, run.risk, references, run=run)


def of_replicas(
    run: SimulationRun, label: str = "", known: Mapping[str, float] | None = None
) -> Source:
    """Replicas, with the risks to compare with, which are computed unless they are ``known``."""
    references = computed(run.problem) if known is None else known
    return Source(
        label,
        run.problem,
        run.time,
        {**run.parameters, **{one.name: run.records.parameters[one.name] for one in run.besides}},
        run.risk,
        references,
        replicas=len(run.risk),
        loss=run.loss,
    )


def computed(problem: Problem) -> dict[str, float]:
    """Risks to compare with by what they are called; none where they cannot be had."""
    called = registry.configuration(problem.model).REFERENCES
    try:
        known = model_of(problem).references(problem) if called else {}
    except OrderparamsError:
        return {}
    return {called[name]: reference.value for name, reference in known.items()}


def floor_of(problem: Problem) -> tuple[str, float] | None:
    """The risk that nothing is below, of a model that has no risk to compare with."""
    if registry.configuration(problem.model).REFERENCES or registry.own_analysis(problem):
        return None
    try:
        floor = geometry_of(problem).floor
    except OrderparamsError:
        return None
    return (floor.words, floor.value) if np.isfinite(floor.value) else None


def of_theory(flows: Sequence[Trajectory], label: str = "") -> Source:
    """The mean of flows, of which there may be one a replica: many lines would hide replicas."""
    first = of_run(flows[0])
    state = {name: np.mean([flow[name] for flow in flows], axis=0) for name in first.state}
    risk = np.mean([flow.risk for flow in flows], axis=0)
    return Source(label, first.problem, first.time, state, risk, first.references)


def sources_of(results: Sequence[Course], names: Sequence[str] = ()) -> list[Source]:
    """What is drawn of results, which have ``names`` where there are several.

    :class:`ConfigurationError` if they do not go together.
    """
    if len(results) == 1 and isinstance(results[0], Validation):
        (result,) = results
        theory = of_theory(result.nearest_theory)
        return [of_replicas(result.nearest, known=theory.references), theory]
    check_together(results, names)
    labels = labels_of(results, names) if len(results) > 1 else [""]
    return [
        of_run(result, label) if isinstance(result, Trajectory) else of_replicas(result, label)
        for result, label in zip(results, labels, strict=True)
        if not isinstance(result, Validation)
    ]


def check_together(results: Sequence[Course], names: Sequence[str]) -> None:
    """Runs and simulations of one model go together."""
    for result, name in zip(results, named(results, names), strict=True):
        if isinstance(result, Validation):
            raise ConfigurationError(
                f"{name} is a validation, which compares theory and simulation itself; draw it "
                "alone"
            )
        if result.problem.model != results[0].problem.model:
            raise ConfigurationError(
                f"{name} is of the model {result.problem.model}, and {named(results, names)[0]} of "
                f"{results[0].problem.model}; one figure compares results of one model"
            )


def named(results: Sequence[Course], names: Sequence[str]) -> list[str]:
    """The names of results, or their numbers."""
    return list(names) or [f"result {number}" for number in range(1, len(results) + 1)]


def paired(sources: Sequence[Source]) -> bool:
    """Whether these are replicas and the theory of the same problem."""
    if len(sources) != 2 or len({bool(source.replicas) for source in sources}) == 1:
        return False
    first, second = (to_table(source.problem) for source in sources)
    return same(first, second) or same(
        *({**table, "training": {}, "initial": {}} for table in (first, second))
    )


def flat(table: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """A configuration by dotted keys."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{path}{name}.")
        else:
            found[f"{path}{name}"] = value
    return found


def differing(problems: Sequence[Problem]) -> list[str]:
    """The keys in which configurations differ: those that say what is learned, and how, or else
    the others; without those that another one decides."""
    tables = [flat(to_table(problem)) for problem in problems]
    everything = dict.fromkeys(key for table in tables for key in table)
    found = [key for key in everything if any(t.get(key) != tables[0].get(key) for t in tables)]
    found = [key for key in found if key.partition(".")[0] not in ("title", "output")]
    configuration = registry.configuration(problems[0].model)
    if any(key in found for key in configuration.DECIDING):
        decided = {
            key
            for problem in problems
            for key in configuration.dependent_defaults(to_table(problem))
        }
        found = [key for key in found if key not in decided or key in configuration.DECIDING]
    speaking = [key for key in found if key.partition(".")[0] not in SILENT]
    return speaking or found


def labels_of(results: Sequence[Course], names: Sequence[str] = ()) -> list[str]:
    """Names of several results: what differs in their configurations, else those they have."""
    problems = [result.problem for result in results]
    keys, known, names = differing(problems), symbols(problems[0]), named(results, names)
    tables = [flat(to_table(problem)) for problem in problems]
    labels = [
        ", ".join(
            assigned(in_words(key, known), table[key]) for key in keys if table.get(key) is not None
        )
        for table in tables
    ]
    long = len(keys) > MOST_KEYS or max(map(len, labels)) > MOST_LETTERS
    if long or not all(labels) or not keys:
        labels = names if len(keys) or not mixed(results) else [""] * len(results)
    if mixed(results):
        labels = [joined(label, result) for label, result in zip(labels, results, strict=True)]
    return distinct(labels, names)


def distinct(labels: Sequence[str], names: Sequence[str]) -> list[str]:
    """The same labels; where some are equal with the names of results, and numbers where these are
    equal too."""
    found = list(labels)
    if len(set(found)) < len(found) and found != list(names):
        found = [f"{label} ({name})" for label, name in zip(found, names, strict=True)]
    if len(set(found)) < len(found):
        found = [f"{label}, no. {number}" for number, label in enumerate(found, 1)]
    return found


def mixed(results: Sequence[Course]) -> bool:
    """Whether there are runs as well as simulations."""
    return len({type(result) for result in results}) > 1


def joined(label: str, result: Course) -> str:
    """A label that says whether it is theory or simulation."""
    what = "theory" if isinstance(result, Trajectory) else "simulation"
    return f"{label}, {what}" if label else what
