"""The sections of the configuration. Every key, its default and its allowed values stand here."""

from __future__ import annotations

import dataclasses
import functools
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orderparams.config.unknown import Errors, Unknown
from orderparams.config.values import (
    Check,
    Choice,
    Matrix,
    Numbers,
    boolean,
    choice,
    integer,
    matrix,
    nearest,
    number,
    numbers,
    sequence,
    shortened,
    shown,
    text,
    weights,
    words_or_numbers,
)
from orderparams.errors import ConfigurationError


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


def option(check: Check, default: Any = dataclasses.MISSING, *, example: str = "") -> Any:
    """A field of a section: its check, and its default, or an example where it is required."""
    return field(default=default, metadata={"check": check, "example": example})


MAX_LENGTH = 1_000_000
MAX_HEADS = 256
MAX_COMPONENTS = 4096
token_count = integer(2, MAX_LENGTH)
seed = integer(0, 2**63 - 1)


@dataclass(frozen=True)
class LengthLaw:
    """A law on the number L of tokens: ``{ values = [2, 4, 8], weights = [1, 1, 2] }``."""

    values: tuple[int, ...] = option(
        sequence(token_count, "list of lengths"), example="values = [2, 4, 8]"
    )
    weights: Numbers | None = option(weights, None)


@dataclass(frozen=True)
class ComponentConfig:
    """One Gaussian of a mixture; without variances or covariance, a point."""

    mean: Numbers = option(numbers, example="mean = [1.5, 0.2]")
    weight: float = option(number(low=0.0), 1.0)
    variances: Numbers | None = option(sequence(number(low=0.0), "list of variances"), None)
    covariance: Matrix | None = option(matrix, None)


SIGNAL_KEYS = {
    "flipped-spikes": {"strengths"},
    "spikes": {"strengths"},
    "hypercube": {"strengths", "mean"},
    "gaussian": {"mean", "variances", "covariance"},
    "mixture": {"components"},
}


@dataclass(frozen=True)
class SignalConfig:
    """P_θ, the law of the signal (theory 1). F is the length of the lists."""

    kind: str = option(choice(*SIGNAL_KEYS), example='kind = "spikes"')
    mean: Numbers | None = option(numbers, None)
    strengths: Numbers | None = option(sequence(number(low=0.0), "list of strengths ν ≥ 0"), None)
    variances: Numbers | None = option(sequence(number(low=0.0), "list of variances"), None)
    covariance: Matrix | None = option(matrix, None)
    components: tuple[ComponentConfig, ...] | None = option(
        sequence(Section(ComponentConfig), "list of components"), None
    )

    @property
    def features(self) -> int:
        """Number F of signal directions; Unknown where no list says it."""
        if self.components:
            return len(self.components[0].mean)
        lists = (self.strengths, self.variances, self.covariance, self.mean)
        return next((len(given) for given in lists if given is not None), UNKNOWN)


EXAMPLE = 'a table [task.signal] with kind = "spikes" and strengths = [4, 1]'
"""The least that a configuration must have."""


@dataclass(frozen=True)
class TaskConfig:
    """Single-location regression (theory 1)."""

    signal: SignalConfig = option(Section(SignalConfig), example=EXAMPLE)
    length: int | LengthLaw = option(Section(LengthLaw, otherwise=token_count), 4)
    target: str = option(choice("token", "scalar"), "token")
    noise: float = option(number(low=0.0), 0.0)


@dataclass(frozen=True)
class AttentionConfig:
    """The attention layer (theory 2). None means: the default of the activation."""

    heads: int = option(integer(1, MAX_HEADS), 4)
    activation: str = option(choice("softmax", "softmax-1", "bayes-softmax"), "softmax")
    kappa: float | None = option(number(low=0.0), None)
    bias: str | Numbers | None = option(words_or_numbers("none", "norm", "learned"), None)
    head_weights: str | Numbers | None = option(words_or_numbers("mean", "sum", "learned"), None)


ACTIVATION_DEFAULTS: dict[str, dict[str, Any]] = {
    "softmax": {"kappa": 0.0, "bias": "none", "head_weights": "mean"},
    "softmax-1": {"kappa": 1.0, "bias": "norm", "head_weights": "sum"},
    "bayes-softmax": {"kappa": 0.0, "bias": "norm", "head_weights": "sum"},
}


@dataclass(frozen=True)
class TrainingConfig:
    """The learning rule (theory 4). Time is t = learning_rate · steps / D."""

    rule: str = option(choice("gradient-flow", "sgd"), "gradient-flow")
    learning_rate: float = option(number(low=0.0, above=True), 1.0)
    batch_size: int = option(integer(1, 2**31), 1)
    weight_decay: float = option(number(low=0.0), 0.0)
    duration: float = option(number(low=0.0, above=True), 1500.0)
    bias_rate: float = option(number(low=0.0), 1.0)
    head_weight_rate: float = option(number(low=0.0), 1.0)


@dataclass(frozen=True)
class InitialConfig:
    """Where the heads start: drawn at random in a finite dimension, or given by their overlaps."""

    kind: str = option(choice("random", "explicit"), "random")
    variance: float = option(number(low=0.0), 0.01)
    dimension: int = option(integer(1, 10**12), 1000)
    seed: int = option(seed, 0)
    overlap: Matrix | None = option(matrix, None)
    self_overlap: Matrix | None = option(matrix, None)
    bias: Numbers | None = option(numbers, None)
    head_weights: Numbers | None = option(numbers, None)


@dataclass(frozen=True)
class ExpectationConfig:
    """How Gaussian expectations are taken (theory 5)."""

    engine: str = option(choice("auto", "quadrature", "sampling"), "auto")
    tolerance: float = option(number(low=1e-13, high=1e-2), 1e-8)
    samples: int = option(integer(64, 2**26), 16384)
    seed: int = option(seed, 0)


@dataclass(frozen=True)
class IntegratorConfig:
    """Settings of SciPy's integrators."""

    method: str = option(choice("LSODA", "RK45", "RK23", "DOP853", "Radau", "BDF"), "LSODA")
    rtol: float = option(number(low=1e-13, high=0.1), 1e-6)
    atol: float = option(number(low=0.0, above=True), 1e-9)
    max_steps: int = option(integer(1, 10**9), 100_000)
    stop_at_rest: bool = option(boolean, False)


@dataclass(frozen=True)
class OutputConfig:
    """The times that are stored: 0 and duration included; log spacing starts at duration/10⁴."""

    points: int = option(integer(2, 1_000_000), 200)
    spacing: str = option(choice("linear", "log"), "linear")


@dataclass(frozen=True)
class SimulationConfig:
    """SGD at finite dimension (theory 6)."""

    backend: str = option(choice("gram", "direct"), "gram")
    dimension: int = option(integer(1, 10**12), 1000)
    replicas: int = option(integer(1, 1_000_000), 8)
    seed: int = option(seed, 0)


@dataclass(frozen=True)
class Given:
    """The dotted keys that a user gave: ``stored`` in a file, ``assigned`` for this call."""

    stored: frozenset[str] = frozenset()
    assigned: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Problem:
    """A complete, validated configuration. Equal configurations give bit-identical results.

    ``given`` tells what of it was not filled in; it is no part of the configuration.
    """

    task: TaskConfig = option(Section(TaskConfig), example=EXAMPLE)
    title: str = option(text, "")
    attention: AttentionConfig = option(Section(AttentionConfig), AttentionConfig())
    training: TrainingConfig = option(Section(TrainingConfig), TrainingConfig())
    initial: InitialConfig = option(Section(InitialConfig), InitialConfig())
    expectation: ExpectationConfig = option(Section(ExpectationConfig), ExpectationConfig())
    integrator: IntegratorConfig = option(Section(IntegratorConfig), IntegratorConfig())
    output: OutputConfig = option(Section(OutputConfig), OutputConfig())
    simulation: SimulationConfig = option(Section(SimulationConfig), SimulationConfig())
    given: Given = field(default=Given(), compare=False, repr=False)


UNKNOWN: Any = Unknown()


def settings_of(cls: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    """The keys of a section."""
    return {entry.name: entry for entry in dataclasses.fields(cls) if "check" in entry.metadata}


@functools.cache
def known_keys(cls: type[Any] = Problem, path: str = "") -> tuple[str, ...]:
    """All dotted keys of the configuration."""
    keys: list[str] = []
    hints = typing.get_type_hints(cls)
    for name in settings_of(cls):
        key, hint = f"{path}{name}", hints[name]
        keys.append(key)
        for kind in typing.get_args(hint) or (hint,):
            if dataclasses.is_dataclass(kind) and isinstance(kind, type):
                keys += known_keys(kind, key + ".")
    return tuple(keys)


def check_of(key: str) -> Check:
    """The check of a dotted key, which may lead to an entry of a list; :class:`ConfigurationError`
    if there is no such key."""
    check: Any = Section(Problem)
    for part in re.findall(r"[\w-]+", key):
        if part.isdigit():
            check = numbers if isinstance(check, Choice) and check.numbers else check
            entry = getattr(check, "item", None)
        elif isinstance(check, Section):
            fields = settings_of(check.table)
            entry = fields[part].metadata["check"] if part in fields else None
        else:
            entry = None
        if entry is None:
            raise unknown_key(key)
        check = entry
    return typing.cast(Check, check)


def meant(key: str) -> str:
    """The key that is most like one that does not exist; "" if none is."""
    known = known_keys()
    if close := nearest(key, known, 0.75):
        return close
    leaves = dict.fromkeys(name.rsplit(".", 1)[-1] for name in known)
    leaf = nearest(key.rsplit(".", 1)[-1], leaves)
    return next((name for name in known if name.rsplit(".", 1)[-1] == leaf), "")


def unknown_key(key: str) -> ConfigurationError:
    """The error for a key that does not exist, with the nearest one that does."""
    sections = ", ".join(name for name in known_keys() if "." not in name)
    hint = f"did you mean {close!r}?" if (close := meant(key)) else f"known sections: {sections}"
    return ConfigurationError(f"unknown key {shortened(key)!r}; {hint}")


def missing(key: str, example: str) -> ConfigurationError:
    """The error for a required key that is not there."""
    remedy = "presets" if example == EXAMPLE else ""
    message = f"{key} is missing and has no default; add it, such as {example}"
    return ConfigurationError(message, remedy)


def read_section(cls: type[Any], table: Any, path: str) -> Any:
    """A table of the configuration as an instance of its dataclass.

    The error for one that cannot be read carries what could be, with an Unknown for the rest.
    """
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{path}: expected a table, got {shown(table)}")
    errors = Errors()
    prefix = path + "." if path else ""
    entries = settings_of(cls)
    strange = [f"{prefix}{key}" for key in table if key not in entries]
    errors.found += map(unknown_key, strange)
    misspelt = set(map(meant, strange))
    values: dict[str, Any] = {}
    for name, entry in entries.items():
        if name not in table:
            if entry.default is dataclasses.MISSING:
                values[name] = UNKNOWN
                if re.sub(r"\[\d+\]", "", prefix) + name not in misspelt:
                    errors.found.append(missing(prefix + name, entry.metadata["example"]))
        elif isinstance(table[name], Unknown):
            values[name] = table[name]
        else:
            values[name] = errors.attempt(entry.metadata["check"], table[name], prefix + name)
    return errors.conclude(cls(**values))


def to_table(config: Any) -> dict[str, Any]:
    """A section as a plain table, without the keys that were left out."""
    table: dict[str, Any] = {}
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
