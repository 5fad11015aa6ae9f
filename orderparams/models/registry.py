"""The models by name, one line each. What a model is made of is imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

MODELS = {
    "single-location": "single_location",
    "committee": "committee",
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
