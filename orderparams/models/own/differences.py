"""The gradient of a kernel against differences of its loss.

Along a direction the derivative is taken by central differences over several steps. A smooth loss
has the gradient at steps that are short enough, but not so short that rounding is seen; one with
kinks, such as relu has, at all that do not cross one. So the gradient is wrong only where no step
agrees with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError

Array = NDArray[np.float64]
Places = NDArray[np.int64]

STEPS = 0.5 ** np.arange(4.0, 22.0, 2.0)

CLOSE = 1e-4
"""Relative difference that a gradient in single precision may have."""

SMALL = 1e-6
"""Entries that are so much less than the largest are not looked at for themselves."""

DOUBLE, SINGLE = (4 * float(np.finfo(kind).eps) for kind in (np.float64, np.float32))
"""Relative rounding errors of a loss, also of one in single precision ..."""

COARSE = 2.0**-8
"""... which shorter steps do not tell."""

SHOWN = 1e-3
"""Relative difference up to which entries are said to be off by one factor."""

MOST = 8
"""Points, and entries of each, that are looked at for it."""

GROUPS = 64
"""Directions at a point."""

EVALUATED = 2**16
"""Entries of fields that are gone through at a point, beyond which directions are fewer."""


class Slopes(NamedTuple):
    """The ``loss`` of fields (n, L), some ``fields``, and the ``gradient`` that is said of them."""

    loss: Callable[[Array], float]
    fields: Array
    gradient: Array

    def along(self, direction: Array) -> tuple[bool, float]:
        """Whether the gradient is the derivative along a direction, and the derivative."""
        given, found = float(np.vdot(self.gradient, direction)), np.nan
        size = float(np.linalg.norm(self.gradient * direction))
        tiny = SMALL * float(np.abs(self.gradient).max() * np.linalg.norm(direction))
        for step in STEPS:
            high, low = (self.loss(self.fields + side * step * direction) for side in (1, -1))
            if not np.isfinite(high - low):
                continue
            single = step >= COARSE and np.float32(high) == high and np.float32(low) == low
            here, rounded = (high - low) / (2 * step), SINGLE if single else DOUBLE
            noise = rounded * max(abs(high), abs(low)) / step
            if abs(here - given) <= CLOSE * max(size, abs(here)) + tiny + noise:
                return True, given
            found = here
        return False, found


def check_slopes(where: str, found: Sequence[Slopes]) -> None:
    """:class:`ConfigurationError` for gradients that are not those of the loss, entry by entry
    where they are few, and else along random directions."""
    generator = np.random.default_rng(1)
    for one in found:
        count = one.fields.size
        groups = min(count, GROUPS, max(1, EVALUATED // count))
        weights = generator.standard_normal(count) if groups < count else np.ones(count)
        for places in np.array_split(generator.permutation(count), groups):
            wrong = first_wrong(one, places, weights)
            if wrong is not None:
                raise ConfigurationError(where + in_words(found, one, wrong))


def direction_of(one: Slopes, places: Places, weights: Array) -> Array:
    """A direction (n, L) that has weights at some places."""
    direction = np.zeros(one.fields.size)
    direction[places] = weights[places]
    return direction.reshape(one.fields.shape)


def first_wrong(one: Slopes, places: Places, weights: Array) -> int | None:
    """An entry among some at which the gradient is wrong, by halves; None if there is none."""
    if one.along(direction_of(one, places, weights))[0]:
        return None
    if len(places) == 1:
        return int(places[0])
    halves = np.array_split(places, 2)
    wrong = (first_wrong(one, half, weights) for half in halves)
    return next((place for place in wrong if place is not None), None)


def in_words(found: Sequence[Slopes], one: Slopes, place: int) -> str:
    """What is wrong at an entry, by how much, and how to mend it."""
    i, token = divmod(place, one.fields.shape[1])
    given, here = entry(one, place)
    return (
        f"gradient[{i}, {token}] is {given:.4g} at random fields, but differences of the loss give "
        f"{here:.4g}; {remedy(found, one, place)}"
    )


def entry(one: Slopes, place: int) -> tuple[float, float]:
    """An entry of the gradient, and what differences give in its place."""
    direction = direction_of(one, np.array([place]), np.ones(one.fields.size))
    return float(one.gradient.flat[place]), one.along(direction)[1]


def remedy(found: Sequence[Slopes], one: Slopes, place: int) -> str:
    """How to mend it."""
    if not any(point.gradient.any() for point in found):
        return "the kernel does not fill gradient: write the derivatives of the loss into it"
    entries = [(point, k) for point in found[:MOST] for k in range(point.fields.size)[:MOST]]
    pairs = np.array([entry(*of) for of in entries])
    pairs = pairs[np.abs(pairs[:, 1]) > SHOWN * np.abs(pairs).max()]
    ratios = pairs[:, 0] / pairs[:, 1]
    if len(ratios) > 1 and np.ptp(ratios) < SHOWN * abs(ratios[0]):
        return (
            f"so it is {ratios[0]:.4g} times the derivative everywhere: multiply gradient by "
            f"{1 / ratios[0]:.4g}, or the loss by {ratios[0]:.4g}"
        )
    if one.gradient.flat[place] == 0:
        return "that entry is not filled: write the derivative of the loss in this field into it"
    return "gradient is to have the derivatives of what loss returns in fields (n, L)"
