"""A resolved configuration as TOML with comments: what each key means, and whether it has its
default."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from orderparams.config.keys import Key, keys
from orderparams.config.sections import Problem, to_table
from orderparams.config.toml import section_tables
from orderparams.config.unused import defaults
from orderparams.config.values import toml_value
from orderparams.models import registry

WIDTH = 80


@dataclass(frozen=True)
class Setting:
    """A key of a table with its value, and its default here; None if there is none."""

    key: Key
    name: str
    value: Any
    default: Any

    @property
    def is_default(self) -> bool:
        return self.default is not None and bool(self.value == self.default)

    def standing(self) -> str:
        """What the value is to the default."""
        if self.default is None:
            return self.key.without()
        if not self.is_default:
            return f"default: {self.key.default_text()}"
        return "this is the default" + f" ({self.key.left_out})" * bool(self.key.left_out)


@dataclass(frozen=True)
class Table:
    """A table of a configuration, its settings, and names of keys that have no value."""

    name: str
    meaning: str
    settings: tuple[Setting, ...]
    left_out: tuple[str, ...]


def tables(problem: Problem) -> Iterator[Table]:
    """All tables of a problem in the order in which they are written; first what stands in none."""
    written = to_table(problem)
    known = {key.name: key for key in keys(problem.model)}
    usual = defaults(written) | {"model": registry.DEFAULT}
    top = {"model": problem.model, "title": problem.title}
    for name, values in [("", top), *section_tables(type(problem), written)]:
        prefix = f"{name}." if name else ""
        settings = tuple(
            Setting(known[f"{prefix}{key}"], key, value, usual.get(f"{prefix}{key}"))
            for key, value in values.items()
        )
        own = [key for key in known.values() if key.name.startswith(prefix) and key.type != "table"]
        names = [key.name.removeprefix(prefix) for key in own]
        absent = [key for key in names if "." not in key and key not in values]
        yield Table(name, known[name].meaning if name else "", settings, tuple(absent))


def annotated(problem: Problem) -> str:
    """The configuration, which reads back as the same problem; comments fit 80 columns."""
    lines: list[str] = []
    for table in tables(problem):
        if table.name:
            lines += ["", *comment(table.meaning), f"[{table.name}]"]
        for setting in table.settings:
            facts = "; ".join(part for part in (setting.key.facts(), setting.standing()) if part)
            lines += ["", *comment(setting.key.told()), *comment(facts)]
            lines += assignment(setting.name, setting.value)
        if table.left_out:
            lines += ["", *comment(f"left out: {', '.join(table.left_out)}")]
    return "\n".join(lines).strip() + "\n"


def comment(text: str) -> list[str]:
    """A text as lines of comments."""
    return textwrap.wrap(
        text, WIDTH, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False
    )


def assignment(name: str, value: Any) -> Iterator[str]:
    """A key with its value; a list that is too long is broken between its entries."""
    whole = f"{name} = {toml_value(value)}"
    if len(whole) <= WIDTH or not isinstance(value, list | tuple):
        yield whole
        return
    yield f"{name} = ["
    yield from packed(f"{toml_value(entry)}," for entry in value)
    yield "]"


def packed(entries: Iterable[str]) -> Iterator[str]:
    """Entries of a list in lines as full as they can be."""
    line = ""
    for entry in entries:
        if line and len(f"{line} {entry}") > WIDTH:
            yield line
            line = ""
        line = f"{line} {entry}" if line else f"    {entry}"
    yield line
