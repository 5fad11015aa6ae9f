"""The groups of a validation: /simulation, /theory and /comparison."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from orderparams.compare import Comparison
from orderparams.config import Problem
from orderparams.errors import FileError
from orderparams.spread import Scaling
from orderparams.storage.attributes import attribute
from orderparams.storage.hdf5 import create, read, read_courses, stored_problem, write_variables
from orderparams.storage.schema import COMPARISON, SIMULATION, TRAJECTORY, Variable
from orderparams.storage.simulations import read_simulation, write_simulation
from orderparams.trajectory import Trajectory
from orderparams.validation import Validation, in_dimension, starting_from


def write_theory(flows: list[Trajectory], group: h5py.Group) -> None:
    """Flows with a leading replica axis, of length one if all replicas start alike."""
    arrays = {
        name: (SIMULATION[name], np.array([getattr(flow, name) for flow in flows]))
        for name in TRAJECTORY
        if getattr(flows[0], name) is not None
    }
    write_variables(group, arrays, {"time": flows[0].time})
    group.attrs["bayes_risk"] = flows[0].bayes_risk
    group.attrs["engine"] = flows[0].engine


def write_comparison(validation: Validation, group: h5py.Group) -> None:
    """Deviations, z-scores and p-values per order parameter, and the verdict."""
    comparison, fall = validation.comparison, validation.scaling
    arrays = {}
    for quantity, long_name in COMPARISON.items():
        for name, values in getattr(comparison, quantity).items():
            axes = TRAJECTORY[name].axes
            arrays[f"{name}_{quantity}"] = (
                Variable(axes if values.ndim == len(axes) else axes[1:], f"{name}: {long_name}"),
                values,
            )
    arrays["spread"] = (
        Variable(("dimension",), "spread of the deviations over replicas, root mean square"),
        fall.spread,
    )
    largest = validation.simulations[max(validation.simulations)]
    write_variables(group, arrays, {"time": largest.records.time, "dimension": fall.dimension})
    group.attrs["verdict"] = comparison.verdict
    group.attrs["doubt"] = comparison.doubt
    group.attrs["resolution"] = comparison.resolution
    group.attrs["least_pvalue"] = comparison.least_pvalue
    group.attrs["judged"] = comparison.judged
    group.attrs["false_alarm"] = comparison.false_alarm
    group.attrs["degrees"] = comparison.degrees
    group.attrs["loss_pvalue"] = validation.loss_pvalue
    group.attrs["spread_exponent"] = fall.exponent
    group.attrs["spread_exponent_error"] = fall.standard_error


def save(validation: Validation, path: Path, *, force: bool, command: str) -> None:
    """A file with a validation; :class:`FileError` if the path cannot be written."""
    problem = validation.problem
    with create(path, problem, status="finished", force=force, command=command) as file:
        write_validation(validation, file)


def write_validation(validation: Validation, file: h5py.Group) -> None:
    """Write all groups; simulation and theory of the largest dimension carry no suffix."""
    for dimension, run in validation.simulations.items():
        suffix = "" if dimension == max(validation.simulations) else f"_{dimension}"
        write_simulation(run, file, f"simulation{suffix}")
        write_theory(validation.theory[dimension], file.create_group(f"theory{suffix}"))
    write_comparison(validation, file.create_group("comparison"))


def open_validation(path: Path) -> Validation:
    """The validation in a file; :class:`FileError` if it holds none."""
    with read(path) as file:
        problem = stored_problem(file)
        if "comparison" not in file:
            has = ", ".join(file) or "no groups"
            raise FileError(f"{path} holds no comparison; it has {has}", "make", command="validate")
        group = file["comparison"]
        simulations, theory = {}, {}
        for dimension in map(int, group["dimension"]):
            suffix = "" if dimension == max(group["dimension"]) else f"_{dimension}"
            simulations[dimension] = read_simulation(
                file[f"simulation{suffix}"], in_dimension(problem, dimension), "finished"
            )
            theory[dimension] = read_theory(file[f"theory{suffix}"], problem)
        return Validation(
            problem=problem,
            simulations=simulations,
            theory=theory,
            comparison=read_comparison(group),
            loss_pvalue=float(attribute(group, "loss_pvalue")),
            scaling=Scaling(
                dimension=group["dimension"][...],
                spread=group["spread"][...],
                exponent=float(attribute(group, "spread_exponent")),
                standard_error=float(attribute(group, "spread_exponent_error")),
            ),
        )


def read_theory(group: h5py.Group, problem: Problem) -> list[Trajectory]:
    """The flows that :func:`write_theory` wrote, each with its start as the initial condition."""
    arrays = read_courses(group, problem, TRAJECTORY)
    time = arrays.pop("time")
    flows = []
    for replica in range(len(arrays["overlap"])):
        own = {name: values[replica] for name, values in arrays.items()}
        flows.append(
            Trajectory(
                problem=starting_from(problem, own["overlap"][0], own["self_overlap"][0]),
                time=time,
                bayes_risk=float(attribute(group, "bayes_risk")),
                engine=str(attribute(group, "engine")),
                **own,
            )
        )
    return flows


def read_comparison(group: h5py.Group) -> Comparison:
    """Deviations, z-scores and p-values of what was compared.

    Files that were written before there were inconclusive verdicts have no doubt.
    """
    judged = [name for name in TRAJECTORY if f"{name}_deviation" in group]
    return Comparison(
        **{key: {name: group[f"{name}_{key}"][...] for name in judged} for key in COMPARISON},
        degrees=int(attribute(group, "degrees")),
        least_pvalue=float(attribute(group, "least_pvalue")),
        false_alarm=float(attribute(group, "false_alarm")),
        judged=int(attribute(group, "judged")) if "judged" in group.attrs else 1,
        resolution=float(attribute(group, "resolution")) if "resolution" in group.attrs else np.nan,
        doubt=str(attribute(group, "doubt")) if "doubt" in group.attrs else "",
    )
