"""The file of a claim: /checks, /curves, and the run as /trajectory where there is one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import h5py
import numpy as np

from orderparams.claims.evidence import Check, Evidence, Panel
from orderparams.errors import FileError
from orderparams.storage.attributes import attribute
from orderparams.storage.hdf5 import (
    create,
    loaded,
    read,
    read_state,
    read_trajectory,
    stored_problem,
    write_state,
    write_trajectory,
    write_variables,
)
from orderparams.storage.schema import CHECKS, Variable


def save(evidence: Evidence, path: Path, *, force: bool, command: str) -> None:
    """Write the evidence of a claim; :class:`FileError` if the path cannot be written."""
    status = "finished" if evidence.holds else "failed"
    with create(path, evidence.problem, status=status, force=force, command=command) as file:
        write_checks(evidence, file.create_group("checks"))
        for panel in evidence.panels:
            write_panel(panel, file.create_group(f"curves/{panel.name}"))
        if evidence.trajectory is not None:
            write_trajectory(evidence.trajectory, file)
            write_state(evidence.trajectory.state, file)


def write_checks(evidence: Evidence, group: h5py.Group) -> None:
    """One row a check."""
    columns = {name: [getattr(check, name) for check in evidence.checks] for name in CHECKS}
    arrays = {
        name: np.array(column, dtype=np.int8 if name == "holds" else h5py.string_dtype())
        for name, column in columns.items()
    }
    write_variables(
        group,
        {name: (CHECKS[name], array) for name, array in arrays.items()},
        {},
        {"check": "check, counted from 1"},
    )


def write_panel(panel: Panel, group: h5py.Group) -> None:
    """``value`` (curve, axis), and how it is drawn as attributes."""
    names = np.array(list(panel.curves), dtype=h5py.string_dtype())
    write_variables(
        group,
        {
            "value": (
                Variable(("curve", panel.axis), panel.label),
                np.array([*panel.curves.values()]),
            )
        },
        {"curve": names, panel.axis: panel.values},
        {"curve": "what is drawn", panel.axis: panel.axis_label},
    )
    group.attrs["axis"] = panel.axis
    group.attrs["scales"] = json.dumps(panel.scales)
    group.attrs["ticks"] = json.dumps(panel.ticks)


def open_evidence(path: Path) -> Evidence:
    """The evidence of a claim; :class:`FileError` if a file holds none."""
    with read(path) as file:
        problem = stored_problem(file)
        if "checks" not in file:
            has = ", ".join(file) or "no groups"
            raise FileError(f"{path} holds no claim; it has {has}", "make", command="reproduce")
        columns = [loaded(file["checks"][name]).tolist() for name in CHECKS]
        run = None
        if "trajectory" in file:
            run = read_trajectory(file["trajectory"], problem, "finished")
            run = dataclasses.replace(run, state=read_state(file))
        return Evidence(
            problem=problem,
            checks=tuple(
                Check(what, expected, found, bool(holds))
                for what, expected, found, holds in zip(*columns, strict=True)
            ),
            panels=tuple(read_panels(file)),
            trajectory=run,
        )


def read_panels(file: h5py.File) -> list[Panel]:
    """The panels of an open file."""
    return [read_panel(name, group) for name, group in file.get("curves", {}).items()]


def read_panel(name: str, group: h5py.Group) -> Panel:
    """What :func:`write_panel` wrote."""
    axis = str(attribute(group, "axis"))
    return Panel(
        name=name,
        axis=axis,
        axis_label=str(attribute(group[axis], "long_name")),
        values=group[axis][...],
        label=str(attribute(group["value"], "long_name")),
        curves=dict(zip(loaded(group["curve"]), group["value"][...], strict=True)),
        scales=tuple(json.loads(attribute(group, "scales"))),
        ticks=tuple(json.loads(attribute(group, "ticks"))),
    )
