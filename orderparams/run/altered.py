"""Problems altered: asked for fluctuations, followed less exactly, or wrong in one thing."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import numpy as np

from orderparams.errors import ConfigurationError
from orderparams.models.interface import Fluctuating, model_of
from orderparams.sources import load

NODES = 4096
"""Sequences at which a step of SGD is looked at."""

COARSE, FINE = 1e-5, 0.01
"""Largest tolerance of a flow over an interval, and that of expectations which are differentiated;
what the former is to be of the scatter of SGD."""


def with_fluctuations(problem: Any, otherwise: str = "use the test 'replicas'") -> Any:
    """The same problem, which asks for fluctuations; :class:`ConfigurationError` where they are not
    known, with what can be done ``otherwise``."""
    if not hasattr(problem, "fluctuations"):
        raise ConfigurationError(
            f"innovations need the fluctuations of SGD, which are not known of model = "
            f"{problem.model!r}; {otherwise}"
        )
    if kept := cast(Fluctuating, model_of(problem)).conserved(problem):
        raise ConfigurationError(
            f"innovations need order parameters that all scatter, and no sequence changes {kept}; "
            "use the test 'replicas'"
        )
    start = "random" if problem.initial.kind == "random" else "fixed"
    asked = {"enabled": True, "nodes": NODES, "start": start}
    plain = dataclasses.replace(problem, fluctuations=None)
    try:
        return load(plain, {"training.rule": "sgd", "fluctuations": asked})
    except ConfigurationError as error:
        raise error.within(f"innovations need the fluctuations of SGD (or {otherwise})") from None


def coarsened(problem: Any, dimension: float, length: float) -> Any:
    """The same problem with tolerances of the integrator as they are needed in dimension D over
    intervals of some length: FINE of what SGD scatters by, (γ Δt/BD)^½, but no more than COARSE."""
    training, integrator = problem.training, problem.integrator
    scatter = FINE * np.sqrt(training.effective_rate * length / (training.batch_size * dimension))
    rtol = max(integrator.rtol, float(min(COARSE, scatter)))
    atol = max(integrator.atol, FINE * rtol)
    own = dataclasses.replace(integrator, rtol=rtol, atol=atol)
    return dataclasses.replace(problem, integrator=own)


def with_coarse_expectations(problem: Any) -> Any:
    """The same problem, whose expectations are right to COARSE or less, for differences."""
    expectation: Any = getattr(problem, "expectation", None)
    if not hasattr(expectation, "tolerance"):
        return problem
    tolerance = max(expectation.tolerance, COARSE)
    return dataclasses.replace(
        problem, expectation=dataclasses.replace(expectation, tolerance=tolerance)
    )


def drawn_anew(problem: Any) -> Any:
    """The same problem with other random nodes of expectations, if it has any."""
    known: Any = getattr(problem, "expectation", None)
    if not hasattr(known, "seed"):
        return problem
    expectation = dataclasses.replace(known, seed=known.seed + 1)
    return dataclasses.replace(problem, expectation=expectation)


def with_decay(problem: Any, more: float) -> Any:
    """The same problem with so much more weight decay, which may become negative."""
    decay = problem.training.weight_decay + more
    training = dataclasses.replace(problem.training, weight_decay=decay)
    return dataclasses.replace(problem, training=training)


def with_strength(problem: Any, strength: float) -> Any:
    """The same problem with so many times V in its flow, and no fluctuations."""
    rate = problem.training.learning_rate * (strength if strength > 0 else 1.0)
    rule = "sgd" if strength > 0 else "gradient-flow"
    training = dataclasses.replace(problem.training, learning_rate=rate, rule=rule)
    return dataclasses.replace(problem, training=training, fluctuations=None)
