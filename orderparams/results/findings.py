"""What a model that analyzes its runs by itself found in one, stored beside the run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.models import registry
from orderparams.models.findings import Column, Finding
from orderparams.models.vectors.geometry import geometry_of
from orderparams.results.analyzed import trees
from orderparams.results.analyzed.document import stages_table
from orderparams.results.analyzed.reading import stages_in
from orderparams.results.analyzed.stages import Stages
from orderparams.results.finite import finite
from orderparams.results.result import span
from orderparams.results.trajectory import AboutRun, read_run
from orderparams.storage.schema import Variable
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    from orderparams.storage.nodes import Node

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Findings(AboutRun):
    """A run and the chapters about it. ``replica``, counted from 1, is that of the simulation which
    the run is, else None. ``stages`` where something turns to hidden directions.

    Examples
    --------
    >>> found = op.analyze("in-context-pairs", settings={"training.duration": 10})
    >>> found.chapter("growth")["closed"].round(4)  # zero-sum modes, and that of the sum
    array([0.8721, 0.769 ])
    """

    chapters: tuple[Finding, ...]
    replica: int | None = None
    stages: Stages | None = None

    def chapter(self, name: str) -> Finding:
        """A chapter by its name; KeyError, with those there are, if it is not known."""
        known = {one.name: one for one in self.chapters}
        if name not in known:
            raise KeyError(f"{name!r} is not among {', '.join(known)}")
        return known[name]

    def groups(self) -> dict[str, Tree]:
        """The run, and a group a chapter."""
        names = ", ".join(one.name for one in self.chapters)
        values: dict[str, Any] = {"replica": self.replica or 0}
        own = {one.name: written(one) for one in self.chapters}
        if self.stages is not None:
            values |= trees.about_stages(self.stages)
            own |= trees.all_of_stages(self.problem, self.stages)
        about = trees.tree(self.problem, "analysis", values, chapters=names)
        return self.trajectory.groups() | {"analysis": about} | own

    def facts(self) -> dict[str, str]:
        """How the run ended, and what the chapters begin with."""
        run = self.trajectory
        told = {one.title: one.sentences[0] for one in self.chapters if one.sentences}
        if self.stages is not None:
            told = {"stages": self.stages.counts, **told}
        return {"run": f"{run.status} at t = {run.time[-1]:g}, risk {span(run.risk)}", **told}

    def document(self) -> dict[str, Any]:
        """What ``orderparams analyze --json`` prints."""
        run, stages = self.trajectory, {}
        if self.stages is not None:
            word = geometry_of(self.problem).word
            stages["stages"] = stages_table(self.stages, word)
        return {
            "status": run.status,
            "risk": float(run.risk[-1]),
            "references": {name: finite(value) for name, value in run.references.items()},
            **stages,
            "chapters": {one.name: table(one) for one in self.chapters},
        }


def table(found: Finding) -> dict[str, Any]:
    """A chapter: its sentences, and its rows by the names of columns."""
    columns = {name: plain(column.values) for name, column in found.columns.items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return {"title": found.title, "sentences": list(found.sentences), "rows": rows}


def plain(values: NDArray[Any]) -> list[Any]:
    """Numbers as JSON knows them."""
    return [finite(value) if isinstance(value, float) else value for value in values.tolist()]


def written(found: Finding) -> Tree:
    """The group of a chapter; the order of its columns is an attribute."""
    return Tree(
        variables={
            name: (Variable((found.axis,), column.words), column.values)
            for name, column in found.columns.items()
        },
        axis_names={found.axis: f"{found.rows}, counted from 1"},
        attributes={
            "title": found.title,
            "sentences": json.dumps(found.sentences),
            "columns": json.dumps({name: column.head for name, column in found.columns.items()}),
            "rows": json.dumps([found.axis, found.rows]),
        },
    )


def read_findings(file: Node, problem: Problem) -> Findings:
    """The findings in a file."""
    names = str(file["analysis"].attribute("chapters")).split(", ")
    return Findings(
        read_run(file, problem, str(file.attribute("status"))),
        tuple(chapter_in(file[name], name) for name in names),
        int(file["analysis"].array("replica")) or None,
        stages_in(file, problem) if registry.staged(problem) and "stages" in file else None,
    )


def chapter_in(node: Node, name: str) -> Finding:
    """What :func:`written` made."""
    axis, rows = json.loads(node.attribute("rows"))
    heads = json.loads(node.attribute("columns"))
    return Finding(
        name=name,
        title=str(node.attribute("title")),
        axis=axis,
        rows=rows,
        sentences=tuple(json.loads(node.attribute("sentences"))),
        columns={
            column: Column(head, str(node.about(column, "long_name")), node.array(column))
            for column, head in heads.items()
        },
    )
