"""N4: escapes from a symmetric state scatter as much in every dimension."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.analysis.escape_times import probability
from orderparams.analysis.escapes import escape_of, leaving, motion_of, parts_of
from orderparams.models.interface import model_of
from orderparams.models.vectors.geometry import geometry_of
from orderparams.results.evidence import Evidence, Panel, above, close
from orderparams.results.validation import at_value

Array = NDArray[np.float64]

REPLICAS = {1000: 400, 4000: 400, 16000: 200}
"""By dimension D."""

THRESHOLD = 0.2
"""Length of what the heads differ by, divided by √2, at which they have parted."""

ERROR = 1.5**0.5
"""Relative standard error of the standard deviation of one time: the logarithm of the square of a
normal number has the kurtosis 7."""

SETTINGS = {
    "task.signal.strengths": [16.0],
    "training.learning_rate": 2.0,
    "training.duration": 12.0,
    "initial": {"kind": "random", "variance": 0.05},
    "fluctuations": {"enabled": True, "start": "random", "bias": False},
    "output.points": 61,
}


def scatter_stays() -> Evidence:
    """Two softmax heads from random starts N(0, 0.05·I), one flipped spike with ν = 16, L = 3, SGD
    with γ = 2: what the heads differ by grows from nothing at the rate λ. The time T at which they
    have parted (|m_1 − m_2|/√2 > 0.2) has a mean that grows as log D/2λ, and the standard deviation
    2.221/2λ in every dimension: 400 replicas each at D = 1000 and 4000, 200 at 16000. Its whole law
    is that of the fluctuations around the flow.
    """
    run = op.solve("finite-learning-rate", settings=SETTINGS)
    assert run.fluctuations is not None
    geometry = geometry_of(run.problem)
    part = next(one for one in parts_of(geometry.directions, 2) if not one.common)
    motion = motion_of(part, run.fluctuations)
    means, errors, scatters, laws, pvalues = np.empty((5, len(REPLICAS)))
    rates = np.empty(len(REPLICAS))
    for i, (dimension, count) in enumerate(REPLICAS.items()):
        law = escape_of(part, motion, THRESHOLD, dimension)
        assert law is not None
        problem = at_value(op.load(run.problem, {"simulation.replicas": count}), dimension)
        records = model_of(problem).simulator(problem, run.time).run()
        length = np.linalg.norm(part.of(geometry.positions(records.parameters)), axis=2)
        times = leaving(run.time, length, THRESHOLD)
        means[i], scatters[i] = times.mean(), 2 * law.rate * times.std(ddof=1)
        errors[i], laws[i], rates[i] = times.std(ddof=1) / count**0.5, law.mean, law.rate
        pvalues[i] = probability(times, law.quantile, run.time[-1])
    dimensions = np.array(list(REPLICAS), dtype=np.float64)
    slope = np.polyfit(np.log(dimensions), means, 1, w=1 / errors)[0]
    weights = np.array(list(REPLICAS.values()))
    pooled = np.sqrt(np.average(np.square(scatters), weights=weights))
    checks = (
        close("2λ times the scatter, all together", 2.221, pooled, absolute=0.15),
        *(
            close(f"the same at D = {d:g}", 2.221, scatter, absolute=0.4)
            for d, scatter in zip(dimensions, scatters, strict=True)
        ),
        close(
            "2λ times the slope of the mean in log D", 1.0, 2 * rates.mean() * slope, absolute=0.15
        ),
        above("least p-value of the law of T", pvalues.min(), 0.003),
    )
    panels = (
        Panel(
            "mean",
            "dimension",
            "dimension D",
            dimensions,
            "mean T",
            {"SGD": means, "law": laws},
            ("log", "linear"),
        ),
        Panel(
            "scatter",
            "dimension",
            "dimension D",
            dimensions,
            "2λ · standard deviation of T",
            {
                "SGD": scatters,
                "law": np.full(len(dimensions), 2.221),
                "+ 2 errors": 2.221 * (1 + 2 * ERROR / weights**0.5),
                "− 2 errors": 2.221 * (1 - 2 * ERROR / weights**0.5),
            },
            ("log", "linear"),
        ),
    )
    return Evidence(run.problem, checks, panels)
