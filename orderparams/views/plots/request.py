"""What is asked of a figure, whatever it shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

LOGS = ("x", "y", "both")
"""Axes that can be asked to be logarithmic."""

ANY = frozenset({"kind", "title", "size"})
"""What every figure can be asked for."""


@dataclass(frozen=True)
class Request:
    """What a figure is asked to be.

    ``quantity`` names what is drawn, of all that could be; ``log`` is one of LOGS or ""; ``excess``
    draws the risk minus the one to compare with; ``title`` stands above in place of the heading,
    which "" leaves out; ``size`` is width and height in inches, the height None where the panels
    decide it. ``at`` and ``over`` choose what is drawn of a scan; ``labels`` are the names of
    several results. ``plane`` are two directions of a phase portrait, or two columns of a
    plane, and ``field`` what learns; counted from 1. ``bands`` is the dimension for which they are
    drawn.
    """

    kind: str = ""
    quantity: tuple[str, ...] = ()
    log: str = ""
    excess: bool = False
    title: str | None = None
    size: tuple[float, float | None] | None = None
    at: Mapping[str, str] = dataclasses.field(default_factory=dict)
    over: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    plane: tuple[int, ...] = ()
    field: int = 0
    bands: int = 0

    @property
    def given(self) -> list[str]:
        """The names of what was asked for."""
        names = (entry.name for entry in dataclasses.fields(self))
        return [name for name in names if getattr(self, name) != getattr(PLAIN, name)]


PLAIN = Request()
"""Nothing in particular."""
