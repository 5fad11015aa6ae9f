"""Sections of a configuration as dataclasses, and those that all models share.

What a model has of its own stands in ``models/<name>/sections.py``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ClassVar

from orderparams.config.unknown import Errors, Unknown
from orderparams.config.values import (
    Check,
    Choice,
    boolean,
    choice,
    integer,
    nearest,
    number,
    numbers,
    shortened,
    shown,
)
from orderparams.errors import ConfigurationError
from orderparams.models import registry


@dataclass(frozen=True)
class Section:
    """A table whose keys are the fields of a dataclass, or one value that passes ``otherwise``."""

    table: type[Any]
    otherwise: Check | None = None

    def __call__(self, value: Any, key: str) -> Any:
        if isinstance(value, self.table):
            return value
        if self.otherwise is not None and not isinstance(value, Mapping):
            return self.otherwise(value, key)
        return read_section(self.table, value, key)


def option(
    check: Check,
    default: Any = dataclasses.MISSING,
    *,
    meaning: str,
    unit: str = "",
    within: str = "",
    left_out: str = "",
    example: str = "",
    remedy: str = "",
    later: bool = False,
) -> Any:
    """A field of a section: its check, and its default, or an example where it is required.

    ``meaning`` in the field's terms, ``unit`` or scaling of numbers; ``within`` says what is
    allowed beyond the check, ``left_out`` what holds where there is no value. All that pages,
    commands and files say of a key is taken from here. One that came ``later`` than others is
    written only where it differs from its default: the text of a problem is what it was without.
    """
    about = {"meaning": meaning, "unit": unit, "within": within, "left_out": left_out}
    told = {"check": check, "example": example, "remedy": remedy, "later": later}
    return field(default=default, metadata=told | about)


seed = integer(0, 2**63 - 1)

TIME = "learning_rate × steps / D"
LAST_TIME = "the last time t"
STARTS = "how vectors start: drawn as i.i.d. Gaussian vectors, or given by overlaps"
VARIANCE = "variance of the components of random vectors, and so their self-overlap"
DRAWN = "dimension D in which the random start is drawn"
START_SEED = "seed of the random start"
NO_NOISE = "standard deviation of the noise of the labels"
TITLE = "a line that is shown with the results"
TRAINING = "the learning rule, and for how long"
INITIAL = "where learning starts"
INTEGRATOR = "SciPy's integration of the flow in time"
OUTPUT = "the times that are stored"
SIMULATION = "SGD at finite dimension"
"""What several models say of keys of theirs."""


@dataclass(frozen=True)
class TrainingConfig:
    """The learning rule (theory 4). Time is t = learning_rate · steps / D."""

    rule: str = option(
        choice("gradient-flow", "sgd"),
        "gradient-flow",
        meaning="without or with the noise term of SGD, (learning_rate / batch_size) V",
    )
    learning_rate: float = option(
        number(low=0.0, above=True),
        1.0,
        meaning="learning rate of SGD; a step moves vectors of length √D by this order",
        unit="1",
    )
    batch_size: int = option(
        integer(1, 2**31), 1, meaning="fresh examples that a step of SGD takes", unit="examples"
    )
    weight_decay: float = option(
        number(low=0.0),
        0.0,
        meaning="weight decay; overlaps with fixed directions decay as exp(-weight_decay t)",
        unit="1 / time",
    )
    duration: float = option(number(low=0.0, above=True), 1500.0, meaning=LAST_TIME, unit=TIME)

    @property
    def penalties(self) -> tuple[str, ...]:
        """What is lowered beside the risk, in words."""
        return ("weight decay",) * (self.weight_decay > 0)

    def unpenalised(self) -> TrainingConfig:
        """The same of the risk alone."""
        return dataclasses.replace(self, weight_decay=0.0)

    @property
    def effective_rate(self) -> float:
        """The learning rate that steps amount to."""
        return self.learning_rate


@dataclass(frozen=True)
class IntegratorConfig:
    """Settings of SciPy's integrators."""

    method: str = option(
        choice("LSODA", "RK45", "RK23", "DOP853", "Radau", "BDF"),
        "LSODA",
        meaning="SciPy's method of integration",
    )
    rtol: float = option(
        number(low=1e-13, high=0.1),
        1e-6,
        meaning="relative tolerance of a step of the method",
        unit="size of an order parameter",
    )
    atol: float = option(
        number(low=0.0, above=True),
        1e-9,
        meaning="absolute tolerance of a step of the method",
        unit="order parameters",
    )
    max_steps: int = option(
        integer(1, 10**9),
        100_000,
        meaning="steps of the method after which a run is stopped as failed",
        unit="steps",
    )
    stop_at_rest: bool = option(
        boolean, False, meaning="end the run where the flow has come to rest"
    )


@dataclass(frozen=True)
class OutputConfig:
    """The times that are stored: 0 and duration included; log spacing starts at duration/10⁴."""

    points: int = option(
        integer(2, 1_000_000),
        200,
        meaning="times at which the state is stored, 0 and the last included",
        unit="times",
    )
    spacing: str = option(
        choice("linear", "log"),
        "linear",
        meaning="spacing of the stored times; log starts at duration / 10⁴",
    )


@dataclass(frozen=True)
class SimulationConfig:
    """SGD at finite dimension (theory 6)."""

    backend: str = option(
        choice("gram", "direct"),
        "gram",
        meaning="SGD in law by overlaps (gram), or on the vectors themselves (direct)",
    )
    dimension: int = option(
        integer(1, 10**12),
        1000,
        meaning="dimension in which SGD is run, and its starts are drawn",
        unit="components",
    )
    replicas: int = option(integer(1, 1_000_000), 8, meaning="independent runs of SGD", unit="runs")
    seed: int = option(seed, 0, meaning="seed of the replicas, of starts and examples")


@dataclass(frozen=True)
class Given:
    """The dotted keys that a user gave: ``stored`` in a file, ``assigned`` for this call."""

    stored: frozenset[str] = frozenset()
    assigned: frozenset[str] = frozenset()


class Problem:
    """A complete, validated configuration. Equal configurations give bit-identical results.

    Each model has a dataclass of its own, with its sections in the order in which they are written;
    what stands here all of them have. ``given`` tells what of it was not filled in; it is no part
    of the configuration.

    Examples
    --------
    >>> problem = op.load("two-stage")
    >>> problem.attention.heads, problem.training.duration
    (4, 4000.0)
    >>> op.load(problem, settings={"attention.heads": 4}) == problem
    True
    """

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    model: ClassVar[str]
    title: str
    training: TrainingConfig
    integrator: IntegratorConfig
    output: OutputConfig
    simulation: Any
    given: Given

    @property
    def step_time(self) -> float:
        """The time that a first step of SGD takes; a learning rate where nothing scales with D."""
        return self.training.effective_rate / getattr(self.simulation, "dimension", 1)


UNKNOWN: Any = Unknown()


def settings_of(cls: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    """The keys of a section."""
    return {entry.name: entry for entry in dataclasses.fields(cls) if "check" in entry.metadata}


def known_keys(kind: Any, path: str = "") -> tuple[str, ...]:
    """All dotted keys of a kind of problem, or of a section of it."""
    return _known_keys(kind, path)


@functools.cache
def _known_keys(kind: Any, path: str) -> tuple[str, ...]:
    keys: list[str] = [] if path else ["model"]
    hints = typing.get_type_hints(kind)
    for name in settings_of(kind):
        key, hint = f"{path}{name}", hints[name]
        keys.append(key)
        for one in typing.get_args(hint) or (hint,):
            if dataclasses.is_dataclass(one) and isinstance(one, type):
                keys += _known_keys(one, key + ".")
    return tuple(keys)


def check_of(key: str, kind: type[Any]) -> Check:
    """The check of a dotted key of a kind of problem, which may lead to an entry of a list;
    :class:`ConfigurationError` if there is no such key."""
    check: Any = Section(kind)
    for part in re.findall(r"[\w-]+", key):
        if part.isdigit():
            check = numbers if isinstance(check, Choice) and check.numbers else check
            entry = getattr(check, "item", None)
        elif check == Section(kind) and part == "model":
            entry = choice(*registry.names())
        elif isinstance(check, Section):
            fields = settings_of(check.table)
            entry = fields[part].metadata["check"] if part in fields else None
        else:
            entry = None
        if entry is None:
            raise unknown_key(key, kind)
        check = entry
    return typing.cast(Check, check)


def meant(key: str, kind: type[Any]) -> str:
    """The key that is most like one that does not exist; "" if none is."""
    known = known_keys(kind)
    if close := nearest(key, known, 0.75):
        return close
    leaves = dict.fromkeys(name.rsplit(".", 1)[-1] for name in known)
    leaf = nearest(key.rsplit(".", 1)[-1], leaves)
    return next((name for name in known if name.rsplit(".", 1)[-1] == leaf), "")


def unknown_key(key: str, kind: type[Any]) -> ConfigurationError:
    """The error for a key that does not exist, with the model that has it, or the nearest one."""
    if models := models_with(key, kind):
        return of_another([key], models)
    sections = ", ".join(name for name in known_keys(kind) if "." not in name)
    hint = (
        f"did you mean {close!r}?" if (close := meant(key, kind)) else f"known sections: {sections}"
    )
    return ConfigurationError(f"unknown key {shortened(key)!r}; {hint}")


def unknown_keys(keys: Iterable[str], kind: type[Any]) -> list[ConfigurationError]:
    """The errors for some, one for those that the same models have."""
    found = {key: models_with(key, kind) for key in keys}
    errors = [unknown_key(key, kind) for key, models in found.items() if not models]
    for models in dict.fromkeys(filter(None, found.values())):
        errors.append(of_another([key for key, own in found.items() if own == models], models))
    return errors


def models_with(key: str, kind: type[Any]) -> str:
    """Other models that have a key, in words; "" if none does."""
    others = (other for other in registry.names() if other != kind.model)
    owners = [other for other in others if key in known_keys(problem_type(other))]
    own = ", or one of your own," if key in known_keys(registry.own_problem()) else ""
    return " or ".join(map(repr, owners)) + own if owners else ""


def of_another(keys: Sequence[str], models: str) -> ConfigurationError:
    """The error for keys that only these models have."""
    them = "it" if len(keys) == 1 else "them"
    return ConfigurationError(
        f"{', '.join(keys)}: only model = {models} has {them}; set model, or leave {them} out"
    )


def problem_type(name: str) -> type[Problem]:
    """The kind of problem of a model by its name."""
    kind: type[Problem] = registry.configuration(name).Problem
    return kind


KIND: ContextVar[type[Problem]] = ContextVar("kind of the problem that is being read")


@contextlib.contextmanager
def reading(kind: type[Problem]) -> Iterator[None]:
    """What is read inside is of that kind of problem."""
    token = KIND.set(kind)
    try:
        yield
    finally:
        KIND.reset(token)


def read_problem(kind: type[Problem], table: Mapping[str, Any]) -> Any:
    """A table as a problem of that kind; errors as of :func:`read_section`."""
    with reading(kind):
        return read_section(kind, {k: value for k, value in table.items() if k != "model"}, "")


def read_section(cls: type[Any], table: Any, path: str) -> Any:
    """A table of the configuration as an instance of its dataclass.

    The error for one that cannot be read carries what could be, with an Unknown for the rest.
    """
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{path}: expected a table, got {shown(table)}")
    errors, kind = Errors(), KIND.get()
    prefix = path + "." if path else ""
    entries = settings_of(cls)
    strange = [f"{prefix}{key}" for key in table if key not in entries]
    errors.found += unknown_keys(strange, kind)
    misspelt = {meant(key, kind) for key in strange}
    values: dict[str, Any] = {}
    for name, entry in entries.items():
        if name not in table:
            if entry.default is dataclasses.MISSING:
                values[name] = UNKNOWN
                if re.sub(r"\[\d+\]", "", prefix) + name not in misspelt:
                    errors.found.append(missing(prefix + name, entry.metadata))
        elif isinstance(table[name], Unknown):
            values[name] = table[name]
        else:
            values[name] = errors.attempt(entry.metadata["check"], table[name], prefix + name)
    return errors.conclude(cls(**values))


def missing(key: str, about: Mapping[str, Any]) -> ConfigurationError:
    """The error for a required key that is not there."""
    message = f"{key} is missing and has no default; add it, such as {about['example']}"
    return ConfigurationError(message, about["remedy"])


def to_table(config: Any) -> dict[str, Any]:
    """A problem or a section as a plain table, without the keys that were left out."""
    table: dict[str, Any] = {}
    if isinstance(config, Problem) and config.model != registry.DEFAULT:
        table["model"] = config.model
    for key in settings_of(type(config)):
        value = getattr(config, key)
        if isinstance(value, Unknown):
            table[key] = value
        elif dataclasses.is_dataclass(value):
            table[key] = to_table(value)
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            table[key] = [to_table(entry) for entry in value]
        elif value is not None:
            table[key] = value
    return table
