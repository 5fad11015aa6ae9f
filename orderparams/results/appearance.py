"""What a figure can be asked to be, from Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, cast

from orderparams.arguments import count, flag, path, text, texts
from orderparams.config.plain import plain
from orderparams.config.values import nearest, shown
from orderparams.errors import ConfigurationError


class Appearance(TypedDict, total=False):
    """The options of :func:`orderparams.plot`, which says what they are, and of ``result.plot``."""

    kind: str | None
    quantity: str | Sequence[str]
    log: str | None
    excess: bool
    title: str | None
    size: str | tuple[float, float] | None
    style: str | Path | None
    theme: str
    at: Mapping[str, Any] | None
    over: str | Sequence[str]
    labels: Sequence[str]
    plane: tuple[int, int]
    field: int | None
    bands: int | None


def size(value: Any, name: str) -> str | tuple[float, float]:
    """The name of a size, or width and height."""
    found = plain(value)
    if isinstance(found, str):
        return found
    if not isinstance(found, list) or len(found) != 2:
        raise ConfigurationError(
            f'{name}: expected "column", "page" or width and height in inches such as (5, 4), got '
            f"{shown(value)}"
        )
    return found[0], found[1]


def plane(value: Any, name: str) -> tuple[int, int]:
    """Two directions, counted from 1."""
    found = plain(value)
    if not isinstance(found, list) or len(found) != 2:
        raise ConfigurationError(
            f"{name}: expected two directions such as (1, 2), got {shown(value)}"
        )
    return count(found[0], name), count(found[1], name)


def values(value: Any, name: str) -> dict[str, Any]:
    """Values of varied keys."""
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f'{name}: expected a table such as {{"attention.heads": 4}}, got {shown(value)}'
        )
    return cast(dict[str, Any], plain(value))


CHECKS: dict[str, Callable[[Any, str], Any]] = {
    **dict.fromkeys(("kind", "log", "title", "theme"), text),
    **dict.fromkeys(("quantity", "over", "labels"), texts),
    "excess": flag,
    "size": size,
    "style": lambda value, _: path(value, "a style sheet"),
    "at": values,
    "plane": plane,
    "field": count,
    "bands": count,
}


def checked(given: Appearance) -> Appearance:
    """The same in its normal form, without what is None; :class:`ConfigurationError` for what is
    none of these options or has no meaning."""
    for name in given:
        if name not in CHECKS:
            close = nearest(name, CHECKS)
            hint = f"did you mean {close!r}?" if close else f"known: {', '.join(CHECKS)}"
            raise ConfigurationError(f"a figure cannot be asked for {name!r}; {hint}")
    found = {name: CHECKS[name](v, name) for name, v in given.items() if v is not None}
    return cast(Appearance, found)
