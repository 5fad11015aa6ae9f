"""What all results share: reading, saving, a short description, other tools' formats."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from orderparams.config import Problem
from orderparams.config.words import describe
from orderparams.errors import ConfigurationError
from orderparams.models import registry
from orderparams.models.interface import Named
from orderparams.models.parameters import OrderParameter
from orderparams.provenance import provenance
from orderparams.storage.hdf5 import save_tree
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    import xarray


class Result:
    """What came out of a problem."""

    main: ClassVar[str]
    """The group of a file that it is about."""

    problem: Problem

    @property
    def order_parameters(self) -> tuple[OrderParameter, ...]:
        """Those that move in the problem."""
        known = registry.configuration(self.problem.model).order_parameters(self.problem)
        return tuple(known)

    def groups(self) -> Mapping[str, Tree]:
        """What a file holds of it."""
        raise NotImplementedError

    @property
    def ended(self) -> str:
        """The status of a file."""
        return "finished"

    def facts(self) -> Mapping[str, str]:
        """What there is to say of it in a few lines."""
        raise NotImplementedError

    def attributes(self) -> Mapping[str, str]:
        """What a file says beside what the problem gives."""
        return {}

    def save(
        self,
        path: str | Path,
        *,
        force: bool = False,
        command: str = "",
        more: Mapping[str, Tree] | None = None,
    ) -> None:
        """Write an HDF5 file (docs/file-format.md), with ``more`` groups than its own.

        :class:`~orderparams.errors.FileError` if it exists and ``force`` is not given.
        """
        attributes = {**provenance(self.problem, command), "status": self.ended}
        tree = Tree(
            attributes=attributes | dict(self.attributes()),
            groups={**self.groups(), **(more or {})},
        )
        save_tree(Path(path), tree, force=force)

    def to_xarray(self) -> xarray.Dataset:
        """The main group as xarray's Dataset, with coordinates, units and long names.

        :class:`~orderparams.errors.ConfigurationError` without xarray.
        """
        return dataset(self.groups()[self.main])

    def lines(self) -> list[str]:
        """The result in at most a dozen lines."""
        problem = self.problem
        title = f" {problem.title!r}" if problem.title else ""
        words = {**describe(problem), **self.facts()}
        return [f"<{type(self).__name__}{title}>", *(f"  {k:<12}{v}" for k, v in words.items())]

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        first, *rest = self.lines()
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(line[2:14].strip())}</th>"
            f"<td style='text-align:left'>{html.escape(line[14:])}</td></tr>"
            for line in rest
        )
        return f"<div><b>{html.escape(first)}</b><table>{rows}</table></div>"


class Measured(Named, Result):
    """A result with order parameters, and references that can be read like them."""

    def __getattr__(self, name: str) -> Any:
        """Those that do not move in this problem are None, references that are unknown NaN."""
        if name in ("parameters", "references", "problem"):
            raise AttributeError(name)
        if name in self.parameters:
            return self.parameters[name]
        configuration = registry.configuration(self.problem.model)
        if name in configuration.REFERENCES:
            return getattr(self, "references", {}).get(name, float("nan"))
        if any(name == known.name for known in configuration.PARAMETERS):
            return None
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def dataset(tree: Tree) -> xarray.Dataset:
    """A group as xarray's Dataset."""
    try:
        import xarray
    except ImportError:
        raise ConfigurationError(
            "to_xarray needs xarray; install it with: pip install 'orderparams[xarray]'"
        ) from None
    data = {
        name: (variable.axes, values, {"units": variable.units, "long_name": variable.long_name})
        for name, (variable, values) in tree.variables.items()
    }
    sizes = tree.sizes.items()
    coordinates = {axis: tree.coordinates.get(axis, range(1, n + 1)) for axis, n in sizes}
    return xarray.Dataset(data, coordinates, dict(tree.attributes))


def span(values: Any) -> str:
    """First and last of a course in words."""
    return f"{values[0]:.6g} to {values[-1]:.6g}"


def shapes(arrays: Mapping[str, Any]) -> str:
    """Names and shapes of arrays in words."""
    return ", ".join(f"{name} {values.shape}" for name, values in arrays.items())
