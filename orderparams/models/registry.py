"""The models by name, one line each. What a model is made of is imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

from orderparams.models.limit import Limit

MODELS = {
    "single-location": "single_location",
    "committee": "committee",
    "in-context-regression": "in_context",
}
"""Names, as the configuration has them, and folders beside this file."""

DEFAULT = "single-location"
"""What a configuration without the key ``model`` is of."""


def names() -> tuple[str, ...]:
    """All names."""
    return tuple(MODELS)


def configuration(name: str) -> Any:
    """What a model's configuration is: the module ``config`` of its folder, which is read without
    any numerical library (``models/single_location/config.py`` lists what it has)."""
    return importlib.import_module(f"orderparams.models.{MODELS[name]}.config")


def limit(name: str) -> Limit:
    """Where SGD of a model follows its theory."""
    found: Limit = configuration(name).LIMIT
    return found


def asymptotic(name: str) -> dict[str, str]:
    """Those risks to compare with that hold only in a limit, and in which: a model's module
    ``config`` may have such a table ASYMPTOTIC."""
    known: dict[str, str] = getattr(configuration(name), "ASYMPTOTIC", {})
    return known


def own_analysis(problem: Any) -> bool:
    """Whether the model of a problem analyzes its runs by itself, since what learns are no vectors
    against hidden directions: OWN_ANALYSIS of its module ``config``, or what that says of the
    problem. Its module ``model`` then has ``findings`` in place of ``geometry`` and ``descent``."""
    found = getattr(configuration(problem.model), "OWN_ANALYSIS", False)
    return bool(found(problem) if callable(found) else found)


def joined_analysis(problem: Any) -> bool:
    """Whether a problem that its model analyzes by itself has vectors all the same, with
    ``geometry`` and ``descent``: what JOINED_ANALYSIS of its module ``config`` says of it."""
    found = getattr(configuration(problem.model), "JOINED_ANALYSIS", None)
    return found is not None and bool(found(problem))


def work(name: str) -> Any:
    """What a model does: the module ``model`` of its folder (:mod:`orderparams.models.interface`
    says what it has)."""
    return importlib.import_module(f"orderparams.models.{MODELS[name]}.model")


def selftests(name: str) -> dict[str, Any]:
    """Tests of an installation: by its name a function that gives expected, tolerance, found."""
    tests: dict[str, Any] = importlib.import_module(
        f"orderparams.models.{MODELS[name]}.selftest"
    ).TESTS
    return tests
