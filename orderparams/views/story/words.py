"""Words and numbers of a story: what learns, where to, when."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from orderparams.models.parameters import OrderParameter
    from orderparams.models.vectors.geometry import Direction

MOST_NUMBERS = 8
DIGITS, ROOM = 3, 7
"""Of a column of times: significant digits of its smallest, and signs that a cell has room for."""


class Words(NamedTuple):
    """What learns, what it turns to, and what tells how far it has, as in a sentence."""

    learner: str
    target: str
    measure: str

    def every(self, count: int) -> str:
        """So many that learn, which are all of them."""
        return f"{'both' if count == 2 else 'all'} {self.learner}s"


def words_of(parameters: Iterable[OrderParameter]) -> Words | None:
    """What stages are told with; None where nothing learned turns to anything hidden."""
    for parameter in parameters:
        if parameter.crossed:
            return Words(parameter.axes[0].word, parameter.axes[1].word, parameter.words)
    return None


def numbered(entries: Iterable[int]) -> str:
    """Entries of an axis, counted from 1."""
    return ", ".join(str(entry + 1) for entry in entries)


def listed(texts: Sequence[str]) -> str:
    """Texts as a sentence enumerates them."""
    return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))


def vector(values: Iterable[float], digits: int = 3) -> str:
    """A short vector; of a long one the beginning."""
    entries = [f"{value:z.{digits}f}" for value in values]
    rest = ", …" if len(entries) > MOST_NUMBERS else ""
    return f"({', '.join(entries[:MOST_NUMBERS])}{rest})"


def instant(time: float) -> str:
    """A time in at most six signs, where it is no extreme one."""
    return f"{time:.0f}" if 1e4 <= time < 1e6 else f"{time:.4g}"


def instants(times: Sequence[float]) -> list[str]:
    """Times in one form, whose points stand below each other."""
    known = [abs(time) for time in times if time and math.isfinite(time)]
    if not known:
        return [f"{time:g}" for time in times]
    before = max(1, math.floor(math.log10(max(known))) + 1)
    wanted = max(0, DIGITS - 1 - math.floor(math.log10(min(known))))
    decimals = min(wanted, max(0, ROOM - 1 - before))
    if before > ROOM or min(known) < 0.5 * 10.0**-decimals:
        return [f"{time:.1e}" for time in times]
    return [f"{time:.{decimals}f}" for time in times]


def along(direction: Direction, words: Words) -> str:
    """A direction in a sentence: by the number of what is hidden, or by its coordinates."""
    width = direction.basis.shape[1]
    if direction.name.startswith("p"):
        what = vector(direction.basis[:, 0]) if width == 1 else f"a space of {width} dimensions"
        return f"{direction.name} = {what}"
    return f"{words.target}{'s' * (width > 1)} {listed(direction.name.split('+'))}"


def explained(found: Sequence[Direction], words: Words, *, sides: bool = True) -> list[str]:
    """What the names of directions mean: ``sides``, coordinates, spaces."""
    told = []
    single = [direction for direction in found if direction.basis.shape[1] == 1]
    own = [direction for direction in single if direction.name.startswith("p")]
    if single and sides:
        name = single[0].name
        what = name if own else f"{words.target} {name}"
        told.append(f"+{name} and -{name} are the two sides of {what}.")
    if own:
        names = "; ".join(f"{one.name} is {vector(one.basis[:, 0])}" for one in own)
        told.append(f"In coordinates of the {words.target}s {names}.")
    for space in found:
        if space.basis.shape[1] > 1:
            told.append(
                f"{space.name} stands for all directions of a space of {space.basis.shape[1]} "
                "dimensions, of which none is singled out."
            )
    return told
