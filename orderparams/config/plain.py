"""Values as they come from Python and NumPy → those that TOML has."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Set
from itertools import islice
from typing import Any

from orderparams.config.unknown import Unknown
from orderparams.errors import ConfigurationError

MOST_ENTRIES = 1_000_000
"""Of what is iterated over, which may have no end."""

KEPT = (bool, int, float, str)


def plain(value: Any) -> Any:
    """Numbers, texts, lists and tables of the types that TOML knows, to the last bit.

    NumPy's numbers, truth values and arrays of any dimension, fractions and other real numbers,
    ranges, generators, and series and arrays of other libraries become what they stand for. What
    stands for nothing is left as it is, to be refused by the check of its key.
    """
    if type(value) in KEPT or isinstance(value, Unknown):
        return value
    if isinstance(value, Mapping):
        return {name(key): nested(entry) for key, entry in value.items()}
    if type(value) in (list, tuple):
        return [entry if type(entry) in KEPT else nested(entry) for entry in value]
    return converted(value)


def nested(value: Any) -> Any:
    try:
        return plain(value)
    except RecursionError:
        raise ConfigurationError("the configuration is nested too deeply") from None


def name(key: Any) -> str:
    """A key of a table as a text."""
    return str.__str__(key) if isinstance(key, str) else repr(key)


def converted(value: Any) -> Any:
    """What a value of another type stands for."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real) or is_decimal(value):
        return real(value)
    if hasattr(value, "__array__"):  # NumPy's, and of others
        return of_array(value)
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray | Set):
        entries = list(islice(value, MOST_ENTRIES + 1))
        if len(entries) > MOST_ENTRIES:
            raise ConfigurationError(f"a list has at most {MOST_ENTRIES} entries")
        return plain(entries)
    return value


def is_decimal(value: Any) -> bool:
    """Whether it is one of Python's decimal numbers, which are not among the real ones."""
    return isinstance(value, numbers.Number) and not isinstance(value, numbers.Complex)


def real(value: Any) -> Any:
    """A real number; what floating point does not have is left as it is."""
    try:
        return float(value)
    except (OverflowError, ValueError):
        return value


def of_array(value: Any) -> Any:
    """An array as nested lists, one without axes as its value."""
    import numpy as np

    array = np.asanyarray(value)  # masked entries stay masked
    if array.dtype.kind not in "biufU" and array.dtype != object:
        return value
    entries = array.tolist()
    return entries if type(entries) in KEPT else plain(entries)
