"""The shipped configurations by name."""

from __future__ import annotations

from importlib import resources
from typing import overload

from orderparams import arguments
from orderparams.config import parse_toml
from orderparams.config.values import nearest
from orderparams.errors import ConfigurationError

DEFAULT_PRESET = "two-stage"


def preset_names() -> list[str]:
    """Names of the shipped configurations."""
    folder = resources.files("orderparams.data") / "presets"
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


def preset_text(name: str) -> str:
    """TOML text of a shipped configuration."""
    if name not in preset_names():
        close = nearest(name, preset_names())
        raise ConfigurationError(
            f"no preset is called {name!r}; the presets are {', '.join(preset_names())}"
            + (f"; did you mean {close!r}?" if close else "")
        )
    return (resources.files("orderparams.data") / "presets" / f"{name}.toml").read_text("utf-8")


@overload
def presets() -> dict[str, str]: ...
@overload
def presets(name: str) -> str: ...
def presets(name: str | None = None) -> dict[str, str] | str:
    """The shipped configurations: names, and what they are in a few words; or the text of one.

    Parameters
    ----------
    name
        Of the configuration whose TOML text is wanted.

    Raises
    ------
    ConfigurationError
        No shipped configuration has that name.

    Examples
    --------
    >>> op.presets()["single-head"]
    'One head, one spike: softmax attains the Bayes risk'
    >>> print(op.presets("single-head").splitlines()[0])
    title = "One head, one spike: softmax attains the Bayes risk"
    """
    if name is not None:
        return preset_text(arguments.text(name, "name"))
    return {name: str(parse_toml(preset_text(name))["title"]) for name in preset_names()}
