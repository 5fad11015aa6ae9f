"""What the panels of a scan show: risk, order parameters at the end, stage times, p-values."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError, FileError
from orderparams.models.parameters import OrderParameter
from orderparams.views.plots.choice import Choice
from orderparams.views.plots.panels import MOST_PANELS
from orderparams.views.plots.request import PLAIN, Request

Array = NDArray[np.float64]

Reference: TypeAlias = tuple[str, str] | None
"""Name of the array of a risk to compare with, and what it is called."""

LEAST = 1e-300
"""What p-values are drawn as that vanish."""

MOST_RANKS = 8
"""Lines of an order parameter that have names of their own, by their rank."""

HIGHEST = 17
"""Letters that a label beside a panel may have; of a longer one the title has the words."""

FINAL = "final {}"
PLACES = {"evaluate": "{} at the start", "optimum": "{} at the optimum"}
"""Where order parameters are those of an action, which is at the end otherwise."""

TESTS = {"least_pvalue": "order parameters", "loss_pvalue": "loss"}


@dataclass(frozen=True, eq=False)
class Quantity:
    """What a panel shows, by the ``name`` that it is asked for: values (line, sample, over…, curve)
    and the names of the curves, none for a single one. A map shows the largest size of curves that
    are ``ranks``, which ``largest`` is the name of. ``alarm`` is the p-value below which there is
    one.
    """

    name: str
    title: str
    label: str
    values: Array
    curves: tuple[str, ...] = ()
    logarithmic: bool = False
    largest: str = ""

    @property
    def ranks(self) -> bool:
        """Whether the curves are heads, or whatever learns, in the order of their values."""
        return bool(self.largest)


def quantities(
    choice: Choice,
    parameters: Sequence[OrderParameter],
    reference: Reference,
    request: Request = PLAIN,
    action: str = "solve",
) -> list[Quantity]:
    """Those that are known somewhere after an ``action``, or of them those that are asked for.

    :class:`ConfigurationError` for what there is not, :class:`FileError` if nothing is known.
    """
    depth = 2 + (len(choice.over) if choice.grid else 1)

    def known(name: str) -> Array | None:
        """An array, replicas counted as samples."""
        if (replicas := choice.arrays.get(f"replica_{name}")) is not None:
            samples = np.moveaxis(replicas, depth, 2)
            return samples.reshape(len(samples), -1, *samples.shape[3:])
        return choice.arrays.get(name)

    found = []
    if (risk := known("risk")) is not None:
        found.append(of_risk(choice, risk, reference, excess=request.excess))
    ends = {p: array for p in parameters if (array := known(p.name)) is not None}
    single = any(not p.crossed and p.prominent and np.isfinite(ends[p]).any() for p in ends)
    for parameter, array in ends.items():
        if parameter.crossed or single or parameter.name in request.quantity:
            found += final(parameter, array, PLACES.get(action, FINAL))
    if (times := known("stage_time")) is not None and times.shape[-1]:
        names = tuple(f"stage {stage + 1}" for stage in range(times.shape[-1]))
        title, names = ("stages", names) if len(names) > 1 else (names[0], ())
        found.append(Quantity("stage_time", f"time of {title}", "time t", times, names))
    if pvalues := {
        words: choice.arrays[name] for name, words in TESTS.items() if name in choice.arrays
    }:
        values = np.stack([*pvalues.values()], axis=-1)
        title = "theory and simulation"
        found.append(Quantity("pvalue", title, "p-value", values, tuple(pvalues), logarithmic=True))
    found = [quantity for quantity in found if np.isfinite(quantity.values).any()]
    if not found:
        raise FileError("there is nothing to plot: no point of the scan has finished there")
    return asked(found, [p.name for p in ends], request)


def asked(found: Sequence[Quantity], more: Sequence[str], request: Request) -> list[Quantity]:
    """Those that are asked for, all if none is; ``more`` are others that could be."""
    known = list(dict.fromkeys([*(quantity.name for quantity in found), *more]))
    if unknown := [name for name in request.quantity if name not in known]:
        raise ConfigurationError(
            f"there is no quantity {unknown[0]!r} in this scan; there is {', '.join(known)}"
        )
    kept = [q for q in found if not request.quantity or q.name in request.quantity]
    if not kept:
        raise ConfigurationError(f"{request.quantity[0]} is not known at any point of the scan")
    if request.excess and not any(quantity.name == "risk" for quantity in kept):
        raise ConfigurationError(
            "is of the risk, which is not among the quantities asked for", argument="excess"
        )
    return kept


def of_risk(choice: Choice, risk: Array, reference: Reference, *, excess: bool) -> Quantity:
    """The risk, or what it is above the one to compare with."""
    if not excess:
        return Quantity("risk", "risk", "risk E", risk[..., None])
    if reference is None:
        raise ConfigurationError(
            "there is no excess risk: the scan has no risk to compare with", "log risk"
        )
    name, words = reference
    level = choice.arrays[name]
    if level.ndim:  # of a point with replicas there are more risks
        level = np.repeat(level, risk.shape[1] // level.shape[1], axis=1)
    values = (risk - level)[..., None]
    values = np.where(values > 0, values, np.nan)
    return Quantity("risk", "excess risk", f"E − {words}", values, logarithmic=True)


def final(parameter: OrderParameter, values: Array, place: str = FINAL) -> list[Quantity]:
    """An order parameter (…, own axes) at a ``place``, which titles tell: a panel each of its
    panels, in which lines are in the order of their values."""
    lines = -np.sort(-parameter.lines(values), axis=-2)
    word = parameter.axes[0].word if parameter.axes else ""
    label = f"{parameter.words} {parameter.sign}"
    if len(label) > HIGHEST:
        label = parameter.sign
    largest = f"largest |{parameter.sign}|" + f" of a {word}" * bool(word)
    found = []
    for i in range(min(lines.shape[-1], MOST_PANELS)):
        title = place.format(parameter.words)
        if parameter.crossed:
            title += f", {parameter.axes[1].entry(i)}"
        names = ranks(lines.shape[-2], word)
        found.append(Quantity(parameter.name, title, label, lines[..., i], names, largest=largest))
    return found


def ranks(count: int, word: str) -> tuple[str, ...]:
    """Names of heads, or whatever learns, by the rank of their values; the last ones are not told
    apart if there are many."""
    if count == 1:
        return ()
    endings = {2: "nd", 3: "rd"}
    names = [f"{rank}{endings.get(rank, 'th')} {word}" for rank in range(2, count + 1)]
    names = [f"largest {word}", *names]
    return tuple(
        names
        if count <= MOST_RANKS
        else [*names[: MOST_RANKS - 1]] + [f"other {word}s"] * (count - MOST_RANKS + 1)
    )


def quantiles(values: Array) -> Array:
    """Least, median and largest of the samples (axis 1) that are known, (3, line, …)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no sample is known: NaN
        return np.asarray(np.nanquantile(values, [0, 0.5, 1], axis=1))
