"""Known results of in-context regression for ``orderparams doctor``."""

from __future__ import annotations

from collections.abc import Callable

Numbers = tuple[float, float, float]
"""Expected, tolerance, found."""


def overlap() -> Numbers:
    """E Σ st of two softmaxes over 40 examples, by Laplace integrals without tables."""
    import numpy as np

    from orderparams.models.in_context.integrals import pair

    found = pair(40, np.array([0.9, 0.5, 1.4]), np.zeros(2), 26.0)
    return 0.038698844649, 1e-10, float(found[0, 0])


def untrained() -> Numbers:
    """Heads that attend to all examples alike: E = 1 + (1 + σ²) (Σ_h μ_h)²/N."""
    from orderparams.config import parse
    from orderparams.models.in_context.model import flow

    start = {"kind": "explicit", "key_query": [[0.0]], "output": [[2.0]]}
    task = {"length": 40, "blocks": [5], "noise": 0.5}
    table = {"model": "in-context-regression", "attention": {"heads": 1}, "task": task}
    problem = parse(table | {"initial": start})
    found = flow(problem)  # type: ignore[arg-type]
    return 1 + 1.25 * 4 / 40, 1e-6, found.evaluate(found.initial_state).risk


TESTS: dict[str, Callable[[], Numbers]] = {
    "in context: two softmaxes": overlap,
    "in context: uniform attention": untrained,
}
