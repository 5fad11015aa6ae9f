"""What was found, by the kind of result: verdicts, stages and tables."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.simulated import replica_trajectory
from orderparams.analysis.stages import stages_of
from orderparams.config.words import of_backend
from orderparams.models import registry
from orderparams.models.vectors.geometry import geometry_of
from orderparams.results import schema
from orderparams.results.analysis import Analysis
from orderparams.results.evaluation import Evaluation, decimals
from orderparams.results.evidence import Evidence
from orderparams.results.findings import Findings
from orderparams.results.innovations import Innovations
from orderparams.results.scan import Scan
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import Validation
from orderparams.views.reports.chapters import minus, sections, state
from orderparams.views.reports.fluctuations import of_fluctuations
from orderparams.views.reports.markup import folded, items, paragraph, section, table, terms
from orderparams.views.story.scans import at, results
from orderparams.views.story.stages import happened
from orderparams.views.story.tell import tell
from orderparams.views.tables import tables

Array = NDArray[np.float64]

MOST_ROWS = 200
"""Rows of a table that are shown; the file has the others."""

MOST_ENTRIES = 8
"""Entries of an order parameter that a row of a scan shows."""


def number(value: float, form: str = ".6f") -> str:
    """A number in a format, with minus signs instead of hyphens; empty where there is none."""
    return format(value, f"z{form}").replace("-", "−") if math.isfinite(value) else ""


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
    """A solved flow: how it ended, its stages, its order parameters at the end."""
    end = run.time[-1]
    ended = {"interrupted": "was interrupted", "at rest": "finished"}.get(run.status, run.status)
    words = f"The run {ended} at t = {end:.6g}" + (f": {run.message}" if run.message else ".")
    facts = {
        "risk at the start": number(run.risk[0]),
        "risk at the end": number(run.risk[-1]),
    }
    names = registry.configuration(run.problem.model).REFERENCES
    for name, one in run.known.items():
        called, form = names[name], f".{min(6, decimals(one.error))}f"
        facts |= {
            called: number(one.value, form),
            f"above the {called}": number(run.risk[-1] - one.value, form),
        }
    return [
        section("Result", verdict(words, good=run.complete), terms(facts, "facts")),
        *stages(run),
        section("Order parameters at the end", *state(run.order_parameters, run.state(-1))),
        *observed(run),
        *of_fluctuations(run),
    ]


def stages(run: Trajectory, title: str = "What happened") -> list[str]:
    """What happened in a run, of a model whose stages can be told of any run."""
    if not registry.staged(run.problem):
        return []
    learner = geometry_of(run.problem).word
    return sections(happened(run, stages_of(run), title, learner))


def observed(result: Trajectory | Evaluation) -> list[str]:
    """What follows from a state beside its risk: of a run from the last."""
    if not result.seen:
        return []
    values = result.observed_last if isinstance(result, Trajectory) else result.observables
    along = schema.coordinates(result.problem)
    most = {} if isinstance(result, Trajectory) else result.decimals
    return [section("Read off the state", *state(result.seen, values, along, most))]


def of_analysis(result: Analysis | Findings) -> list[str]:
    """A run with all that was found beside it."""
    end = state(result.order_parameters, result.trajectory.state(-1))
    own = section("Order parameters at the end", *end)
    return [*sections(tell(result)), own, *of_fluctuations(result.trajectory)]


def of_evaluation(result: Evaluation) -> list[str]:
    """The flow at one point: risk, order parameters, gradient, velocity and V."""
    facts = {"risk": number(result.risk, f".{decimals(result.error_estimate)}f")}
    names = registry.configuration(result.problem.model).REFERENCES
    facts |= {
        names[name]: number(known.value, f".{decimals(known.error)}f")
        for name, known in result.known.items()
    }
    facts |= {"error estimate": number(result.error_estimate, ".1e"), "engine": result.engine}
    if result.noise_error is not None:
        facts["error of V"] = number(result.noise_error, ".1e")
    parameters, most = result.order_parameters, result.decimals
    sections = [
        section("Result", terms(facts, "facts")),
        section("Order parameters", *state(parameters, result.parameters)),
        *observed(result),
        section("Gradient of the risk", *state(parameters, result.gradient, decimals=most)),
        section("Velocity", *state(parameters, result.velocity, decimals=most)),
    ]
    if result.noise is None:
        return sections
    noise = schema.noise_of(result.problem)
    title = f"{noise.long_name[0].upper()}{noise.long_name[1:]}"
    return [*sections, section(title, *state([noise], {noise.name: result.noise}))]


def of_simulation(run: SimulationRun) -> list[str]:
    """SGD: its risk over the replicas, and the stages of the first."""
    problem, steps = run.problem, int(run.records.step[-1])
    facts = {
        "backend": of_backend(problem),
        "replicas": f"{problem.simulation.replicas}",
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
        *stages(first, "What happened in the first replica"),
        section(
            "Order parameters of the first replica at the end",
            *state(first.order_parameters, first.state(-1)),
        ),
        *[
            section(
                f"{one.words.capitalize()} {one.sign} of the first replica at the end",
                *state([one], {one.name: run.records.parameters[one.name][0, -1]}),
            )
            for one in run.besides
        ],
    ]


def of_validation(result: Validation) -> list[str]:
    """Theory against simulation: the verdict, and where they differ most."""
    comparison, fall = result.comparison, result.scaling
    limit = result.limit
    facts = {
        "p-value of all": number(comparison.least_pvalue, ".2g"),
        "p-value of the loss": number(result.loss_pvalue, ".2g"),
        "false alarms": f"{comparison.false_alarm:g}",
        "error that would be seen": part(comparison.resolution),
        limit.plural: ", ".join(map(str, result.simulations)),
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
        f"Simulation minus theory, extrapolated in {limit.order}, at the time where its z-score is "
        "largest; the p-value is that of the whole course in time. The least probable come first."
    )
    return [
        decided(result.verdict, comparison.doubt, facts, result.stretch),
        section("Order parameters", paragraph(about), table(columns, rows), rest(len(judged))),
    ]


def decided(answer: str, doubt: str, facts: dict[str, str], reason: str = "") -> str:
    """The verdict, why the evidence cannot decide where it cannot, or else the reason if there is
    one, and the facts."""
    good = {"agree": True, "disagree": False}.get(answer)
    words = f"Theory and simulation {answer}."
    if good is None:
        words = "Inconclusive: the evidence cannot decide whether theory and simulation agree."
    why = [items(doubt.splitlines())] if doubt else [paragraph(reason)] if reason else []
    return section("Verdict", verdict(words, good=good), *why, terms(facts, "facts"))


def of_innovations(result: Innovations) -> list[str]:
    """Innovations of replicas in one dimension: the verdict, and those of each order parameter."""
    replicas, intervals, _ = result.innovation.shape
    facts = {
        "squares": f"{result.chi2:.4g} of {result.dof}",
        "p-value of the spread": number(result.pvalue_chi2, ".2g"),
        "p-value of the means": number(result.pvalue_mean, ".2g"),
        "false alarms": f"{result.false_alarm:g}",
        "error that would be seen": part(result.resolution),
        "dimension": f"{result.dimension}",
        "replicas": f"{replicas}",
        "intervals": f"{intervals}",
        **{name: text for name, text in result.facts().items() if name not in TOLD},
    }
    deviations = np.sqrt(np.square(result.innovation).mean(axis=(0, 1)))
    rows = [
        (name, number(wave, ".2f"), number(deviation, ".2f"))
        for name, wave, deviation in zip(
            result.parameter, result.mean_statistic[0], deviations, strict=True
        )
    ]
    about = (
        "Innovations are what SGD does between times beyond what its theory says, in standard "
        "deviations, and whitened one after the other: each is what those above it do not tell. "
        "The mean is over replicas and intervals, in standard errors."
    )
    columns = ("order parameter", "mean", "root mean square")
    return [
        decided(result.verdict, result.doubt, facts, result.reason),
        section("Innovations", paragraph(about), table(columns, rows[:MOST_ROWS]), rest(len(rows))),
    ]


TOLD = ("innovations", "spread", "means", "verdict", "reason")
"""What the facts of innovations say that a page says otherwise."""


def part(resolution: float) -> str:
    """An error of the theory as a part of its motion; empty where it is unknown."""
    if math.isinf(resolution):
        return "none"
    return f"{100 * resolution:.2g} % of the motion" if math.isfinite(resolution) else ""


def of_scan(scan: Scan) -> list[str]:
    """A scan: how many points finished, the best of them, and the numbers of each."""
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
    return [
        section("Result", verdict(words, good=finished == points), terms(facts, "facts")),
        *(sections([results(scan, MOST_ROWS)]) if finished else []),
        section("Points", folded("All numbers of the points", "".join(points_of(scan)))),
        *ends(scan),
    ]


def points_of(scan: Scan) -> list[str]:
    """All numbers of the points."""
    scalars = [
        name
        for name in schema.point(scan.problem.model)
        if name in scan.arrays and scan[name].ndim == scan["status"].ndim
    ]
    known = schema.point(scan.problem.model)
    words = {name.replace("_", " "): known[name].long_name for name in scalars}
    rows = []
    for index in itertools.islice(np.ndindex(scan["status"].shape), MOST_ROWS):
        numbers = [number(float(scan[name][index]), form_of(name)) for name in scalars]
        rows.append(
            [
                *map(minus, at(scan, index)),
                str(scan["status"][index]),
                *numbers,
                str(scan["message"][index]),
            ]
        )
    keys = scan.keys.values()
    columns = [*keys, "status", *words, "message"]
    if not scan.count("failed"):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return [terms(words, "record"), table(columns, rows), rest(scan["status"].size)]


def form_of(name: str) -> str:
    """How a number of a point is written: of what remains two digits tell enough."""
    return ".2g" if name.startswith("remaining") else ".6g"


def ends(scan: Scan) -> list[str]:
    """The order parameters of each point, where there are any."""
    parameters, arrays = schema.table(scan.problem.model), {}
    depth = scan["status"].ndim
    for name in (one.name for one in parameters):
        if (replicas := scan.arrays.get(f"replica_{name}")) is not None:
            arrays[name] = replicas.mean(axis=depth)
        elif name in scan.arrays:
            arrays[name] = scan[name]
    arrays = {name: values for name, values in arrays.items() if np.isfinite(values).any()}
    sections = []
    for word, groups in tables(parameters, arrays).items():
        columns = [column for group in groups for column in group[:MOST_ENTRIES]]
        rows = [
            [*map(minus, at(scan, index)), *(entries(column.values[index]) for column in columns)]
            for index in itertools.islice(np.ndindex(scan["status"].shape), MOST_ROWS)
        ]
        about = f"In a cell stand the values of each {word}, of replicas their means."
        names = [*scan.keys.values(), *(column.sign for column in columns)]
        parts = [paragraph(about)] * bool(word) + [table(names, rows), rest(scan["status"].size)]
        sections.append(section("Order parameters" + f" of each {word}" * bool(word), *parts))
    return sections


def entries(values: Array) -> str:
    """Those that there are, not too many."""
    known = [number(float(value), ".4f") for value in values if np.isfinite(value)]
    return ", ".join(known[:MOST_ENTRIES]) + ", …" * (len(known) > MOST_ENTRIES)


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
