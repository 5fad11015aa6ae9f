"""The shipped configurations by name."""

from __future__ import annotations

from importlib import resources

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


def presets() -> dict[str, str]:
    """The shipped configurations: their names, and what they are in a few words.

    Examples
    --------
    >>> op.presets()["single-head"]
    'One head, one spike: softmax attains the Bayes risk'
    >>> op.load("single-head").attention.heads
    1
    """
    return {name: str(parse_toml(preset_text(name))["title"]) for name in preset_names()}
