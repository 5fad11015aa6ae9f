"""How far a work in parts is."""

from __future__ import annotations

from collections.abc import Callable

Told = Callable[[float, str], None]
"""Called with the fraction of a work that is done, and what is done, in words."""


def untold(fraction: float, what: str) -> None:
    """Nobody listens."""


def part(told: Told, begin: float, end: float, what: str) -> Told:
    """What is told of a part of a work, which goes from one fraction of the whole to another."""

    def partly(fraction: float, detail: str) -> None:
        told(begin + (end - begin) * fraction, f"{what}: {detail}" if detail else what)

    partly(0.0, "")
    return partly
