"""The table of order parameters: all that files, tables, verdicts, figures and exports know."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """An axis of order parameters: its name in files, what it is, and what one entry is called.

    Along one with a ``key`` entries are what the configuration has there, other values of the key
    ``usual``; of one with ``names`` they have these; else they are counted.
    """

    name: str
    long_name: str
    word: str
    key: str = ""
    usual: str = ""
    names: tuple[str, ...] = ()

    def entry(self, number: int) -> str:
        """What an entry, counted from 0, is called."""
        return self.names[number] if self.names else f"{self.word} {number + 1}"


@dataclass(frozen=True)
class OrderParameter:
    """One order parameter: how it is called and written, and the axes it has.

    ``long_name`` is what files say: words, the symbol, and perhaps " = " and what it is. How it is
    drawn follows from the axes: of a symmetric matrix its diagonal, a line an entry; with two axes
    a line for each entry of the first in a panel for each of the second. One that is not
    ``prominent`` is drawn only beside others with a single panel.
    """

    name: str
    symbol: str
    long_name: str
    axes: tuple[Axis, ...]
    symmetric: bool = False
    prominent: bool = True

    @property
    def words(self) -> str:
        """What it is called in a sentence, such as head weight."""
        return self.long_name.partition(" = ")[0].rpartition(" ")[0].removeprefix("learned ")

    @property
    def sign(self) -> str:
        """The symbol in figures and on pages: β where files and screens say beta, Σμ for sum_mu, s₀
        for s_0."""
        summed = self.symbol.startswith("sum_")
        letter = self.symbol.removeprefix("sum_")
        try:
            letter = unicodedata.lookup(f"GREEK SMALL LETTER {letter}")
        except KeyError:
            return self.symbol.replace("_0", "₀")
        return f"Σ{letter}" if summed else letter

    @property
    def crossed(self) -> bool:
        """Whether it has two axes of different kinds: overlaps of what learns with what is hidden,
        the first of which stages tell of."""
        return len(self.axes) > 1 and not self.symmetric

    @property
    def axis_names(self) -> tuple[str, ...]:
        """Names of the axes in files; the second of a symmetric matrix is numbered."""
        names = tuple(axis.name for axis in self.axes)
        return (names[0], f"{names[1]}_2") if self.symmetric else names

    def label(self, index: tuple[int, ...]) -> str:
        """An entry as it is written, such as m_1,2."""
        return f"{self.symbol}_{','.join(str(i + 1) for i in index)}" if index else self.symbol

    def entries(self, shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Indices of all entries of an array (…), each of a symmetric matrix once."""
        import numpy as np

        for index in np.ndindex(shape):
            if not (self.symmetric and index[0] < index[1]):
                yield index

    def lines(self, values: Any) -> Any:
        """What is drawn and tabulated of values (…, own axes): (…, line, panel)."""
        import numpy as np

        values = np.asarray(values)
        if self.symmetric:
            return np.diagonal(values, axis1=-2, axis2=-1)[..., None]
        leading = values.shape[: values.ndim - len(self.axes)]
        lines = values.shape[len(leading)] if self.axes else 1
        return values.reshape(*leading, lines, -1)


def listed(
    parameters: Iterable[OrderParameter], state: Mapping[str, Array]
) -> list[tuple[OrderParameter, tuple[int, ...]]]:
    """All entries of some order parameters (…, own axes), each of a symmetric matrix once."""
    found = []
    for one in parameters:
        shape = state[one.name].shape
        found += [(one, index) for index in one.entries(shape[len(shape) - len(one.axes) :])]
    return found


def packed(parameters: Iterable[OrderParameter], state: Mapping[str, Array]) -> Array:
    """The same as an array (…, M)."""
    import numpy as np

    values: Mapping[str, Any] = state
    entries = [values[one.name][..., *index] for one, index in listed(parameters, state)]
    return np.stack(entries, axis=-1)


@dataclass(frozen=True)
class Observable(OrderParameter):
    """What follows from a state beside its risk, and is stored along with it; ``last``: of the last
    state alone. What has a value above ``beyond`` is ``called`` something. At other values of a key
    it is of the kind that ``usual`` is at the run's own."""

    last: bool = False
    beyond: float = float("inf")
    called: str = ""
    usual: str = ""
