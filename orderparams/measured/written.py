"""Data as whoever made them has written them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from orderparams.config import Problem


@dataclass(frozen=True, eq=False)
class Written:
    """Arrays by name; ``place`` is how messages name them. The dimension D and the problem, where
    they say it themselves."""

    place: str
    arrays: Mapping[str, NDArray[Any]]
    dimension: int | None = None
    problem: Problem | None = None
