"""What was found, by the kind of result: verdicts, stages and tables."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.simulated import replica_trajectory
from orderparams.analysis.stages import Stages, stages_of
from orderparams.results.evidence import Evidence
from orderparams.results.scan import Scan
from orderparams.results.schema import point
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import Validation
from orderparams.views.reports.markup import items, paragraph, section, table, terms

Array = NDArray[np.float64]

MOST_ROWS = 200
"""Rows of a table that are shown; the file has the others."""

FEWEST_TIMES = 5
"""Stored times below which there are no stages to tell."""


def number(value: float, form: str = ".6f") -> str:
    """A number in a format, with minus signs instead of hyphens; empty where there is none."""
    return format(value, f"z{form}").replace("-", "−") if math.isfinite(value) else ""


def setting(value: object) -> str:
    """A varied value."""
    return number(value, ".6g") if isinstance(value, float) else str(value)


def rest(rows: int) -> str:
    """A paragraph about what is not shown of a table of so many rows."""
    if rows <= MOST_ROWS:
        return ""
    return paragraph(f"The first {MOST_ROWS} of {rows} rows; the file has all.")


def verdict(text: str, *, good: bool | None) -> str:
    """The answer in one sentence; None is neither good nor bad."""
    kinds = {True: "verdict good", False: "verdict bad", None: "verdict"}
    return paragraph(text, kinds[good])


def of_run(run: Trajectory) -> list[str]:
    """A solved flow: how it ended, its stages, its heads at the end."""
    end, above = run.time[-1], run.risk[-1] - run.bayes_risk
    ended = {"interrupted": "was interrupted", "at rest": "finished"}.get(run.status, run.status)
    words = f"The run {ended} at t = {end:.6g}" + (f": {run.message}" if run.message else ".")
    facts = {
        "risk at the start": number(run.risk[0]),
        "risk at the end": number(run.risk[-1]),
        "Bayes risk": number(run.bayes_risk),
        "above the Bayes risk": number(above),
    }
    return [
        section("Result", verdict(words, good=run.complete), terms(facts, "facts")),
        section("What happened", *stages(run)),
        section("Heads at the end", heads(run.overlap[-1], run.self_overlap[-1])),
    ]


def of_simulation(run: SimulationRun) -> list[str]:
    """SGD at finite dimension: its risk over the replicas, and the stages of the first."""
    settings, steps = run.problem.simulation, int(run.records.step[-1])
    facts = {
        "dimension D": f"{settings.dimension}",
        "replicas": f"{settings.replicas}",
        "steps each": f"{steps}",
    }
    if run.status != "finished":
        words = run.message and f"The simulation failed: {run.message}."
        words = words or (
            "The simulation is not finished: orderparams simulate FILE.h5 --resume goes on."
        )
        return [section("Result", verdict(words, good=False), terms(facts, "facts"))]
    risk, loss = run.risk[:, -1], run.records.loss[:, -1]
    facts |= {
        "risk at the end": number(float(risk.mean())),
        "its spread": number(float(risk.std(ddof=1))) if len(risk) > 1 else "one replica",
        "measured loss": number(float(loss.mean())),
    }
    words = f"The simulation finished at t = {run.records.time[-1]:.6g}."
    first = replica_trajectory(run, 0)
    return [
        section("Result", verdict(words, good=True), terms(facts, "facts")),
        section("What happened in the first replica", *stages(first)),
        section(
            "Heads of the first replica at the end",
            heads(first.overlap[-1], first.self_overlap[-1]),
        ),
    ]


def of_validation(result: Validation) -> list[str]:
    """Theory against simulation: the verdict, and where they differ most."""
    comparison, fall = result.comparison, result.scaling
    sizes = ", ".join(map(str, result.simulations))
    good = {"agree": True, "disagree": False}.get(result.verdict)
    facts = {
        "p-value of all": number(comparison.least_pvalue, ".2g"),
        "p-value of the loss": number(result.loss_pvalue, ".2g"),
        "false alarms": f"{comparison.false_alarm:g}",
        "error that would be seen": part(comparison.resolution),
        "dimensions D": sizes,
        "replicas": f"{result.problem.simulation.replicas}",
        "exponent of the spread": f"{number(fall.exponent, '.2f')} ± "
        f"{number(fall.standard_error, '.2f') or 'unknown'}",
    }
    judged = result.extremes
    rows = [
        (
            row.name,
            number(row.deviation, ".5f"),
            number(row.standard_error, ".5f"),
            number(row.z_score, ".2f"),
            number(row.pvalue, ".2g"),
        )
        for row in judged[:MOST_ROWS]
    ]
    columns = ("order parameter", "deviation", "standard error", "z", "p-value")
    about = (
        "Simulation minus theory, extrapolated in 1/D, at the time where its z-score is largest; "
        "the p-value is that of the whole course in time. The least probable come first."
    )
    words = f"Theory and simulation {comparison.verdict}."
    if good is None:
        words = "Inconclusive: the evidence cannot decide whether theory and simulation agree."
    doubts = [items(comparison.doubt.splitlines())] if comparison.doubt else []
    return [
        section("Verdict", verdict(words, good=good), *doubts, terms(facts, "facts")),
        section("Order parameters", paragraph(about), table(columns, rows), rest(len(judged))),
    ]


def part(resolution: float) -> str:
    """An error of the theory as a part of its motion; empty where it is unknown."""
    if math.isinf(resolution):
        return "none"
    return f"{100 * resolution:.2g} % of the motion" if math.isfinite(resolution) else ""


def of_scan(scan: Scan) -> list[str]:
    """A scan: how many points finished, and the numbers of each."""
    points = scan["status"].size
    finished, failed = scan.count("finished"), scan.count("failed")
    facts = {
        "points": f"{points}",
        "finished": f"{finished}",
        "failed": f"{failed}",
        "seconds of work": f"{np.nansum(scan['seconds']):.1f}",
    }
    words = (
        f"{finished} of {points} points finished." if finished < points else "All points finished."
    )
    axes = list(scan.dimensions)
    scalars = [
        name
        for name in point(scan.problem.model)
        if name in scan.arrays and scan[name].ndim == scan["status"].ndim
    ]
    rows = []
    for index in itertools.islice(np.ndindex(scan["status"].shape), MOST_ROWS):
        where = [
            setting(scan[name][index[axes.index(name)] if name in axes else index])
            for name in scan.parameters
        ]
        numbers = [number(float(scan[name][index]), ".6g") for name in scalars]
        rows.append([*where, str(scan["status"][index]), *numbers, str(scan["message"][index])])
    columns = [*scan.parameters, "status", *(name.replace("_", " ") for name in scalars), "message"]
    if not failed:
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return [
        section("Result", verdict(words, good=finished == points), terms(facts, "facts")),
        section("Points", table(columns, rows), rest(points)),
    ]


def of_claim(evidence: Evidence) -> list[str]:
    """The checks of a claim, and the run that it was read off."""
    holds = evidence.holds
    failing = sum(not check.holds for check in evidence.checks)
    words = "The claim holds." if holds else f"{failing} of {len(evidence.checks)} checks fail."
    rows = [
        (check.what, check.expected, check.found, "holds" if check.holds else "fails")
        for check in evidence.checks
    ]
    checks = table(("check", "expected", "found", ""), rows)
    sections = [section("Verdict", verdict(words, good=holds), checks)]
    if evidence.trajectory is not None:
        sections += of_run(evidence.trajectory)[1:]
    return sections


def heads(overlap: Array, self_overlap: Array) -> str:
    """Overlaps (H, F) and squared lengths of heads."""
    columns = ["head", *(f"m {f + 1}" for f in range(overlap.shape[1])), "q"]
    rows = [
        [
            f"{h + 1}",
            *(number(value, ".4f") for value in overlap[h]),
            number(self_overlap[h, h], ".4f"),
        ]
        for h in range(len(overlap))
    ]
    return table(columns, rows)


def stages(run: Trajectory) -> list[str]:
    """The stages of a run in a table and a few sentences."""
    if len(run.time) < FEWEST_TIMES:
        return [paragraph(f"{len(run.time)} stored times are too few to tell stages.")]
    found = stages_of(run)
    columns = (
        "stage",
        "head",
        "towards",
        "10 %",
        "half",
        "90 %",
        "cosine before",
        "after",
        "risk before",
        "after",
    )
    rows = [
        (
            "all" if event.common else f"{event.stage}",
            f"{event.head + 1}",
            event.target.replace("-", "−"),
            *(f"{time:.4g}" for time in (event.start, event.half_time, event.complete)),
            f"{event.cosine_before:z.2f}",
            f"{event.cosine_after:z.2f}",
            f"{event.risk_before:.4f}",
            f"{event.risk_after:.4f}",
        )
        for event in found.events
    ]
    about = (
        "A head turns towards a direction: the times at which 10 %, half and 90 % of the change "
        "are done, with the cosine of both and the risk before and after it."
    )
    return ([paragraph(about), table(columns, rows)] if rows else []) + [items(story(found))]


def story(found: Stages) -> list[str]:
    """What the table does not say."""
    lines = []
    if found.unspecialized is not None:
        first, last = found.unspecialized
        lines.append(f"All heads are the same (within 10 %) from t = {first:.4g} to {last:.4g}.")
    if not found.specializations:
        lines.append("No head specialized: no overlap grew that the heads do not share.")
    for plateau in found.plateaus:
        span = f"from t = {plateau.start:.4g} to {plateau.end:.4g}"
        lines.append(f"The risk rests at {plateau.level:.6f} {span}.")
    for path in found.excursions:
        lines.append(
            f"Head {path.head + 1} makes an excursion: along direction {path.origin.name} up to "
            f"{path.peak:z.3f} at t = {path.peak_time:.4g}; from t = {path.turn_time:.4g} on it "
            f"follows direction {path.destination.name}."
        )
    groups = "".join(f" [{', '.join(str(head + 1) for head in group)}]" for group in found.groups)
    lines.append(f"Heads at the end, equal overlaps (within 10 %) in brackets:{groups or ' none'}.")
    if found.dormant:
        names = ", ".join(str(head + 1) for head in found.dormant)
        lines.append(f"Heads without overlap at the end: {names}.")
    return lines
