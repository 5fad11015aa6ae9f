"""Groups of arrays that say what they are: what results are stored as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.storage.schema import AXES, Variable


@dataclass(frozen=True, eq=False)
class Tree:
    """A group to be written: variables over named axes, attributes, groups in it.

    ``coordinates`` are the values along axes; an axis without is counted from 1. ``axis_names`` are
    the axes' long names beside those of ``schema.AXES``, ``axis_keys`` the keys of the
    configuration that are varied along them. ``arrays`` are stored as they are, of
    which no axes are told. ``groups`` are asked for one after the other; one that cannot be had
    (KeyError) is left out.
    """

    variables: Mapping[str, tuple[Variable, NDArray[Any]]] = field(default_factory=dict)
    coordinates: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    axis_names: Mapping[str, str] = field(default_factory=dict)
    axis_keys: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, Tree] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """Lengths of the axes of the variables."""
        return {
            axis: size
            for variable, values in self.variables.values()
            for axis, size in zip(variable.axes, np.shape(values), strict=True)
        }

    def scale(self, axis: str, size: int) -> tuple[Variable, NDArray[Any]]:
        """An axis as a variable over itself, and the values along it."""
        words = self.axis_names[axis] if axis in self.axis_names else AXES[axis]
        about = Variable((axis,), words, key=self.axis_keys.get(axis, ""))
        return about, np.asarray(self.coordinates.get(axis, np.arange(1, size + 1)))
