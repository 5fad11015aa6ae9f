"""Fluctuations of SGD around a flow: what is left of the dimension, to leading order in 1/D."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.config.plain import plain
from orderparams.config.values import number
from orderparams.errors import ConfigurationError
from orderparams.results.result import Result
from orderparams.results.schema import FLUCTUATIONS, sizes
from orderparams.storage.schema import AXES
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from orderparams.storage.nodes import Node

Array = NDArray[np.float64]


LARGE = 0.1
"""Variance, in units of the square of what fluctuates, beyond which it is no small fluctuation."""

HUGE = 1e6
"""Dimension beyond which it is of no use that linear theory holds."""


def checked(dimension: float) -> float:
    """A dimension; :class:`~orderparams.errors.ConfigurationError` for what is none."""
    return number(0.0, above=True)(plain(dimension), "dimension")


@dataclass(frozen=True, eq=False, repr=False)
class Fluctuations(Result):
    """Of N order parameters at T times, for any dimension D (docs/fluctuations.md).

    In dimension D they have the mean ``flow`` + ``shift``/D and the covariance ``covariance``/D.

    parameter (N,), what each is called, such as m_1,2; time (T,); flow (T, N), around which they
    fluctuate; covariance (T, N, N); shift (T, N), NaN if it was not asked for; propagator Φ and
    innovation_covariance Q (T−1, N, N), of the fluctuations ξ between times:
    ξ(t_{i+1}) = Φ_i ξ(t_i) + a normal number of covariance Q_i; growth_rate (T,), the largest real
    part of the eigenvalues of the flow's Jacobian; risk (T,) of the flow, of which risk_variance/D
    is the variance and risk_shift/D the shift; reach (N,), the largest sizes in the run beside.

    Examples
    --------
    >>> settings = {"training.duration": 1, "fluctuations.enabled": True}
    >>> run = op.solve("finite-learning-rate", settings=settings)
    >>> run.fluctuations.parameter.tolist()
    ['m_1,1', 'm_2,1', 'q_1,1', 'q_2,1', 'q_2,2']
    >>> deviations = run.fluctuations.deviations(1000)  # standard deviations in D = 1000
    >>> deviations.shape
    (11, 5)
    """

    main: ClassVar[str] = "fluctuations"

    problem: Problem
    parameter: NDArray[np.str_]
    time: Array
    flow: Array
    covariance: Array
    shift: Array
    propagator: Array
    innovation_covariance: Array
    growth_rate: Array
    risk: Array
    risk_variance: Array
    risk_shift: Array
    reach: Array | None = None

    def beside(self, parameters: Mapping[str, Array]) -> Fluctuations:
        """The same beside a run of order parameters (T, …), which may go where their flow does not:
        ``reach`` (N,) are the largest sizes in it."""
        reach = []
        for one in self.order_parameters:
            largest = np.abs(parameters[one.name]).max(axis=0)
            reach += [largest[index] for index in one.entries(largest.shape)]
        return dataclasses.replace(self, reach=np.array(reach))

    def deviations(self, dimension: float) -> Array:
        """Standard deviations (T, N) of the order parameters in dimension D."""
        variances = np.diagonal(self.covariance, axis1=1, axis2=2)
        deviations: Array = np.sqrt(np.maximum(variances, 0.0) / checked(dimension))
        return deviations

    def mean(self, dimension: float) -> Array:
        """Mean of the order parameters (T, N) in dimension D."""
        mean: Array = self.flow + self.shift / checked(dimension)
        return mean

    def center(self, dimension: float) -> Array:
        """The same, or the flow where the shift is not known."""
        mean = self.mean(dimension)
        return np.where(np.isnan(mean), self.flow, mean)

    def by_name(self, values: Array) -> dict[str, Array]:
        """Values (T, N) of all entries by order parameter, (T, …)."""
        lengths = sizes(self.problem)
        found, columns = {}, iter(values.T)
        for one in self.order_parameters:
            shape = tuple(lengths[axis.name] for axis in one.axes)
            array = np.empty((*shape, len(values)))
            for index in one.entries(shape):
                array[index] = next(columns)
                if one.symmetric:
                    array[index[::-1]] = array[index]
            found[one.name] = np.moveaxis(array, -1, 0)
        return found

    @property
    def least_dimension(self) -> Array:
        """The least D (T,) in which linear theory holds: that in which no combination of order
        parameters, each in units of the largest size that its kind has in the run, has a variance
        above LARGE."""
        kinds = np.array([name.partition("_")[0] for name in self.parameter])
        sizes = np.abs(self.flow).max(axis=0)
        sizes = sizes if self.reach is None else np.maximum(sizes, self.reach)
        scale = np.array([sizes[kinds == kind].max() for kind in kinds])
        scale[scale == 0] = 1.0
        scaled = self.covariance / np.multiply.outer(scale, scale)
        least: Array = np.maximum(np.linalg.eigvalsh(scaled)[:, -1], 0.0) / LARGE
        return least

    @property
    def least_until(self) -> Array:
        """The least D (T,) in which linear theory holds from the start to each time."""
        least: Array = np.maximum.accumulate(self.least_dimension)
        return least

    def linear_until(self, dimension: float) -> float:
        """The last of the times up to which linear theory holds in dimension D; NaN if there is
        none."""
        known = self.time[self.least_until <= checked(dimension)]
        return float(known[-1]) if len(known) else np.nan

    def linear(self, most: int = 6) -> dict[float, float]:
        """Times, so many at most and the last among them, and the least D in which linear theory
        holds until then; others than the last where that is not HUGE."""
        least = self.least_until
        last = np.flatnonzero(least <= HUGE)[-1:]
        places = np.linspace(0, last[0] if len(last) else 0, most).round().astype(np.int64)
        places = np.unique([*places, len(least) - 1])[-most:]
        return {float(self.time[i]): float(least[i]) for i in places if self.time[i] > 0}

    def tree(self) -> Tree:
        """The group /fluctuations."""
        problem: Any = self.problem
        settings, training = problem.fluctuations, problem.training
        return Tree(
            variables={name: (about, getattr(self, name)) for name, about in FLUCTUATIONS.items()},
            coordinates={
                "time": self.time,
                "parameter": self.parameter,
                "parameter_2": self.parameter,
            },
            axis_names=AXES,
            attributes={
                "nodes": settings.taken,
                "start": settings.start,
                "learning_rate": training.learning_rate,
                "batch_size": training.batch_size,
            },
        )

    def groups(self) -> dict[str, Tree]:
        """/fluctuations alone."""
        return {"fluctuations": self.tree()}

    def save(self, path: str | Path, **_: Any) -> None:
        """:class:`~orderparams.errors.ConfigurationError`: they are in the file of their run."""
        raise ConfigurationError("fluctuations are saved with their run: run.save(path)")

    def plot(self, path: str | Path | None = None, **_: Any) -> Figure:
        """:class:`~orderparams.errors.ConfigurationError`: they are drawn around their run."""
        raise ConfigurationError("fluctuations are drawn around their run: run.plot(bands=1000)")

    def facts(self) -> dict[str, str]:
        """What they are of, and how large."""
        last = self.deviations(1.0)[-1]
        largest = int(np.argmax(last))
        return {
            "times": f"{len(self.time)}, {self.time[0]:.6g} to {self.time[-1]:.6g}",
            "parameters": ", ".join(self.parameter),
            "largest": f"{self.parameter[largest]} has the standard deviation "
            f"{last[largest]:.4g}/√D at the end",
            "growth": f"at a rate of {self.growth_rate.max():.4g} at most",
            "linear": f"for D above {self.least_dimension.max():.3g}",
        }


def read_fluctuations(node: Node, problem: Problem) -> Fluctuations:
    """The group /fluctuations."""
    arrays = {name: node.array(name) for name in FLUCTUATIONS}
    time = node.array("time")
    if not (np.isfinite(time).all() and np.isfinite(arrays["covariance"]).all()):
        raise ValueError("its fluctuations are not finite")
    return Fluctuations(problem, node.array("parameter"), time, **arrays)
