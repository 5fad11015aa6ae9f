"""Escapes from symmetric states: when SGD leaves them by its own noise, in law and as simulated."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import polygamma

Array = NDArray[np.float64]

SHARE = 0.1
"""Part of the deviation at the optimum that counts as having left: linear theory holds until then,
up to a few percent."""

STEADY = 0.2
"""Of the scatter, what the mean may be off the formula's."""

PROBABILITIES = (np.arange(200) + 0.5) / 200
"""Those of the quantiles that are kept of a law."""


@dataclass(frozen=True, eq=False)
class Escaped:
    """Replicas whose escapes were simulated.

    time (R,) at which each left, NaN where it had not by the end; of those that had, ``mean`` and
    ``deviation``, and what the law has for these; ``pvalue`` of the law (Kolmogorov and Smirnov),
    and of one that is shifted to the same mean; verdict, and ``doubt``, why it cannot be given.
    """

    time: Array
    mean: float
    deviation: float
    law_mean: float
    law_deviation: float
    pvalue: float
    shifted_pvalue: float
    verdict: str
    doubt: str = ""

    @property
    def left(self) -> int:
        """How many had left by the end."""
        return int(np.isfinite(self.time).sum())


@dataclass(frozen=True, eq=False)
class Escape:
    """The law of the time T at which SGD leaves a state in which something is zero by symmetry.

    That is a part of the vectors along the direction called ``name``: what they have in ``common``,
    or what they differ by. Its fluctuations grow in ``multiplicity`` k dimensions, each of variance
    S/D, S = ``noise``·exp(2·``rate``·t); in dimension D SGD has left where their length is
    ``threshold``. ``constant`` is c in E[T] = (log D + c)/(2·rate) of escapes by noise, the
    standard deviation of which does not depend on D. Above the dimension ``crossover`` the start,
    not the noise, decides. ``plateau``, from 1, is the one of the run that ends so, 0 if there is
    none. In ``dimension`` D the law has the ``mean``, the ``deviation`` and the quantiles (Q,) at
    PROBABILITIES; times after the end of the run are extrapolated.
    """

    name: str
    common: bool
    multiplicity: int
    threshold: float
    rate: float
    noise: float
    constant: float
    crossover: float
    plateau: int
    dimension: int
    mean: float
    deviation: float
    quantile: Array
    simulated: Escaped | None = None

    @property
    def by_noise(self) -> bool:
        """Whether noise decides in the dimension of the law."""
        return self.dimension < self.crossover

    @property
    def scatter(self) -> float:
        """Standard deviation of T where noise decides: that of log χ² of k dimensions over 2·rate,
        2.221/(2·rate) of one."""
        return float(np.sqrt(polygamma(1, 0.5 * self.multiplicity))) / (2 * self.rate)

    @property
    def steady(self) -> bool:
        """Whether one rate tells the law: its mean is that of the formula but for STEADY times the
        scatter."""
        told = (np.log(self.dimension) + self.constant) / (2 * self.rate)
        return bool(abs(told - self.mean) < STEADY * self.scatter)

    def with_simulated(self, found: Escaped | None) -> Escape:
        """The same beside replicas."""
        return replace(self, simulated=found)
