"""What all results share: reading, saving, a short description, other tools' formats."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from orderparams.models import registry
from orderparams.models.interface import OWN, Named
from orderparams.models.parameters import Observable, OrderParameter
from orderparams.provenance import provenance
from orderparams.results import frame
from orderparams.results.dataset import dataset
from orderparams.results.shown import Shown
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    import pandas
    import xarray


class Result(Shown):
    """What came out of a problem."""

    main: ClassVar[str]
    """The group of a file that it is about."""

    along: ClassVar[tuple[str, ...]] = ()
    """Axes of the rows of a data frame, where not those that all variables share."""

    @property
    def order_parameters(self) -> tuple[OrderParameter, ...]:
        """Those that move in the problem."""
        known = registry.configuration(self.problem.model).order_parameters(self.problem)
        return tuple(known)

    @abstractmethod
    def groups(self) -> Mapping[str, Tree]:
        """What a file holds of it."""

    @property
    def ended(self) -> str:
        """The status of a file."""
        return "finished"

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
        from orderparams.storage.hdf5 import save_tree  # HDF5 is loaded where it is needed

        attributes = {**provenance(self.problem, command), "status": self.ended}
        tree = Tree(
            attributes=attributes | dict(self.attributes()),
            groups={**self.groups(), **(more or {})},
        )
        save_tree(Path(path), tree, force=force)

    def to_xarray(self) -> xarray.Dataset:
        """The main group as xarray's Dataset, as it opens it from a file.

        :class:`~orderparams.errors.ConfigurationError` without xarray.
        """
        return dataset(self.groups()[self.main])

    def to_dataframe(self, *, tidy: bool = False) -> pandas.DataFrame:
        """The main group as pandas' DataFrame.

        A row a time, of a simulation a replica and a time, of a scan a point; an entry of an order
        parameter is a column, such as ``overlap_1_2``. ``tidy``: a row a number, with its place, as
        ``orderparams export --to csv`` writes it. What has no such rows, such as p-values, is in
        the tidy form only. :class:`~orderparams.errors.ConfigurationError` without pandas.
        """
        group = self.groups()[self.main]
        if tidy:
            return frame.tidy(group)
        return frame.wide(group, self.along or frame.common_axes(group))


class Measured(Named, Result):
    """A result with order parameters, and with observables and references that can be read like
    them."""

    observables: Mapping[str, Any] = MappingProxyType({})

    @property
    def seen(self) -> tuple[Observable, ...]:
        """The observables that are known."""
        known = registry.configuration(self.problem.model).OBSERVABLES
        return tuple(one for one in known if one.name in self.observables)

    def __getitem__(self, name: str) -> Any:
        """An order parameter or an observable by its name."""
        return self.observables[name] if name in self.observables else super().__getitem__(name)

    def __getattr__(self, name: str) -> Any:
        """Those that do not move in this problem are None, references that are unknown NaN."""
        if name in OWN or name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name in self.parameters:
            return self.parameters[name]
        configuration = registry.configuration(self.problem.model)
        if name in self.observables:
            return self.observables[name]
        if name in configuration.REFERENCES:
            return getattr(self, "references", {}).get(name, float("nan"))
        if any(name == known.name for known in configuration.PARAMETERS):
            return None
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def span(values: Any) -> str:
    """First and last of a course in words."""
    return f"{values[0]:.6g} to {values[-1]:.6g}"


def shapes(arrays: Mapping[str, Any]) -> str:
    """Names and shapes of arrays in words."""
    return ", ".join(f"{name} {values.shape}" for name, values in arrays.items())
