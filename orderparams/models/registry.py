"""The models by name, one line each. What a model is made of is imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from orderparams.models.interface import Model

MODELS = {
    "single-location": "single_location",
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


def model(name: str) -> Model:
    """What a model does: the module ``model`` of its folder."""
    return cast("Model", importlib.import_module(f"orderparams.models.{MODELS[name]}.model"))
