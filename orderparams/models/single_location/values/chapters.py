"""What happened in a run of learned or tied values: where it lies, what values do, how it ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.models.findings import Column, Course, Finding, texts
from orderparams.models.interface import State
from orderparams.models.single_location.bayes.known import known_as, known_bayes_risk
from orderparams.models.single_location.parameters import CROSSES, REFERENCES
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.values.heads import Names
from orderparams.models.single_location.values.stability import conflict, transverse_rates

Array = NDArray[np.float64]

ENDS = texts(["start", "end"])


def chapters(problem: Problem, run: Course) -> list[Finding]:
    """All chapters."""
    states = [run.state(0), run.state(-1)]
    if Names.of(problem).system == "tied":
        return [of_end(problem, run), of_conflict(problem, run, states)]
    return [
        of_end(problem, run),
        of_manifold(problem, run),
        of_stability(problem, run, states),
        of_values(problem, run),
    ]


def times(run: Course) -> Array:
    """Those of the ends."""
    return run.time[[0, -1]].copy()


def of_end(problem: Problem, run: Course) -> Finding:
    """The risk at both ends, and how far it is above what no heads can be below."""
    floor, last = known_bayes_risk(problem.task).value, float(run.risk[-1])
    said = [f"The risk falls from {run.risk[0]:.6g} to {last:.6g}."]
    if np.isfinite(floor):
        called = REFERENCES[known_as(problem.task)]
        said.append(f"That is {last - floor:.3g} above the {called}.")
    return Finding(
        "ends",
        "Risk at both ends",
        "run_end",
        "end of the run: its start and its last time",
        tuple(said),
        {
            "which": Column("", "which end of the run", ENDS),
            "when": Column("t", "time", times(run)),
            "risk_there": Column("risk", "population risk", run.risk[[0, -1]].copy()),
        },
    )


def of_manifold(problem: Problem, run: Course) -> Finding:
    """How far keys and values mix in the course of the run."""
    crosses = {one.name: run.parameters.get(one.name) for one in CROSSES}
    largest = np.zeros((2, len(crosses)))
    over = 0.0
    for column, values in enumerate(crosses.values()):
        if values is not None:
            sizes = np.abs(values).reshape(len(run.time), -1).max(axis=1)
            largest[:, column], over = sizes[[0, -1]], max(over, float(sizes.max()))
    if crosses["key_target_overlap"] is None:
        said = (
            "Keys have nothing in common with v* and values, nor values with k*: the start lies on "
            "that manifold, and gradient flow stays on it. Values act as head weights u m^v."
        )
    else:
        said = (
            f"The largest overlap between what is of keys and what is of values is "
            f"{largest[0].max():.3g} at the start, at most {over:.3g}, and {largest[1].max():.3g} "
            "at the end."
        )
    columns = {
        name: Column(one.symbol, f"largest |{one.words}|", largest[:, k])
        for k, (name, one) in enumerate(zip(crosses, CROSSES, strict=True))
    }
    return Finding(
        "manifold",
        "How far keys and values mix",
        "cross_end",
        "end of the run: its start and its last time",
        (said,),
        {"which": Column("", "which end of the run", ENDS), **renamed(columns)},
    )


def renamed(columns: dict[str, Column]) -> dict[str, Column]:
    """Columns that are not called like order parameters."""
    return {f"largest_{name}": column for name, column in columns.items()}


def of_stability(problem: Problem, run: Course, states: list[State]) -> Finding:
    """Whether crosses would grow or decay where the run starts and ends."""
    rates = transverse_rates(problem, states)
    said = [
        f"At the {where} {verdict(rate)}."
        for where, rate in zip(("start", "end"), rates, strict=True)
    ]
    settings = problem.expectation
    if problem.attention.activation == "bayes-softmax" or settings.engine == "sampling":
        said.append(f"Both rates are sampled (expectation.samples = {settings.samples}).")
    return Finding(
        "stability",
        "Across the manifold of keys and values that have nothing in common",
        "stability_end",
        "end of the run: its start and its last time",
        tuple(said),
        {
            "which": Column("", "which end of the run", ENDS),
            "when": Column("t", "time", times(run)),
            "transverse_rate": Column(
                "rate", "lowest eigenvalue of the Hessian across the manifold", rates
            ),
        },
    )


def verdict(rate: float) -> str:
    """What a lowest eigenvalue means."""
    if rate < 0:
        return f"crosses of keys and values grow, at a rate up to {-rate:.4g}"
    return f"crosses of keys and values decay, at a rate of {rate:.4g} at least"


def of_values(problem: Problem, run: Course) -> Finding:
    """What the values of heads are at the end."""
    last = run.state(-1)
    alignment = last["value_alignment"]
    lengths = np.sqrt(np.diag(last["value_self_overlap"]))
    rest = np.sqrt(np.maximum(np.diag(last["value_self_overlap"]) - alignment**2, 0.0))
    heads = problem.attention.heads
    worst = int(rest.argmax())
    said = (
        f"The value of head {worst + 1} has the largest part outside of v*: {rest[worst]:.3g} of "
        f"{lengths[worst]:.3g}."
        if heads > 1
        else f"The value is {alignment[0]:.4g} v* and a part of length {rest[0]:.3g} beside it."
    )
    return Finding(
        "values",
        "Values at the end",
        "value_head",
        "attention head",
        (said,),
        {
            "along": Column("mv", "alignment of the value with v*", alignment.copy()),
            "length": Column("|v|", "length of the value", lengths),
            "beside": Column("beside", "length of its part outside of v*", rest),
        },
    )


def of_conflict(problem: Problem, run: Course, states: list[State]) -> Finding:
    """What tying costs: key and value pull apart."""
    cosines = np.array([conflict(problem, state) for state in states])
    return Finding(
        "conflict",
        "What the key and the value ask of one vector",
        "conflict_end",
        "end of the run: its start and its last time",
        (
            "The cosine between the gradient by way of the key and that by way of the value is "
            f"{cosines[0]:.3f} at the start and {cosines[1]:.3f} at the end"
            + (": they pull against each other." if cosines[1] < 0 else "."),
        ),
        {
            "which": Column("", "which end of the run", ENDS),
            "when": Column("t", "time", times(run)),
            "cosine": Column("cosine", "cosine of the two gradients", cosines),
        },
    )
