"""Risks to compare with, on the screen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orderparams.models import registry

if TYPE_CHECKING:
    from orderparams.models.interface import Reference

UNKNOWN = "not known: it takes more memory than there is"


def compared(
    model: str, known: Mapping[str, Reference], most: int = 10, unknown: str = UNKNOWN
) -> list[str]:
    """A line for each, with as many decimals as its error leaves, ``most`` of them, and the error
    where sampling or a search had to serve."""
    from orderparams.results.evaluation import decimals

    names, limits = registry.configuration(model).REFERENCES, registry.asymptotic(model)
    lines = []
    for name, one in known.items():
        error = f" ± {one.error:.1e}" if one.error > 1e-8 else ""
        text = f"{one.value:z.{min(most, decimals(one.error))}f}{error}"
        if math.isnan(one.value):
            text = f"not known: {one.why}" if one.why else unknown
        elif name in limits:
            text += f" {limits[name]}"
        lines.append(f"  {names[name]:<11} {text}")
    return lines
