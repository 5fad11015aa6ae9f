"""What stands in a file: groups, variables, their axes and units (docs/file-format.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SCHEMA_VERSION = 1
PROGRAM = "orderparams"


@dataclass(frozen=True)
class Variable:
    """A dataset: the axes it has, its units, and what it is. Order parameters have no unit: "1".

    ``key`` is that of the configuration which it holds values of, if it does.
    """

    axes: tuple[str, ...]
    long_name: str
    units: str = "1"
    key: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """What a file says of it."""
        about = {"units": self.units, "long_name": self.long_name}
        return about | ({"key": self.key} if self.key else {})


AXES = {
    "time": "time t = learning_rate * steps / D",
    "replica": "replica of the simulation, counted from 1",
    "dimension": "embedding dimension D",
    "stage": "stage of specialization, counted from 1",
    "event": "event, counted from 1",
    "check": "check, counted from 1",
    "curve": "what is drawn",
    "component": "component of the vector, counted from 1",
    "point": "points of the scan, counted from 1",
    "plateau": "plateau of the risk, counted from 1",
    "excursion": "excursion, counted from 1",
    "basis": "basis vectors of the directions, counted from 1",
    "coordinate": "orthonormal coordinates of the hidden directions, counted from 1",
    "direction": "direction in the order of /directions, counted from 1",
    "column": "columns of K, the hidden directions and then others, counted from 1",
    "mode": "mode of the Hessian, the most unstable first, counted from 1",
    "eigenvector": "vectors of all modes one after the other, counted from 1",
    "search": "search for the optimum, the lowest first, counted from 1",
    "removal": "how many are removed, and one more",
    "subset": "subset that was removed, counted from 1",
    "parameter": "order parameter, by its symbol and indices",
    "parameter_2": "order parameter, by its symbol and indices",
    "row": "vectors that learn, of all kinds one after the other, counted from 1",
    "row_2": "vectors that learn, of all kinds one after the other, counted from 1",
    "interval": "interval between two times, counted from 1",
    "escape": "state that is left, in the order of the means, counted from 1",
    "probability": "probability of the quantile",
    "cause": "what the theory can be wrong about",
    "wave": "half periods of the cosine, from 0",
}
"""Long names of axes that are not those of order parameters."""

TEXTS = {
    *("target", "what", "expected", "found", "status", "message", "hash", "group"),
    *("name", "origin", "destination", "verdict", "doubt"),
}
"""Variables that hold texts; the others hold numbers."""

KINDS = {
    *("trajectory", "simulation", "theory", "comparison", "stages", "checks", "point", "scan"),
    *("evaluation", "analysis", "plateaus", "excursions", "directions", "targets", "rest"),
    *("optimum", "pruning", "synergy", "fluctuations", "innovations", "escapes", "plan"),
}
"""Groups that hold results; after an underscore their names may go on, as in ``theory_250``."""

TEXT_ATTRIBUTES = {
    *("program", "version", "created", "command", "platform", "config", "seeds", "status"),
    *("message", "engine", "hash", "verdict", "doubt", "action", "coordinates", "key", "start"),
    *("axis", "scales", "ticks", "units", "long_name", "weights", "rule", "origin"),
    *("predicted_order", "observed_order", "floor_name", "floor_words"),
    *("test", "why", "values", "last"),
}
NUMBER_ATTRIBUTES = {
    *("schema_version", "seconds", "steps", "right_hand_sides", "jacobians"),
    *("jacobian_right_hand_sides", "error_estimate", "gradient_covariance_error", "tolerance"),
    *("dimension", "least_pvalue", "false_alarm", "degrees", "loss_pvalue"),
    *("judged", "resolution", "nodes", "learning_rate", "batch_size"),
    *("spread_exponent", "spread_exponent_error", "dof", "limit_of_dof", "pvalue_chi2"),
    *("pvalue_mean", "growth", "linear_dimension", "engine_share", "until", "chosen"),
}
"""Attributes of the file, its groups and its datasets, by what they are."""


@dataclass(frozen=True)
class Known:
    """What the files of a model hold: the variables of each kind of group by name, and which
    attributes are numbers beside NUMBER_ATTRIBUTES. Of all else anything is taken."""

    groups: Mapping[str, Mapping[str, Variable]] = field(default_factory=dict)
    numbers: frozenset[str] = frozenset()
