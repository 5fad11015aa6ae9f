"""What other random nodes of its expectations change of a theory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from orderparams.results.trajectory import Trajectory
from orderparams.run.altered import drawn_anew
from orderparams.run.compare import NEGLIGIBLE
from orderparams.run.solve import solve

Array = NDArray[np.float64]


def moved_by_nodes(
    flow: Trajectory, read: Callable[[Trajectory], Array], deviation: Array
) -> float:
    """How far they move what is read of a flow, as a part of a deviation: both as they are long.

    0 where its expectations have no random nodes, or the flow cannot be followed with others.
    """
    again = drawn_anew(flow.problem)
    if again == flow.problem:
        return 0.0
    other = solve(again, times=flow.time)
    if not other.complete:
        return 0.0
    moved = float(np.linalg.norm(read(other) - read(flow)))
    return moved / max(float(np.linalg.norm(deviation)), NEGLIGIBLE)
