"""How far a work in parts is."""

from __future__ import annotations

from collections.abc import Callable

Told = Callable[[float, str], None]
"""Called with the fraction of a work that is done, and what is done, in words."""


def untold(fraction: float, what: str) -> None:
    """Nobody listens."""


def share(told: Told, begin: float, end: float) -> Told:
    """What is told of a work that goes from one fraction of the whole to another."""
    return lambda fraction, what: told(begin + (end - begin) * fraction, what)


def part(told: Told, begin: float, end: float, what: str) -> Told:
    """The same of a part that has a name."""
    own = share(told, begin, end)

    def partly(fraction: float, detail: str) -> None:
        own(fraction, f"{what}: {detail}" if detail else what)

    partly(0.0, "")
    return partly
