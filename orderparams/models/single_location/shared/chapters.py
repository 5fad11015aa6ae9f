"""What happened in a run of shared keys: how it ends, what the keys span, what sharing forbids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.config.words import counted
from orderparams.models.findings import Column, Course, Finding
from orderparams.models.interface import State
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.shared.bases import initial_mixing
from orderparams.models.single_location.values.chapters import of_end
from orderparams.models.vectors.landscape import Landscape

Array = NDArray[np.float64]

SPANNED = 0.01
"""Sizes of keys in a direction below this part of the largest do not count."""

TOLERANCE, STILL = 1e-8, 1e-4
"""Of the expectations; slopes and curvatures below the second are those of a run that is nearly
over."""


def chapters(problem: Problem, run: Course, free: Problem) -> list[Finding]:
    """All chapters; ``free`` is the problem with free keys, the risk alone, started at the end."""
    return [of_end(problem, run), of_keys(problem, run, free)]


def key_sizes(state: State, count: int) -> Array:
    """Singular values of the keys K (H, …), the first ``count`` of them, zeros where H are fewer;
    from q = K Kᵀ."""
    squares = np.linalg.eigvalsh(state["self_overlap"])[::-1][:count]
    sizes = np.zeros(count)
    sizes[: len(squares)] = np.sqrt(np.maximum(squares, 0.0))
    return sizes


def freed(free: Problem) -> tuple[float, float]:
    """At the start of free keys the largest slope of the risk in them, and the lowest curvature in
    all that is learned."""
    landscape = Landscape(free, tolerance=TOLERANCE)
    x = landscape.point(landscape.flow.start)
    slopes = landscape.weights(landscape.gradient(x))
    return float(np.abs(slopes).max()), float(np.linalg.eigvalsh(landscape.hessian(x))[0])


def of_freedom(free: Problem) -> str:
    """What free keys would do at the end of the run."""
    slope, curvature = freed(free)
    if slope > STILL:
        return f"Free keys would go on: the risk has a slope of {slope:.3g} in them."
    if curvature < -STILL:
        return (
            f"Free keys would leave from there, where they have a saddle, at a rate of "
            f"{-curvature:.4g}: sharing makes it a place to stay."
        )
    return "Free keys would rest there as well: at this state sharing costs nothing."


def conserved(rate: float, mixing: Array, q: Array) -> Array:
    """CᵀC/η_C − TTᵀ (…, J, J) of mixings C (…, H, J) and self-overlaps q of bases."""
    found: Array = np.swapaxes(mixing, -1, -2) @ mixing / rate - q
    return found


def of_keys(problem: Problem, run: Course, free: Problem) -> Finding:
    """What the keys of all heads span, and whether free keys would go on."""
    last, training = run.state(-1), problem.training
    mixing = last["mixing"] if "mixing" in last else initial_mixing(problem)
    heads, bases = mixing.shape
    sizes = key_sizes(last, bases)
    spanned = int((sizes > SPANNED * sizes[0]).sum())
    whole = "as many as" if spanned == bases else f"of {bases} that"
    said = [
        f"The keys of {counted(heads, 'head')} span {counted(spanned, 'direction')} at the end, "
        f"{whole} {counted(bases, 'base')} can make.",
        of_freedom(free),
    ]
    altered = training.penalties or training.constraint != "none"
    if "mixing" in last and training.mixing_rate and not altered:
        course = conserved(
            training.mixing_rate, run.parameters["mixing"], run.parameters["base_self_overlap"]
        )
        drift = float(np.abs(course - course[0]).max())
        said.append(
            f"CᵀC/η_C − TTᵀ of mixing C and bases T, which gradient flow conserves, moved by "
            f"{drift:.2g}."
        )
    lengths = np.sqrt(np.diag(last["base_self_overlap"]))
    return Finding(
        "keys",
        "What the keys span",
        "base_at_end",
        "base key",
        tuple(said),
        {
            "length": Column("|κ|", "length of the base", lengths),
            "use": Column("|C|", "length of its column of C", np.linalg.norm(mixing, axis=0)),
            "key_size": Column("size", "singular values of the keys, the largest first", sizes),
        },
    )
