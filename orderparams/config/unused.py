"""Settings without effect: which keys a command does not use, why, and what would make them count.

Which they are, each model says in ``models/<name>/unused.py``. Two kinds are told apart. What
belongs to other commands is named only if it was assigned for this
call, since one file serves several commands. What another setting makes ineffective is named also
if it stands in a file.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from orderparams.config.sections import Given, Problem, Section, settings_of
from orderparams.errors import IgnoredSettingWarning
from orderparams.models import registry
from orderparams.models.limit import Limit

INDEX = re.compile(r"\[\d+\]$")


@dataclass(frozen=True)
class Unused:
    """Keys, or whole sections; ``elsewhere`` if it is the command that does not use them."""

    keys: tuple[str, ...]
    reason: str
    elsewhere: bool = False


def ruled_out(limit: Limit, chosen: object) -> tuple[Unused, ...]:
    """What the options of a validation rule out where they have ``chosen`` such values."""
    words = limit.plural
    reason = f"the {words} are given by an option of validate; leave that out"
    return (Unused((limit.key,), reason, True),) if chosen else ()


def defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults by dotted key of the kind of problem that a table is of."""
    name = table.get("model", registry.DEFAULT)
    known = registry.configuration(name if registry.known(name) else registry.DEFAULT)
    found: dict[str, Any] = own_defaults(known.Problem) | known.dependent_defaults(table)
    return found


@functools.cache
def own_defaults(kind: Any) -> dict[str, Any]:
    """Defaults by dotted key of a kind of problem, or of a section of it."""
    found: dict[str, Any] = {}
    for name, entry in settings_of(kind).items():
        if isinstance(section := entry.metadata["check"], Section) and not section.otherwise:
            found |= {
                f"{name}.{key}": value
                for key, value in own_defaults(cast(Any, section.table)).items()
            }
        elif entry.default is not dataclasses.MISSING:
            found[name] = entry.default
    return found


def leaves(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of a table; tables in a list are counted."""
    for name, value in table.items():
        key = f"{path}{name}"
        if isinstance(value, Mapping):
            yield from leaves(value, f"{key}.")
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            for i, entry in enumerate(value):
                yield from leaves(entry if isinstance(entry, Mapping) else {}, f"{key}[{i}].")
        else:
            yield key, value


def covers(key: str, other: str) -> bool:
    """Whether a key is another one or holds it."""
    return other == key or other.startswith((f"{key}.", f"{key}["))


def given_in(table: Mapping[str, Any], assigned: Iterable[str], *, stored: bool = True) -> Given:
    """What was given in a table after these keys were assigned in it; ``stored`` unless nobody
    wrote the rest of it. A default that is written out is not given, unless it was assigned."""
    tops = [INDEX.sub("", key) if "components" not in key else key for key in assigned]
    values = {key: value for key, value in leaves(table) if key != "title"}
    own = {key for key in values if any(covers(top, key) for top in tops)}
    if not stored:
        return Given(frozenset(), frozenset(own))
    known = defaults(table)
    told = {key for key, value in values.items() if key not in known or known[key] != value}
    return Given(frozenset(told - own), frozenset(own))


def ignored(
    problem: Problem,
    command: str,
    given: Given,
    more: Iterable[Unused] = (),
    *,
    elsewhere: bool = True,
) -> dict[str, str]:
    """Of what was given, the keys that change nothing, and why; ``more`` that this call rules
    out. Unless ``elsewhere``, only what other settings rule out."""
    found: dict[str, str] = {}
    unused = registry.configuration(problem.model).unused
    entries = (*unused(problem, command), *more)
    for entry in (entry for entry in entries if elsewhere or not entry.elsewhere):
        keys = given.assigned if entry.elsewhere else given.assigned | given.stored
        for key in entry.keys:
            for known in sorted(keys):
                if covers(key, known) or covers(known, key):
                    found.setdefault(key if "[" in key else known, entry.reason)
    return found


def ruled_out_by_settings(
    problem: Problem, commands: Iterable[str], given: Given
) -> dict[tuple[str, ...], dict[str, str]]:
    """Of what was given, the keys that other settings rule out, and why, by the commands in which
    they do."""
    where: dict[tuple[str, str], list[str]] = {}
    for command in commands:
        for pair in ignored(problem, command, given, elsewhere=False).items():
            where.setdefault(pair, []).append(command)
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for (key, reason), names in where.items():
        found.setdefault(tuple(names), {})[key] = reason
    return found


def sentence(command: str, keys: Mapping[str, str]) -> str:
    """All keys with their reasons in one line; "" if there are none."""
    reasons: dict[str, list[str]] = {}
    for key, reason in keys.items():
        reasons.setdefault(reason, []).append(key)
    parts = [f"{', '.join(keys)} ({reason})" for reason, keys in reasons.items()]
    return f"without effect in {command}: {'; '.join(parts)}" if parts else ""


def heed(problem: Problem, command: str, more: Iterable[Unused] = (), *, depth: int = 3) -> Problem:
    """Warn of what was given without effect; the same problem, of which that is then known.

    ``depth`` as of :func:`warn`, seen from there.
    """
    warn(sentence(command, ignored(problem, command, problem.given, more)), depth)
    return dataclasses.replace(problem, given=Given())


def warn(text: str, depth: int = 2) -> None:
    """An :class:`IgnoredSettingWarning` where a public function was called, ``depth`` calls above.

    Nothing if there is no text, or if the package itself called: commands say it on their own.
    """
    caller = sys._getframe(depth).f_globals.get("__name__", "")
    if text and caller.partition(".")[0] != "orderparams":
        warnings.warn(text, IgnoredSettingWarning, stacklevel=depth + 1)
