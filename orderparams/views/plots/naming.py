"""Keys in words, at axes and in the names of lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orderparams.config.values import toml_value
from orderparams.views.tables import subscript

VAGUE = ("kind", "rule", "method", "seed", "points", "values", "mean", "duration", "variance")
"""Last parts of keys that say nothing without the one before."""

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


def assigned(key: str, value: Any, known: Mapping[str, str]) -> str:
    """What a key is: numbers need the name of what they are, words stand for themselves."""
    if isinstance(value, str):
        return value
    text = f"{value:g}" if isinstance(value, int | float) else toml_value(value)
    return f"{in_words(key, known)} = {text}"
