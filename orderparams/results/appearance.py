"""What a figure can be asked to be, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict


class Appearance(TypedDict, total=False):
    """The options of :func:`orderparams.plot`, which says what they are, and of ``result.plot``."""

    kind: str | None
    quantity: str | Sequence[str]
    log: str | None
    excess: bool
    title: str | None
    size: str | tuple[float, float] | None
    style: str | Path | None
    theme: str
    at: Mapping[str, Any] | None
    over: str | Sequence[str]
    labels: Sequence[str]
