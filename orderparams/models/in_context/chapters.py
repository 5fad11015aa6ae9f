"""What happened in a run: groups of heads, growth from the origin, stages, the end, the optimum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from orderparams.models.findings import Column, Course, Finding, texts
from orderparams.models.in_context import growth, half_times
from orderparams.models.in_context.flow import Flow
from orderparams.models.in_context.groups import Group, groups_of, of_one_sign, spread
from orderparams.models.in_context.minima import Curved, Landscape, Told, coarse, curved, searched
from orderparams.models.in_context.references import references
from orderparams.models.in_context.sections import Problem

Array = NDArray[np.float64]

SEARCHES = 3
"""Random starts of the search for the optimum, beside the end of the run."""

SAME = 1e-5
"""Relative difference of two risks that are one."""

BALANCED = 0.1
"""Sum of outputs, in parts of the sum of their sizes, up to which heads take the mean out."""

OUTWARD = 1e-8
"""Slope of the risk, in parts of that without output, above which bounds hold a search back."""

MOST_MODES = 8
"""Modes of the end that a table shows, the least curved."""


def chapters(problem: Problem, run: Course, told: Told) -> list[Finding]:
    """All chapters."""
    flow = Flow(problem)
    landscape = Landscape(Flow(problem, search=True))
    state = run.parameters["key_query"], run.parameters["output"]
    last = state[0][-1], state[1][-1]
    groups, dummies = groups_of(last[0] * flow.prompts.blocks**0.5)
    begin = [of_groups(flow, last, groups, dummies), of_growth(flow, run)]
    told(0.1, "growth and stages")
    begin.append(of_stages(flow, run, groups))
    end = landscape.point(*last)
    told(0.3, "the end")
    if flow.engine == "quadrature":
        end = Landscape(Flow(coarse(problem), search=True)).below(end)[1]
    risk, x = landscape.below(end)
    near = Landscape(Flow(coarse(problem), beyond=False, search=True))
    starts = near.starts(problem.initial.seed, SEARCHES)
    others = searched(near, starts, lambda done, what: told(0.4 + 0.6 * done, what))
    others = [(landscape.value_and_gradient(other)[0], other) for _, other in others]
    found = sorted([landscape.below(x), *others], key=lambda one: one[0])
    return [
        *begin,
        of_end(landscape, run, x, risk, found[0][0]),
        of_heads(landscape, "below", "Heads at the minimum below the end", x),
        of_searches(landscape, run, found),
        of_heads(landscape, "best", "Heads at the optimum", found[0][1]),
    ]


def numbered(heads: Iterable[int]) -> str:
    """Heads, counted from 1."""
    return ", ".join(str(head + 1) for head in heads)


def each(symbol: str, words: str, name: str, values: Array) -> dict[str, Column]:
    """A column for each of the second axis of values (N, K): numbered, unless there is one."""
    if values.shape[1] == 1:
        return {name: Column(symbol, words, values[:, 0])}
    return {
        f"{name}_{k + 1}": Column(f"{symbol}_{k + 1}", f"{words}, {k + 1}", column)
        for k, column in enumerate(values.T)
    }


def of_groups(
    flow: Flow,
    state: tuple[Array, Array],
    groups: Sequence[Group],
    dummies: Sequence[int],
) -> Finding:
    """Which heads attend alike at the end, which pair up, what outputs sum to."""
    key_query, output = state
    sizes = np.linalg.norm(key_query * flow.prompts.blocks**0.5, axis=1)
    members = [list(group.heads) for group in groups]
    blank = np.zeros((0, 1))
    means = np.array([key_query[own].mean(axis=0) for own in members]) if members else blank
    sums = np.array([output[own].sum(axis=0) for own in members]) if members else blank
    whole = float(np.abs(output.sum(axis=0)).sum() / max(np.abs(output).sum(), 1e-300))
    linear = flow.activation == "linear"
    subtracting = subtracted(output, dummies) and not linear
    said = [
        paired(groups, linear=linear, subtracting=subtracting),
        f"Outputs of all heads sum to {whole:.1e} of the sum of their sizes.",
    ]
    if members:
        awake = np.concatenate([sizes[own] for own in members])
        said.append(f"Their strengths |omega| are equal to within {spread(awake):.1%}.")
    if dummies:
        held = ", ".join(f"{value:.4g}" for value in output[list(dummies)].ravel())
        what = "they give next to nothing" if linear else "they read a plain mean of labels"
        said.append(
            f"Heads that hardly attend (omega near 0): {numbered(dummies)}; their outputs are "
            f"{held}: {what}."
        )
    opposite = [0 if group.opposite is None else group.opposite + 1 for group in groups]
    return Finding(
        "groups",
        "Groups of heads at the end",
        "group",
        "group of heads that attend alike",
        tuple(said),
        {
            "heads": Column("heads", "heads of the group", texts([numbered(m) for m in members])),
            **each("omega", "mean key-query strength on a block", "mean_key_query", means),
            **each("sum mu", "sum of outputs for a task", "sum_output", sums),
            "spread": Column(
                "spread",
                "spread of the lengths of omega in parts of their mean",
                np.array([spread(sizes[own]) for own in members]),
            ),
            "opposite": Column(
                "opposite",
                "group that attends the opposite way, 0 if there is none",
                np.array(opposite, dtype=np.int64),
            ),
        },
    )


def subtracted(output: Array, dummies: Sequence[int]) -> bool:
    """Whether heads that hardly attend take the mean of labels out: with them, and not without, the
    outputs (H, J) sum to nearly zero."""
    others = np.delete(output, list(dummies), axis=0)
    sizes = BALANCED * np.abs(output).sum(axis=0)
    balanced, alone = (np.abs(part.sum(axis=0)) <= sizes for part in (output, others))
    return bool(balanced.all() and not alone.all())


def paired(groups: Sequence[Group], *, linear: bool, subtracting: bool) -> str:
    """Whether heads pair up, in a sentence."""
    if not groups:
        return "No head attends." if linear else "No head attends: attention is uniform."
    if of_one_sign(tuple(groups)):
        several = len(groups[0].heads) > 1
        attend = f"Head{'s' * several} {numbered(groups[0].heads)} attend{'s' * (not several)}"
        if subtracting:
            return f"{attend} one way; heads that hardly attend subtract the mean of labels."
        if linear:
            return f"{attend} one way, which is enough for linear attention to one task."
        if not several:
            return "One head attends, and none the opposite way."
        return (
            f"Heads {numbered(groups[0].heads)} are stuck on one sign: together they do what a "
            "single head does."
        )
    pairs = [
        f"{numbered(group.heads)} against {numbered(groups[group.opposite].heads)}"
        for number, group in enumerate(groups)
        if group.opposite is not None and number < group.opposite
    ]
    if pairs:
        return f"Heads pair up: {'; '.join(pairs)}."
    return f"Heads attend in {len(groups)} ways, no two of them opposite."


def of_growth(flow: Flow, run: Course) -> Finding:
    """Rates at the origin: closed form, the exact flow's, and the run's."""
    modes = [] if flow.metric == "factored" else growth.closed_modes(flow)
    x = growth.heads_of(flow, run.parameters["key_query"], run.parameters["output"])
    blocks, heads = len(flow.prompts.blocks), x.shape[1]
    nothing = float(flow.prompts.strengths.sum())
    seen = np.array([growth.seen_rate(run, x, mode, nothing) for mode in modes])
    said = "Rates at omega = mu = 0, per unit of time."
    if flow.metric == "factored":
        said = "In the factored metric nothing grows exponentially at the origin: rates vanish."
    elif not np.isfinite(seen).any():
        said += " The run does not begin so near the origin that a rate is seen in it."
    kinds = ["all heads alike" if mode.common else "differences of heads" for mode in modes]
    tasks = [int(np.abs(mode.shape[blocks:]).argmax()) + 1 for mode in modes]
    counts = [1 if mode.common else heads - 1 for mode in modes]
    return Finding(
        "growth",
        "Growth from the origin",
        "mode",
        "growing mode at the origin",
        (said,),
        {
            "mode_of": Column("mode", "what heads do in the mode", texts(kinds)),
            "task": Column("task", "task that the mode serves most", np.array(tasks, np.int64)),
            "multiplicity": Column("times", "number of such modes", np.array(counts, np.int64)),
            "closed": Column(
                "closed form", "rate by closed form", np.array([mode.rate for mode in modes])
            ),
            "exact": Column(
                "flow",
                "rate of the exact flow, linearised",
                np.array([growth.exact_rate(flow, mode) for mode in modes]),
            ),
            "seen": Column("run", "slope of the logarithm of the run's amplitude", seen),
        },
    )


def of_stages(flow: Flow, run: Course, groups: Sequence[Group]) -> Finding:
    """Half-times of tasks, and of the gains of groups of heads."""
    key_query, output = run.parameters["key_query"], run.parameters["output"]
    risks = run.risk[:, None]  # that of the only task
    if output.shape[2] > 1:
        states = zip(key_query, output, strict=True)
        risks = np.array([flow.at(*state).risk for state in states])
    strengths = flow.prompts.strengths.sum(axis=1)
    rows = [
        half_times.of_task(run.time, risk, strength)
        for risk, strength in zip(risks.T, strengths, strict=True)
    ]
    stages = half_times.staged(np.array([row[1] for row in rows]))
    names = [f"task {j + 1}" for j in range(len(rows))]
    for group in groups:
        own = list(group.heads)
        rows.append(half_times.of_group(run.time, key_query[:, own], output[:, own]))
        names.append(f"head{'s' * (len(own) > 1)} {numbered(own)}")
    times = np.array(rows)
    stage = np.concatenate([stages, np.zeros(len(groups), np.int64)])
    order = [f"{j + 1}" for j in np.argsort(times[: len(stages), 1]) if stages[j]]
    said = f"Tasks are learned in {stages.max(initial=0)} stages, in the order {', '.join(order)}."
    if len(stages) == 1 or stages.max(initial=0) < 2:
        several = "All tasks are learned together." if len(stages) > 1 else "The task is learned."
        said = several if order else "No task is learned."
    return Finding(
        "stages",
        "Stages",
        "event",
        "event",
        (said, "A task passes where its risk falls, a group of heads where its gains grow."),
        {
            "target": Column("what", "task, or heads of a group", texts(names)),
            "stage": Column("stage", "stage in which a task is learned, 0 of groups", stage),
            "start": Column("10 %", "time at which 10 % of the change are done", times[:, 0]),
            "half_time": Column("half", "time at which half of the change is done", times[:, 1]),
            "complete": Column("90 %", "time at which 90 % are done", times[:, 2]),
        },
    )


def of_end(landscape: Landscape, run: Course, x: Array, risk: float, least: float) -> Finding:
    """The minimum to which a descent from the end leads, and the Hessian there."""
    heads = x.reshape(landscape.shape)
    groups, dummies = groups_of(heads[:, : landscape.blocks])
    modes = curved(landscape, x, groups)
    alike = of_one_sign(groups) and not subtracted(heads[:, landscape.blocks :], dummies)
    where = basin(landscape, risk, least, one_sign=alike)
    above = run.risk[-1] - risk
    flat, falling = int(modes.flat.sum()), int(modes.falling.sum())
    kind = f"a saddle with {falling} modes that lead down" if falling else "a minimum"
    valley = f", {flat} of {modes.curvature.size} modes flat" if flat else ""
    return Finding(
        "end",
        "The end",
        "mode",
        "mode of the Hessian, the least curved first",
        (
            f"A descent from the end comes to {kind} of risk {risk:.10f}{valley}; "
            f"the run ends {above:.1e} above it.",
            where,
            *filter(None, [bounded(landscape, x)]),
        ),
        of_modes(modes),
    )


def bounded(landscape: Landscape, x: Array) -> str:
    """What is said where a search ends at the largest ω or μ that it may have."""
    at = np.abs(x) >= 0.999 * landscape.bounds.ravel()
    outward = -landscape.value_and_gradient(x)[1] * np.sign(x)
    if not (outward[at] > OUTWARD * landscape.flow.prompts.strengths.sum()).any():
        return ""
    key_query, output = landscape.state(landscape.bounds.ravel())
    return (
        f"It is at the bounds of the search, |omega| = {key_query.min():.3g} and |mu| = "
        f"{output.max():.3g}: beyond them the risk is a little lower."
    )


def basin(landscape: Landscape, risk: float, least: float, *, one_sign: bool) -> str:
    """Which basin the start was in."""
    nothing = landscape.flow.prompts.strengths.sum()
    if risk <= least + SAME * nothing:
        return "The start is in the basin of the optimum, as far as it was found."
    if one_sign:
        return (
            f"The start is in the basin of a single head, which is {risk - least:.4g} above the "
            "optimum: heads of one sign only share its work."
        )
    return f"The lowest risk found is {risk - least:.4g} below it, elsewhere."


def of_modes(modes: Curved) -> dict[str, Column]:
    """The least curved modes."""
    kept = slice(0, MOST_MODES)
    count = len(modes.curvature[kept])
    return {
        "curvature": Column("curvature", "eigenvalue of the Hessian", modes.curvature[kept]),
        "split": Column(
            "split", "part in which heads of a group move against each other", modes.split[kept]
        ),
        "key_query_part": Column("in omega", "part in omega", modes.key_query[kept]),
        "gain_change": Column("gains", "change of the gains by a unit step", modes.gain[kept]),
        "kind": Column("mode", "what it does", texts([modes.words(i) for i in range(count)])),
    }


def of_searches(landscape: Landscape, run: Course, found: Sequence[tuple[float, Array]]) -> Finding:
    """The lowest minimum found beside risks to compare with."""
    risks = np.array([risk for risk, _ in found])
    least = float(risks[0])
    flow = landscape.flow
    reached = int((risks <= least + SAME * flow.prompts.strengths.sum()).sum())
    known = references(flow.prompts, len(flow.start[0]), flow.activation)
    above = [
        f"{least - known[name].value:+.3e} from {called}"
        for name, called in (
            ("debiased_gd_risk", "debiased GD"),
            ("linear_gd_risk", "linear GD"),
            ("superposition_risk", "the superposition law (a limit)"),
        )
        if name in known and np.isfinite(known[name].value)
    ]
    return Finding(
        "searches",
        "The optimum",
        "search",
        "search, the lowest first",
        (
            f"The lowest risk found is {least:.10f}, in {reached} of {len(risks)} searches; a "
            "lower one is not excluded.",
            f"It is {', '.join(above)}.",
            f"The run ends {run.risk[-1] - least:.3e} above it.",
            *filter(None, [bounded(landscape, found[0][1])]),
        ),
        {"minimum": Column("risk", "risk to which a search led", risks)},
    )


def of_heads(landscape: Landscape, name: str, title: str, x: Array) -> Finding:
    """ω and μ at a point."""
    key_query, output = landscape.state(x)
    columns = each("omega", "key-query strength on a block", "key_query", key_query)
    columns |= each("mu", "output for a task", "output", output)
    return Finding(name, title, "head", "attention head", (), columns)
