"""What the groups of an analysis hold, by kind of group (docs/file-format.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orderparams.models.parameters import OrderParameter
from orderparams.storage.schema import Variable

PLATEAUS = {
    "start": Variable(("plateau",), "time at which the risk comes to rest"),
    "end": Variable(("plateau",), "time at which it leaves, or the end of the run"),
    "center": Variable(("plateau",), "time at which it is slowest"),
    "level": Variable(("plateau",), "risk at the center"),
}

DIRECTIONS = {
    "name": Variable(("basis",), "the direction, the same for all vectors that span it"),
    "variance": Variable(("basis",), "variance of what is hidden along the direction"),
    "vector": Variable(("basis", "coordinate"), "orthonormal vector in the direction"),
}

ESCAPES = {
    "name": Variable(("escape",), "the direction along which SGD leaves"),
    "common": Variable(("escape",), "1 if all do it together, 0 if they part"),
    "multiplicity": Variable(("escape",), "dimensions k that grow alike"),
    "threshold": Variable(("escape",), "length of the deviation at which SGD has left"),
    "rate": Variable(("escape",), "growth rate, S = noise * exp(2 rate t)"),
    "noise": Variable(("escape",), "D times the variance that the growth begins with"),
    "constant": Variable(
        ("escape",), "c of the mean time (log D + c)/(2 rate) of escapes by noise"
    ),
    "crossover": Variable(("escape",), "dimension above which the start decides, not the noise"),
    "plateau": Variable(("escape",), "the plateau that ends so, counted from 1, or 0"),
    "dimension": Variable(("escape",), "dimension D of what follows"),
    "mean": Variable(("escape",), "mean time of escape"),
    "deviation": Variable(("escape",), "standard deviation of the time of escape"),
    "quantile": Variable(("escape", "probability"), "times before which SGD leaves so probably"),
}
"""Of each state that SGD leaves by its own noise."""

ESCAPED = {
    "simulated_time": Variable(("escape", "replica"), "time at which a replica left, or NaN"),
    "simulated_mean": Variable(("escape",), "mean time of those that left"),
    "simulated_deviation": Variable(("escape",), "standard deviation of the times of those"),
    "law_mean": Variable(("escape",), "mean time of the law up to the end of the run"),
    "law_deviation": Variable(("escape",), "standard deviation of the same"),
    "pvalue": Variable(("escape",), "p-value of the law"),
    "shifted_pvalue": Variable(("escape",), "p-value of the law shifted to the mean of the times"),
    "verdict": Variable(("escape",), "agree, disagree or inconclusive"),
    "doubt": Variable(("escape",), "why it is inconclusive"),
}
"""The same of replicas, where they were simulated."""

GROWTH = {
    "growth_rate": "slope of the logarithm of the run's deviation along the mode, NaN if unseen",
    "growth_error": "standard error of growth_rate",
    "growth_local": "rate that the Hessian where the run is nearest predicts",
    "growth_start": "time from which growth_rate was fitted",
    "growth_end": "time to which it was fitted",
}
"""Of each mode; the run may not be seen to leave along it."""

NUMBERS = {
    "nearest_distance": "least distance of the run's vectors, relative to their length at its end",
    "nearest_time": "time at which the run is nearest",
    "end_distance": "the same distance at the end of the run",
    "unstable": "number of modes that grow",
}
"""Of a point that the run came by."""


def learner_of(parameters: Sequence[OrderParameter]) -> OrderParameter:
    """The order parameter that tells where each learner is: its first axis counts them."""
    return next(one for one in parameters if one.crossed)


def excursions(parameters: Sequence[OrderParameter]) -> dict[str, Variable]:
    """Who followed one direction and turned to another."""
    axis = learner_of(parameters).axes[0]
    return {
        axis.name: Variable(("excursion",), axis.long_name),
        "origin": Variable(("excursion",), "the direction it followed, with its side"),
        "destination": Variable(("excursion",), "the direction it turned to, with its side"),
        "peak": Variable(("excursion",), "its largest size along the first"),
        "peak_time": Variable(("excursion",), "time of the peak"),
        "turn_time": Variable(("excursion",), "time from which it no longer follows the first"),
    }


def summary(parameters: Sequence[OrderParameter]) -> dict[str, Variable]:
    """What is said of the whole run."""
    axis = learner_of(parameters).axes[0]
    return {
        "equals": Variable(
            (axis.name,), "group of equals at the end, counted from 1; 0 if dormant"
        ),
        "objective": Variable((), "risk and penalties at the end of the run"),
        "remaining": Variable((), "change of the risk in the last tenth of the run over its range"),
        "equal_from": Variable((), f"time from which all {axis.word}s are the same, NaN if never"),
        "equal_to": Variable((), f"time to which all {axis.word}s are the same"),
        "replica": Variable((), "replica of the simulation that was analyzed, 0 if there is none"),
    }


def point(
    parameters: Sequence[OrderParameter], state: Mapping[str, Variable]
) -> dict[str, Variable]:
    """A stationary point: order parameters and all that is not learned; x of the landscape."""
    axis = learner_of(parameters).axes[0]
    return {
        **state,
        "risk": Variable((), "risk at the point"),
        "penalty": Variable((), "penalties of weight decay and repulsion at the point"),
        "slope": Variable((), "largest derivative that is left"),
        "weights": Variable((axis.name, "column"), "reduced weights K = [m W]"),
        "x": Variable(("component",), "the point in units of the landscape"),
    }


def rest(
    parameters: Sequence[OrderParameter], state: Mapping[str, Variable]
) -> dict[str, Variable]:
    """A stationary point with the modes of its Hessian, the most unstable first."""
    axis = learner_of(parameters).axes[0]
    return {
        **point(parameters, state),
        **{name: Variable((), words) for name, words in NUMBERS.items()},
        "eigenvalue": Variable(("mode",), "eigenvalue of the Hessian, minus the growth rate"),
        "multiplicity": Variable(("mode",), "dimension of the eigenspace"),
        "common": Variable(("mode",), f"part of a mode in which all {axis.word}s do the same"),
        "share": Variable(("mode", "direction"), "part of a mode along each direction"),
        "residual_share": Variable(("mode",), "part of a mode outside the hidden directions"),
        **{name: Variable(("mode",), words) for name, words in GROWTH.items()},
        "vector": Variable(
            ("eigenvector", "component"), "vectors of the modes, one mode's together"
        ),
    }


def optimum(
    parameters: Sequence[OrderParameter], state: Mapping[str, Variable]
) -> dict[str, Variable]:
    """The lowest minimum, what all searches came to, and what nothing is below."""
    return {
        **point(parameters, state),
        "search_value": Variable(("search",), "value to which each search led, ascending"),
        "floor": Variable((), "what no risk is below"),
    }


def pruning(parameters: Sequence[OrderParameter]) -> dict[str, Variable]:
    """What it costs to remove some of what learns."""
    axis = learner_of(parameters).axes[0]
    gone = f"1 for each {axis.word} removed, else 0"
    both = f"cost of both {axis.word}s beyond that of each alone"
    return {
        "removed": Variable(("removal", axis.name), gone),
        "risk": Variable(("removal",), "risk of the rest as it is"),
        "reoptimized_risk": Variable(("removal",), "risk of the rest when it is trained again"),
        "interaction": Variable((axis.name, f"{axis.name}_2"), both),
        "subset_removed": Variable(("subset", axis.name), gone),
        "subset_risk": Variable(("subset",), "risk without this subset"),
        "exhaustive": Variable((), "1 if all subsets were tried, 0 if one by one was removed"),
    }


def synergy(parameters: Sequence[OrderParameter]) -> dict[str, Variable]:
    """The same with the weights of all others held."""
    axis = learner_of(parameters).axes[0]
    both = f"cost of both {axis.word}s beyond that of each alone"
    return {
        "cost": Variable((axis.name,), f"rise of the risk without this {axis.word}"),
        "interaction": Variable((axis.name, f"{axis.name}_2"), both),
    }


def groups(
    parameters: Sequence[OrderParameter], state: Mapping[str, Variable]
) -> dict[str, Mapping[str, Variable]]:
    """All kinds of groups that an analysis has beside /trajectory and /stages."""
    return {
        "analysis": summary(parameters),
        "plateaus": PLATEAUS,
        "excursions": excursions(parameters),
        "escapes": ESCAPES | ESCAPED,
        "directions": DIRECTIONS,
        "targets": DIRECTIONS,
        "rest": rest(parameters, state),
        "optimum": optimum(parameters, state),
        "pruning": pruning(parameters),
        "synergy": synergy(parameters),
    }
