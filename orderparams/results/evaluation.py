"""The flow at one point: risk, gradient, velocity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.models import registry
from orderparams.models.interface import Reference, State
from orderparams.results.finite import finite
from orderparams.results.result import Measured, shapes
from orderparams.results.schema import (
    all_of,
    axis_names,
    coordinates,
    evaluation,
    noise,
    noise_of,
    observables,
    references,
)
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    from orderparams.storage.nodes import Node

Array = NDArray[np.float64]


MOST_DECIMALS = 10
"""That are shown."""


def decimals(error: float) -> int:
    """Decimals of a number that an absolute error leaves right: it is half a unit of the last or
    less."""
    if not error > 0.5 * 10.0**-MOST_DECIMALS:
        return MOST_DECIMALS
    return max(0, math.floor(-math.log10(2.0 * min(error, 1.0))))


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Measured):
    """The flow of a problem at its initial condition.

    ``parameters`` are the order parameters there, which can be read as items; ``gradient`` has the
    total derivatives of the risk by each of them, all entries of a symmetric one taken as
    independent, others held; ``velocity`` their time derivatives. ``noise`` is the covariance V of
    the gradient where SGD has noise, else None. ``error_estimate`` is that of risk and gradient,
    ``noise_error`` that of V. ``known`` are the references with their errors, NaN where they cannot
    be had. ``tolerance`` is what was asked for, None for sampling. ``observables`` are what
    else the model says of the state, which can be read as items too.

    Examples
    --------
    >>> start = op.evaluate("two-stage")
    >>> start.gradient["overlap"].shape, start.velocity["overlap"].shape  # head, feature
    ((4, 3), (4, 3))
    >>> start.risk > start.bayes_risk
    True
    """

    main: ClassVar[str] = "evaluation"

    problem: Problem
    parameters: State
    risk: float
    gradient: State
    velocity: State
    noise: Array | None
    known: Mapping[str, Reference]
    engine: str
    error_estimate: float
    noise_error: float | None
    tolerance: float | None
    observables: State = field(default_factory=dict)

    @property
    def references(self) -> dict[str, float]:
        """Risks to compare with."""
        return {name: reference.value for name, reference in self.known.items()}

    @property
    def decimals(self) -> dict[str, int]:
        """How many decimals the error of the expectations leaves, by what is not exact."""
        count = decimals(self.error_estimate)
        risks = (name for name in self.observables if name.endswith("risk"))
        return dict.fromkeys(risks, count) | dict.fromkeys(self.gradient, count)

    def groups(self) -> dict[str, Tree]:
        """All of it as one group."""
        model = self.problem.model
        known = evaluation(model)
        arrays: dict[str, Any] = {**self.parameters, **self.observables, "risk": self.risk}
        arrays |= {f"{name}_gradient": values for name, values in self.gradient.items()}
        arrays |= {f"{name}_velocity": values for name, values in self.velocity.items()}
        attributes: dict[str, Any] = {"engine": self.engine, "error_estimate": self.error_estimate}
        for name, reference in self.known.items():
            attributes |= {name: reference.value, f"{name}_error": reference.error}
        if self.noise is not None:
            arrays[noise_of(self.problem).name] = self.noise
            attributes["gradient_covariance_error"] = self.noise_error
        if self.tolerance is not None:
            attributes["tolerance"] = self.tolerance
        variables = {name: (known[name], np.asarray(values)) for name, values in arrays.items()}
        return {
            "evaluation": Tree(
                variables,
                coordinates(self.problem),
                axis_names(all_of(model)),
                attributes=attributes,
            )
        }

    def facts(self) -> dict[str, str]:
        """Order parameters, risk, and how it was computed."""
        names = registry.configuration(self.problem.model).REFERENCES
        return {
            "parameters": shapes(self.parameters),
            "risk": f"{self.risk:.{decimals(self.error_estimate)}f} ± {self.error_estimate:.1e}",
            **{
                names[name]: f"{known.value:.{decimals(known.error)}f}"
                for name, known in self.known.items()
            },
            "engine": self.engine,
        }

    def document(self) -> dict[str, Any]:
        """What ``orderparams evaluate --json`` prints."""
        found: dict[str, Any] = {"risk": self.risk}
        for name, reference in self.known.items():
            found[name] = finite(reference.value)
            found[f"{name.removesuffix('_risk')}_error"] = finite(reference.error)
        for part in ("parameters", "gradient", "velocity"):
            values = getattr(self, part)
            found[part] = {name: array.tolist() for name, array in values.items()}
        found |= {name: values.tolist() for name, values in self.observables.items()}
        return found | {
            "covariance": None if self.noise is None else self.noise.tolist(),
            "engine": self.engine,
            "error_estimate": self.error_estimate,
            "covariance_error": self.noise_error,
            "tolerance": self.tolerance,
        }


def read_evaluation(file: Node, problem: Problem) -> Evaluation:
    """The evaluation in a file."""
    node, moving = file["evaluation"], registry.configuration(problem.model).order_parameters
    names, attributes = [one.name for one in moving(problem)], node.attributes
    parts = [
        {name: node.array(f"{name}{ending}") for name in names}
        for ending in ("", "_gradient", "_velocity")
    ]
    known = {
        name: Reference(float(attributes[name]), float(attributes[f"{name}_error"]))
        for name in references(problem.model)
        if name in attributes
    }
    covariances = [name for name in noise(problem.model) if name in node]
    return Evaluation(
        problem,
        parts[0],
        float(node.array("risk")),
        parts[1],
        parts[2],
        node.array(covariances[0]) if covariances else None,
        known,
        str(attributes["engine"]),
        float(attributes["error_estimate"]),
        float(attributes["gradient_covariance_error"]) if covariances else None,
        attributes.get("tolerance"),
        {name: node.array(name) for name in observables(problem.model) if name in node},
    )
