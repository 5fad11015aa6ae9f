"""The shipped configurations by name."""

from __future__ import annotations

from importlib import resources

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
