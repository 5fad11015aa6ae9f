"""The keys of a configuration as data: type, default, range, unit and meaning of each.

They are read off where the keys are defined: ``config/sections.py``, and ``sections.py`` of models.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from orderparams.config.sections import Section, problem_type, settings_of
from orderparams.config.values import (
    Boolean,
    Check,
    Choice,
    ListOf,
    OneOrList,
    Real,
    Rows,
    Whole,
    choice,
    nearest,
    text,
    toml_value,
)
from orderparams.config.words import SYMBOLS
from orderparams.models import registry


@dataclass(frozen=True)
class Key:
    """A key, or a table, of these models.

    ``default`` is a plain value or None; then ``left_out`` says what holds without one. ``allowed``
    is the range in words; ``unit`` that of numbers, or their scaling.
    """

    name: str
    models: tuple[str, ...]
    type: str
    default: Any
    left_out: str
    allowed: str
    unit: str
    symbol: str
    meaning: str

    def default_text(self) -> str:
        """The default as TOML, or in words."""
        return self.left_out if self.default is None else toml_value(self.default)

    def told(self) -> str:
        """The meaning, with the symbol of the formulas."""
        return f"{self.symbol}: {self.meaning}" if self.symbol else self.meaning

    def without(self) -> str:
        """What holds where the key is left out and has no default of its own; "" if nothing."""
        told = self.left_out.startswith("required") or not self.left_out
        return self.left_out if told else f"left out: {self.left_out}"

    def facts(self) -> str:
        """Type, range and unit in a line."""
        parts = [self.type, self.allowed, self.unit and f"unit: {self.unit}"]
        return "; ".join(part for part in parts if part)

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "key" if entry.name == "name" else entry.name: getattr(self, entry.name)
            for entry in dataclasses.fields(self)
        }


def keys(*models: str) -> list[Key]:
    """All keys of these models, of all if none is named; what several have alike stands once."""
    found: dict[Key, list[str]] = {}
    for model in models or registry.names():
        for key in keys_of(model):
            found.setdefault(key, []).append(model)
    return [dataclasses.replace(key, models=tuple(owners)) for key, owners in found.items()]


def keys_of(model: str) -> Iterator[Key]:
    """The keys of one model in the order in which they are written; ``models`` is left open."""
    symbols = SYMBOLS | registry.configuration(model).SYMBOLS
    decided = decided_defaults(model)
    yield described("model", MODEL, symbols, decided)
    for name, entry in entries(problem_type(model)):
        yield described(name, entry, symbols, decided)


def entries(table: type[Any], path: str = "") -> Iterator[tuple[str, dataclasses.Field[Any]]]:
    """Dotted names and fields of a section, each table before what stands in it."""
    for name, entry in settings_of(table).items():
        yield f"{path}{name}", entry
        check = entry.metadata["check"]
        if isinstance(check, ListOf) and isinstance(check.item, Section):
            yield from entries(check.item.table, f"{path}{name}[i].")
        elif isinstance(check, Section):
            yield from entries(check.table, f"{path}{name}.")


def model_entry() -> Any:
    """The field of the key ``model``, which decides what the others are."""
    about = {"unit": "", "within": "", "left_out": "", "check": choice(*registry.names())}
    meaning = "what learns what; it decides which other keys there are"
    return dataclasses.field(default=registry.DEFAULT, metadata=about | {"meaning": meaning})


MODEL = model_entry()


def described(
    name: str, entry: dataclasses.Field[Any], symbols: dict[str, str], decided: dict[str, str]
) -> Key:
    """A key as its field, the symbols and the dependent defaults describe it."""
    about, check, default = entry.metadata, entry.metadata["check"], entry.default
    left_out = decided.get(name) or about["left_out"]
    if default is dataclasses.MISSING:
        left_out = "required"
    if default is dataclasses.MISSING or dataclasses.is_dataclass(default):
        default = None
    allowed = ", ".join(part for part in (range_of(check), about["within"]) if part)
    symbol = symbols.get(name, "")
    return Key(
        name,
        (),
        type_of(check),
        default,
        left_out,
        allowed,
        about["unit"],
        symbol,
        about["meaning"],
    )


def decided_defaults(model: str) -> dict[str, str]:
    """By key the defaults that another key decides, in words: ``0; 1.0 for softmax-1``."""
    known = registry.configuration(model)
    found: dict[str, dict[str, list[str]]] = {}
    known_words = 0
    for deciding in known.DECIDING:
        section, _, name = deciding.partition(".")
        field = dict(entries(problem_type(model)))[deciding]
        words = field.metadata["check"].words
        known_words += len(words)
        for word in words:
            for key, value in known.dependent_defaults({section: {name: word}}).items():
                found.setdefault(key, {}).setdefault(toml_value(value), []).append(word)
    return {key: alternatives(values, known_words) for key, values in found.items()}


def alternatives(values: dict[str, list[str]], count: int) -> str:
    """Values with the words that they are for; of the first of the most common, none, where all of
    the ``count`` words have a value."""
    if sum(map(len, values.values())) < count:
        return "; ".join(f"{value} for {' and '.join(words)}" for value, words in values.items())
    common = max(values, key=lambda value: len(values[value]))
    others = [f"{value} for {' and '.join(words)}" for value, words in values.items()]
    return "; ".join(
        [common, *(other for other in others if not other.startswith(f"{common} for"))]
    )


def type_of(check: Check) -> str:
    """What values of a key are."""
    if isinstance(check, Section):
        return f"{type_of(check.otherwise)} or table" if check.otherwise else "table"
    if isinstance(check, Rows):
        return "matrix"
    if isinstance(check, ListOf):
        inner = {Whole: "whole numbers", Real: "numbers"}.get(type(check.item), "tables")
        return f"number or list of {inner}" if isinstance(check, OneOrList) else f"list of {inner}"
    if isinstance(check, Choice):
        if check.number:
            return "word, number or list of numbers"
        return "word or list of numbers" if check.numbers else "word"
    names = {Boolean: "true or false", Whole: "whole number", Real: "number"}
    return "text" if check is text else names.get(type(check), "table")


def range_of(check: Check | None) -> str:
    """The values that a check lets pass, in words; "" if there is no bound."""
    if isinstance(check, Section):
        return range_of(check.otherwise)
    if isinstance(check, Rows):
        return ""
    if isinstance(check, ListOf):
        inner = range_of(check.item)
        return f"each {inner}" if inner else ""
    if isinstance(check, Choice):
        return ", ".join(check.words)
    if isinstance(check, Whole):
        return f"{size(check.low)} to {size(check.high)}"
    return " and ".join(check.bounds()) if isinstance(check, Real) else ""


def size(number: int) -> str:
    """A whole number, a large one as the power that it is, or is one less than."""
    for base, least in ((10, 10**6), (2, 2**20)):
        for whole, less in ((number, ""), (number + 1, " - 1")):
            power = round(math.log(whole, base)) if whole >= least else 0
            if power and base**power == whole:
                return f"{base}^{power}{less}"
    return str(number)


def matching(pattern: str, known: Iterable[Key]) -> list[Key]:
    """The keys that have a text, in whatever case, in their name or meaning, where ``*`` stands for
    any signs and ``?`` for one."""
    sought = f"*{pattern.casefold().replace('[', '[[]')}*"
    return [
        key
        for key in known
        if any(fnmatchcase(text.casefold(), sought) for text in (key.name, key.told()))
    ]


def near(pattern: str, known: Iterable[Key]) -> list[str]:
    """Names of keys that a text may have meant: those like it, whole or behind their last dot."""
    names = list(dict.fromkeys(key.name for key in known))
    leaves = {name.rpartition(".")[2] for name in names}
    close = {nearest(pattern, names), nearest(pattern.rpartition(".")[2], leaves)} - {""}
    return [name for name in names if name in close or name.rpartition(".")[2] in close]
