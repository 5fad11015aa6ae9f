"""What a point of a scan does: one entry an action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from orderparams.config import Problem

if TYPE_CHECKING:
    import h5py


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a point came to.

    ``status`` is "finished" or "failed", with a message; ``values`` are arrays under names of
    ``storage.schema.POINT``; ``store`` writes all the rest, such as a trajectory, into a group.
    """

    status: str
    message: str = ""
    values: Mapping[str, ArrayLike] = field(default_factory=dict)
    store: Callable[[h5py.Group], None] | None = None


def solve(problem: Problem) -> Outcome:
    """The state at the end of the flow."""
    from orderparams.integrate import solve
    from orderparams.storage.hdf5 import write_trajectory

    trajectory = solve(problem)
    store = partial(write_trajectory, trajectory)
    if trajectory.status != "finished":
        return Outcome("failed", trajectory.message, store=store)
    values = {
        name: array[-1]
        for name in ("risk", "overlap", "self_overlap", "bias", "head_weight")
        if (array := getattr(trajectory, name)) is not None
    }
    values |= {"bayes_risk": trajectory.bayes_risk, "final_time": trajectory.time[-1]}
    return Outcome("finished", values=values, store=store)


def evaluate(problem: Problem) -> Outcome:
    """Risk, gradient and velocity at the initial condition."""
    from orderparams.evaluation import evaluate

    result = evaluate(problem)
    values: dict[str, Any] = {
        name: getattr(result, name)
        for name in (
            "risk", "bayes_risk", "overlap_gradient", "self_overlap_gradient", "error_estimate",
        )
    }  # fmt: skip
    values |= {"overlap": result.heads.overlap, "self_overlap": result.heads.self_overlap}
    values["overlap_velocity"] = result.velocity.overlap
    values["self_overlap_velocity"] = result.velocity.self_overlap
    return Outcome("finished", values=values)


ACTIONS: dict[str, Callable[[Problem], Outcome]] = {"solve": solve, "evaluate": evaluate}


def perform(action: str, problem: Problem) -> Outcome:
    """Do it; whatever goes wrong becomes a failed outcome with its message."""
    from orderparams.errors import OrderparamsError

    try:
        with np.errstate(all="ignore"):
            return ACTIONS[action](problem)
    except OrderparamsError as error:
        return Outcome("failed", str(error))
    except Exception as error:  # the scan must go on, and the message tells of the bug
        return Outcome("failed", f"{type(error).__name__}: {error}")
