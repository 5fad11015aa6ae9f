"""What a model that analyzes its runs by itself finds in one: chapters of sentences and a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from orderparams.models.interface import State

Array = NDArray[np.float64]


class Course(Protocol):
    """A run: times (T,), order parameters (T, …) by name, and the risk (T,)."""

    @property
    def time(self) -> Array: ...
    @property
    def risk(self) -> Array: ...
    @property
    def parameters(self) -> State: ...
    def state(self, index: int, /) -> State: ...


@dataclass(frozen=True, eq=False)
class Column:
    """A number or a text for each row (N,): its head on screens, and what it is in files."""

    head: str
    words: str
    values: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Finding:
    """A chapter. ``name`` is that of its group in files, ``axis`` of its rows, ``rows`` what they
    are; columns by their names in files."""

    name: str
    title: str
    axis: str
    rows: str
    sentences: tuple[str, ...]
    columns: Mapping[str, Column]

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A column by its name."""
        return self.columns[name].values


def texts(values: list[str]) -> NDArray[Any]:
    """An array of texts; it may be empty."""
    return np.array(values, dtype=object)
