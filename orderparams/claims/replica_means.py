"""N6: what means over replicas in two dimensions see, beside innovations of single replicas."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.claims.fluctuations import entries, replicas_in, solved, whitened
from orderparams.claims.one_replica import DIMENSION, LEVEL, REPLICAS, alarms, off, shifts
from orderparams.config import Problem
from orderparams.results.causes import expected
from orderparams.results.evidence import Evidence, Panel, above, below, close
from orderparams.results.trajectory import Trajectory
from orderparams.run.compare import course_pvalues, without_bias

Array = NDArray[np.float64]

SMALL, GROUP = 250, 4


class Power(NamedTuple):
    """Parts that are rejected: of groups by their means, of single replicas by innovations."""

    means: float
    innovations: float


class Replicas:
    """A run, its replicas (R, T, N) in both dimensions, and their innovations."""

    def __init__(self, rate: float, decay: float = 0.0) -> None:
        self.run = solved(training__learning_rate=rate, training__weight_decay=decay)
        self.small, self.large = (replicas_in(self.run, d, REPLICAS) for d in (SMALL, DIMENSION))
        assert self.run.fluctuations is not None
        self.innovation = whitened(self.run.fluctuations, self.large, DIMENSION)

    def other(self, **settings: float) -> Problem:
        """The problem with another setting of its training."""
        return op.load(self.run.problem, {f"training.{key}": of for key, of in settings.items()})

    def against(self, theory: Problem, rule: str = "sgd", variance: float = 1.0) -> Power:
        """How often a theory is rejected, of which fluctuations have so many times the variance."""
        moved = self.innovation - off(self.run, shifts(self.run, theory, expected("drift", rule)))
        return Power(
            means_rejected(self.small, self.large, flow(theory, rule)),
            alarms(moved / variance**0.5),
        )


def flow(theory: Problem, rule: str) -> Array:
    """The flow of a theory (T, N) from the start."""
    settings = {"training.rule": rule, "fluctuations.enabled": False}
    run: Trajectory = op.solve(theory, settings=settings)
    return entries(run, run.parameters)


def means_rejected(small: Array, large: Array, expected: Array) -> float:
    """The part of groups of GROUP replicas in each dimension, extrapolated in 1/D, whose means are
    not those of a theory (T, N), as ``validate --test replicas`` judges order parameters."""
    first, second = {"": (small - expected)[:, 1:]}, {"": (large - expected)[:, 1:]}
    deviations = without_bias(first, SMALL, second, DIMENSION)[""]
    groups = deviations.reshape(-1, GROUP, *deviations.shape[1:])
    least = [course_pvalues(group).min() * deviations.shape[2] for group in groups]
    return float((np.array(least) < LEVEL).mean())


def means_need_many() -> Evidence:
    """Theories of N2, judged at the level 0.01 by the means of four replicas of SGD at D = 250 and
    four at D = 1000, extrapolated in 1/D (50 groups), as `validate` does unless asked, and by
    innovations of single replicas at D = 1000 (200). Eight replicas miss what one shows: errors of
    V and of the learning rate at γ = 0.5, and a weight decay of 0.01 at γ = 2. A weight decay of
    0.003 is seen by few of either. Means assume no covariance of a step.
    """
    found: dict[str, Power] = {}
    slow = Replicas(0.5)
    problem = slow.run.problem
    found["γ = 0.5: right"] = slow.against(problem)
    found["γ = 0.5: no V"] = slow.against(problem, "gradient-flow")
    found["γ = 0.5: twice γ"] = slow.against(slow.other(learning_rate=1.0), variance=2.0)
    found["γ = 0.5: half γ"] = slow.against(slow.other(learning_rate=0.25), variance=0.5)
    for decay in (0.03, 0.01, 0.003):
        decaying = Replicas(2.0, decay)
        without = decaying.other(weight_decay=0.0)
        found[f"γ = 2: no λ = {decay:g}"] = decaying.against(without)
    means = {name: power.means for name, power in found.items()}
    single = {name: power.innovations for name, power in found.items()}
    faint = "γ = 2: no λ = 0.003"
    checks = [
        below("means, γ = 0.5: right: rejected", means["γ = 0.5: right"], 0.0801),
        *(above(f"innovations, {name}: rejected", single[name], 0.9) for name in list(found)[1:-1]),
        *(
            below(f"means, {name}: rejected", means[name], 0.85)
            for name in ("γ = 0.5: no V", "γ = 0.5: twice γ", "γ = 0.5: half γ")
        ),
        above("means, γ = 2: no λ = 0.03: rejected", means["γ = 2: no λ = 0.03"], 0.6),
        below("means, γ = 2: no λ = 0.01: rejected", means["γ = 2: no λ = 0.01"], 0.5),
        close(f"innovations, {faint}: rejected", 0.24, single[faint], absolute=0.1),
        below(f"means, {faint}: rejected", means[faint], 0.15),
    ]
    panel = Panel(
        "rejected",
        "theory",
        "theory",
        np.arange(float(len(found))),
        "part rejected",
        {
            "one replica, innovations": np.array(list(single.values())),
            "4 + 4 replicas, means": np.array(list(means.values())),
        },
        ticks=tuple(found),
    )
    return Evidence(problem, tuple(checks), (panel,))
