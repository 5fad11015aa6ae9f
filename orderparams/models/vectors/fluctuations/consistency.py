"""What keys must satisfy where fluctuations are asked for."""

from __future__ import annotations

from typing import Any

from orderparams.config.matrices import Found
from orderparams.errors import ConfigurationError

ASKED = "fluctuations.enabled = true"


def wanted(problem: Any) -> bool:
    """Whether a problem asks for fluctuations."""
    settings = getattr(problem, "fluctuations", None)
    return settings is not None and settings.enabled


def check_fluctuations(problem: Any) -> Found:
    """SGD whose steps are plain or have a short memory, and a start to fluctuate from."""
    if not wanted(problem):
        return
    training, asked = problem.training, ASKED
    if training.rule != "sgd":
        yield ConfigurationError(
            f"{asked}: gradient flow does not fluctuate; set training.rule = 'sgd', or leave it out"
        )
    if training.constraint == "sphere" and training.momentum:
        yield unserved(
            "training.momentum on spheres", "the steps that are remembered lead off them"
        )
    if problem.fluctuations.start == "random" and problem.initial.kind != "random":
        yield ConfigurationError(
            "fluctuations.start = 'random' is over starts that are drawn, and this one is given by "
            "its overlaps; set initial.kind = 'random', or fluctuations.start = 'fixed'"
        )


def unserved(what: str, why: str) -> ConfigurationError:
    """The error for a setting under which fluctuations are not known, and why they are not."""
    return ConfigurationError(f"{ASKED} does not serve {what}: {why}; leave one of them out")
