"""What came out of a scan: arrays over the varied parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.errors import FileError
from orderparams.results.result import Result
from orderparams.results.schema import SCAN, axis_names, known, point, table
from orderparams.storage.points import point_name, stored_groups
from orderparams.storage.schema import Known, Variable
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    from orderparams.storage.nodes import Node


@dataclass(frozen=True, eq=False, repr=False)
class Scan(Result):
    """A scan, finished or not.

    ``dimensions`` are the leading axes of every array and the values along them: one for each
    varied key in a product, ``point`` (1, 2, …) for paired or random values. ``parameters`` are the
    values of the varied keys, and ``keys`` what these names stand for in the configuration.
    ``arrays`` are the results (names and further axes in ``results.schema``; NaN where a
    point did not finish or has shorter axes than others) and ``status``, ``message``,
    ``seconds``, ``hash`` of each point. ``problem`` is the configuration before it was varied,
    ``config`` the same as TOML text with the table ``[scan]``.

    Examples
    --------
    >>> found = op.scan("two-stage", {"attention.heads": [1, 2]}, action="evaluate", workers=1)
    >>> found.count("finished"), found.failures
    (2, {})
    >>> bool(found.to_xarray().risk.sel(heads=2) == found["risk"][1])
    True
    """

    main: ClassVar[str] = "scan"

    problem: Problem
    config: str
    action: str
    keys: Mapping[str, str]
    dimensions: Mapping[str, NDArray[Any]]
    parameters: Mapping[str, NDArray[Any]]
    arrays: Mapping[str, NDArray[Any]]

    def __getitem__(self, name: str) -> NDArray[Any]:
        """An array or the values of a parameter by its name; KeyError with those there are."""
        if name not in self:
            raise KeyError(f"{name!r} is not among {', '.join(self)}")
        return self.arrays[name] if name in self.arrays else self.parameters[name]

    def __contains__(self, name: object) -> bool:
        return name in self.arrays or name in self.parameters

    def __iter__(self) -> Iterator[str]:
        yield from self.parameters
        yield from self.arrays

    def count(self, status: str) -> int:
        """Number of points that are "finished", "failed" or "missing"."""
        return int(np.count_nonzero(self["status"] == status))

    @property
    def failures(self) -> dict[int, str]:
        """Messages of the failed points by their number, from 1."""
        rows = zip(self["status"].ravel(), self["message"].ravel(), strict=True)
        return {i: message for i, (status, message) in enumerate(rows, 1) if status == "failed"}

    @property
    def ended(self) -> str:
        """The status of a file."""
        return "failed" if (self["status"] != "finished").any() else "finished"

    def groups(self) -> dict[str, Tree]:
        """/scan."""
        axes, model = tuple(self.dimensions), self.problem.model
        variables = {
            name: (Variable(axes + about.axes, about.long_name, about.units), array)
            for name, about in (SCAN | point(model)).items()
            if (array := self.arrays.get(name)) is not None
        }
        for name, values in self.parameters.items():
            if name not in axes:
                variables[name] = (Variable(axes, self.keys[name], key=self.keys[name]), values)
        return {
            "scan": Tree(
                variables=variables,
                coordinates=self.dimensions,
                axis_names={**axis_names(table(model)), **self.keys},
                axis_keys=self.keys,
                attributes={
                    "action": self.action,
                    # What xarray takes as coordinates although they are not axes.
                    "coordinates": " ".join(n for n in self.parameters if n not in axes),
                },
            )
        }

    def attributes(self) -> dict[str, str]:
        """The configuration with its table [scan]."""
        return {"config": self.config}

    def facts(self) -> dict[str, str]:
        """What was varied, and how the points ended."""
        axes = (f"{self.keys.get(name, name)} ({len(v)})" for name, v in self.parameters.items())
        return {
            "action": self.action,
            "varied": ", ".join(axes),
            "points": f"{self.count('finished')} of {self['status'].size} finished",
            "values": ", ".join(name for name in self.arrays if name in point(self.problem.model)),
        }


def save_scan(
    scan: Scan, path: Path, *, force: bool = False, command: str = "", folder: Path | None = None
) -> None:
    """Write /scan, and /points/NNNNNN with all that the files of the points in ``folder`` store.

    :class:`FileError` if the path cannot be written.
    """
    more = {}
    if folder is not None:
        known_of = enumerate(scan["status"].ravel(), 1)
        names = [point_name(number) for number, status in known_of if status != "missing"]
        more["points"] = Tree(groups=StoredPoints(folder, names, known(scan.problem.model)))
    scan.save(path, force=force, command=command, more=more)


@dataclass(frozen=True)
class StoredPoints(Mapping[str, Tree]):
    """What the files of points in a folder store beside their values, read when it is asked for.

    KeyError for a file that cannot be read: the point has failed, and the scan says why.
    """

    folder: Path
    names: Sequence[str]
    known: Known

    def __getitem__(self, name: str) -> Tree:
        try:
            return stored_groups(self.folder / f"{name}.h5", self.known)
        except FileError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def read_scan(file: Node, problem: Problem) -> Scan:
    """The scan in a file."""
    node = file["scan"]
    # In the order in which they were varied, which a file keeps in its axes or its coordinates.
    order = [*node.axes("status"), *str(node.attributes.get("coordinates", "")).split(), *node]
    varied = [name for name in dict.fromkeys(order) if node.has(name, "key")]
    keys = {name: str(node.about(name, "key")) for name in varied}
    names = SCAN | point(problem.model)
    return Scan(
        problem=problem,
        config=str(file.attribute("config")),
        action=str(node.attribute("action")),
        keys=keys,
        dimensions={name: node.array(name) for name in node.axes("status")},
        parameters={name: node.array(name) for name in keys},
        arrays={name: node.array(name) for name in node.variables if name in names},
    )
