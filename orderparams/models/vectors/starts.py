"""What configurations say of where vectors start."""

from __future__ import annotations

from typing import Any

from orderparams.config.matrices import Found
from orderparams.errors import ConfigurationError

OVERLAPS = ("overlap", "self_overlap")


def check_no_overlaps(initial: Any) -> Found:
    """Overlaps beside a random start, which would have no effect."""
    given = [f"initial.{key}" for key in OVERLAPS if getattr(initial, key) is not None]
    if given:
        are, them = ("are", "them") if len(given) > 1 else ("is", "it")
        yield ConfigurationError(
            f"{' and '.join(given)} {are} given but initial.kind = 'random'; set initial.kind = "
            f"'explicit' to start from {them}",
            "start",
        )
