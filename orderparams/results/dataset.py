"""Results as xarray's datasets, the same as those that it opens from their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orderparams.errors import ConfigurationError
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    import xarray


def dataset(tree: Tree) -> xarray.Dataset:
    """A group with its coordinates, units and long names.

    :class:`~orderparams.errors.ConfigurationError` without xarray.
    """
    try:
        import xarray
    except ImportError:
        raise ConfigurationError(
            "to_xarray needs xarray, which is not installed; "
            "pip install 'orderparams[xarray]' installs it"
        ) from None
    data = {
        name: (variable.axes, np.asarray(values), variable.attributes)
        for name, (variable, values) in tree.variables.items()
    }
    scales = {axis: tree.scale(axis, size) for axis, size in tree.sizes.items()}
    coordinates = {
        axis: (axis, values, about.attributes) for axis, (about, values) in scales.items()
    }
    attributes = dict(tree.attributes)
    named = str(attributes.pop("coordinates", "")).split()
    return xarray.Dataset(data, coordinates, attributes).set_coords(named)
