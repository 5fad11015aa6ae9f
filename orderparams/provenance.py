"""Where a result comes from: program, versions, time, command, settings and seeds."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import platform

from orderparams.config import Problem, to_toml
from orderparams.config.sections import settings_of


def version() -> str:
    """Version of the installed program."""
    return importlib.metadata.version("orderparams")


def describe_platform() -> str:
    """Python, the numerical libraries and the machine, in one line."""
    libraries = (
        f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "scipy", "numba")
    )
    return ", ".join(
        [f"Python {platform.python_version()}", *libraries, platform.system(), platform.machine()]
    )


def provenance(problem: Problem, command: str) -> dict[str, str]:
    """Attributes of a file that say how it was made and how to make it again."""
    sections = {name: getattr(problem, name) for name in settings_of(type(problem))}
    seeds = {name: one.seed for name, one in sections.items() if hasattr(one, "seed")}
    if shared := getattr(sections.get("attention"), "sharing", None):
        seeds["attention.shared"] = shared.seed
    return {
        "version": version(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command,
        "config": to_toml(problem),
        "seeds": json.dumps(seeds),
        "platform": describe_platform(),
    }
