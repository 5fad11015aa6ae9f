"""Keys in words, at axes and in the names of lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from orderparams.config.values import toml_value
from orderparams.views.tables import subscript

VAGUE = ("kind", "rule", "method", "seed", "points", "values", "mean", "duration", "variance")
"""Last parts of keys that say nothing without the one before."""

WORD = re.compile(r"[a-z][a-z0-9-]*", re.IGNORECASE)
INDEX = re.compile(r"\[(\d+)\]")


def in_words(key: str, known: Mapping[str, str]) -> str:
    """A key in words, with its symbol: ``task.signal.strengths[0]`` → strength ν₁."""
    plain = INDEX.sub("", key)
    indices = [int(index) + 1 for index in INDEX.findall(key)]
    *sections, name = plain.split(".")
    symbol = known.get(plain, "")
    words = name.replace("_", " ")
    if name in VAGUE and sections and not symbol:
        words = f"{sections[-1].replace('_', ' ')} {words}"
    if indices and words.endswith("s"):
        words = words[:-1]  # one of them
    if symbol:
        return f"{words} {symbol}{''.join(map(subscript, indices))}"
    return " ".join([words, *map(str, indices)])


def assigned(called: str, value: Any) -> str:
    """What a key that is ``called`` so is: words stand for themselves, all else needs the name of
    what it is. Lists and tables may be texts already."""
    if isinstance(value, str) and WORD.fullmatch(value) and value not in ("true", "false"):
        return value
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    text = value if isinstance(value, str) else f"{value:g}" if number else toml_value(value)
    return f"{called} = {text}"
