"""What happened in a run, why, and what could be better: stored beside the run."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.models.vectors.geometry import Direction, Geometry, geometry_of, squares
from orderparams.results.analyzed import document, reading, trees
from orderparams.results.analyzed.escapes import Escape
from orderparams.results.analyzed.optimum import Optimum, Pruning, Synergy
from orderparams.results.analyzed.rests import NEAR, Rest
from orderparams.results.analyzed.stages import LEAST_MOVE, NOTHING, Stages
from orderparams.results.result import span
from orderparams.results.trajectory import AboutRun, read_run
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    from orderparams.storage.nodes import Node

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Analysis(AboutRun):
    """The parts of the answer.

    unspecialized: the point with all vectors equal; rests: the stationary points behind the other
    plateaus before the end; final: the one reached from the end of the run; directions: what modes
    are named by; optimum: the lowest risk, without weight decay; penalised: with weight decay, the
    lowest E + λ|K|²/2, else None; synergy: what vectors with weights are worth; escapes: the laws
    of when SGD leaves symmetric states, None where its fluctuations are not known. ``replica``,
    counted from 1, is that of the simulation which the run is, else None. Order parameters are read
    as those of the run.

    Examples
    --------
    >>> run = op.solve("single-head", settings={"training.duration": 30, "output.points": 30})
    >>> found = op.analyze(run)
    >>> found.trajectory is run, found.observed_order
    (True, ())
    >>> sorted(found.document())[:3]
    ['bayes_risk', 'directions', 'escapes']
    """

    stages: Stages
    directions: tuple[Direction, ...]
    unspecialized: Rest
    rests: tuple[Rest, ...]
    final: Rest
    optimum: Optimum
    penalised: Optimum | None
    pruning: Pruning
    replica: int | None = None
    synergy: Synergy | None = None
    escapes: tuple[Escape, ...] | None = None

    @functools.cached_property
    def geometry(self) -> Geometry:
        """What the vectors can turn to."""
        return geometry_of(self.problem)

    @property
    def target(self) -> Optimum:
        """What training aims at: the optimum, of the objective if weights decay."""
        return self.penalised or self.optimum

    @property
    def objective(self) -> float:
        """E + λ|K|²/2 + R at the end of the run."""
        run = self.trajectory
        square = float(squares(run.parameters)[-1].sum())
        added = float(run.observables["penalty"][-1]) if "penalty" in run.observables else 0.0
        return float(run.risk[-1]) + 0.5 * run.problem.training.weight_decay * square + added

    @property
    def near_the_end(self) -> bool:
        """Whether the run ends near the stationary point that was reached from its end."""
        return self.final.end < NEAR

    def plateau_of(self, rest: Rest) -> int:
        """The number, from 1, of the plateau nearest in time to where the run is nearest to it."""
        apart = [max(p.start - rest.time, rest.time - p.end) for p in self.stages.plateaus]
        return apart.index(min(apart)) + 1

    @property
    def predicted_order(self) -> tuple[str, ...]:
        """Names of the directions along which equal vectors part, the fastest first."""
        along = [
            self.directions[int(np.argmax(mode.directions))].name
            for mode in self.unspecialized.unstable
            if mode.common < 0.5 and mode.residual < 0.5
        ]
        return tuple(dict.fromkeys(along))

    def space_of(self, target: Direction) -> str:
        """Name of the direction of the modes that a target lies in; its own if it lies in none."""
        for space in self.directions:
            if np.allclose(space.basis @ (space.basis.T @ target.basis), target.basis, atol=1e-9):
                return space.name
        return target.name

    @property
    def observed_order(self) -> tuple[str, ...]:
        """Names of the directions that vectors turned to, in order of half-times."""
        turns = [
            self.space_of(event.direction)
            for event in self.stages.specializations
            if event.cosine_after - event.cosine_before > LEAST_MOVE
        ]
        return tuple(dict.fromkeys(turns))

    def groups(self) -> dict[str, Tree]:
        """The run, what happened in it, and the points beside it."""
        problem = self.problem
        rests = {"unspecialized": self.unspecialized, "final": self.final}
        rests |= {f"{number}": rest for number, rest in enumerate(self.rests, 1)}
        found = self.trajectory.groups() | {
            "analysis": self.summary(),
            **trees.all_of_stages(problem, self.stages),
            "directions": trees.of_directions(problem, "directions", self.directions),
            **{f"rest_{name}": trees.of_rest(problem, rest) for name, rest in rests.items()},
            "optimum": trees.of_optimum(problem, self.optimum),
            "pruning": trees.of_pruning(problem, self.pruning),
        }
        if self.penalised is not None:
            found["optimum_penalised"] = trees.of_optimum(problem, self.penalised)
        if self.synergy is not None:
            found["synergy"] = trees.of_synergy(problem, self.synergy)
        if self.escapes:
            found["escapes"] = trees.of_escapes(problem, self.escapes)
        return found

    def summary(self) -> Tree:
        """The group /analysis."""
        values = {
            **trees.about_stages(self.stages),
            "objective": self.objective,
            "replica": self.replica or 0,
        }
        orders = {"predicted": self.predicted_order, "observed": self.observed_order}
        attributes = {f"{name}_order": ", ".join(order) for name, order in orders.items()}
        return trees.tree(self.problem, "analysis", values, **attributes)

    def facts(self) -> dict[str, str]:
        """How the run ended, what happened in it, and what would be best."""
        run, best = self.trajectory, self.optimum
        turns = f", turns to {', then '.join(self.observed_order)}" if self.observed_order else ""
        lowest = 0.0 if abs(best.risk) < NOTHING else best.risk
        return {
            "run": f"{run.status} at t = {run.time[-1]:g}, risk {span(run.risk)}",
            "stages": f"{self.stages.counts}{turns}",
            "optimum": f"risk {lowest:.6g}, reached in {best.found} of {len(best.values)} searches",
        }

    def document(self) -> dict[str, Any]:
        """What ``orderparams analyze --json`` prints."""
        run, best, penalised = self.trajectory, self.optimum, self.penalised
        word = self.geometry.word
        return {
            "status": run.status,
            "risk": float(run.risk[-1]),
            "objective": self.objective,
            best.floor.name: best.floor.value,
            "directions": document.directions_table(self.directions),
            "predicted_order": list(self.predicted_order),
            "observed_order": list(self.observed_order),
            "stages": document.stages_table(self.stages, word),
            "unspecialized": document.rest_table(self.unspecialized),
            "plateaus": [document.rest_table(rest) for rest in self.rests],
            "final": document.rest_table(self.final),
            "optimum": document.optimum_table(best),
            "penalised_optimum": penalised and document.optimum_table(penalised),
            "pruning": document.pruning_table(self.pruning, word),
            "synergy": self.synergy and document.synergy_table(self.synergy),
            "escapes": self.escapes and [document.escape_table(one) for one in self.escapes],
        }


def read_analysis(file: Node, problem: Problem) -> Analysis:
    """The analysis in a file."""
    directions = reading.directions_in(file["directions"])
    width = len(directions[0].basis)

    def rest(name: str) -> Rest:
        return reading.rest_in(file[f"rest_{name}"], problem, width)

    def optimum(name: str) -> Optimum:
        return reading.optimum_in(file[name], problem, width)

    escapes = reading.escapes_in(file["escapes"]) if "escapes" in file else None
    if escapes is None and "fluctuations" in file:
        escapes = ()
    numbers = sorted(int(name[5:]) for name in file if name[5:].isdigit() and name[:5] == "rest_")
    return Analysis(
        trajectory=read_run(file, problem, str(file.attribute("status"))),
        stages=reading.stages_in(file, problem),
        directions=directions,
        unspecialized=rest("unspecialized"),
        rests=tuple(rest(f"{number}") for number in numbers),
        final=rest("final"),
        optimum=optimum("optimum"),
        penalised=optimum("optimum_penalised") if "optimum_penalised" in file else None,
        pruning=reading.pruning_in(file["pruning"], problem),
        replica=reading.whole(file["analysis"].array("replica"), problem.simulation.replicas)[0]
        or None,
        synergy=reading.synergy_in(file["synergy"], problem) if "synergy" in file else None,
        escapes=escapes,
    )
