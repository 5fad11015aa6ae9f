"""The kernels of :mod:`orderparams.models.own.kernels` around those of a model, built once."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter, namedtuple
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.models.vectors.sgd import Sizes

Array = NDArray[np.float64]

BUILDING: dict[str, tuple[Any, ...]] = {}
"""What a module of kernels is given while it is executed, by its name."""

BUILT: Counter[str] = Counter()
"""How many models of a name there were: a later one replaces those before, with other kernels."""

NONE = "none"
"""The only setting of a model without any: numba knows no empty tuples with names."""

MODEL = ["sizes", "settings", "random"]
"""What kernels know of a model: sizes, settings, and how many random numbers a sequence takes."""


class Rule(NamedTuple):
    """A step of SGD: learning rate γ, batch size B, weight decay λ."""

    learning_rate: float
    batch_size: int
    weight_decay: float


class Numbers(NamedTuple):
    """Nothing is learned beside the vectors: one number each that rests."""

    resting: Array


class Sums(NamedTuple):
    """By block: risk (B,), Σ_ℓ g x (B, n, d+n), V (B, n, n), the largest sample of it (B, n)."""

    risk: Array
    drift: Array
    covariance: Array
    largest: Array


@kernel()
def unshifted(random: Array, settings: Any, shift: Array) -> None:
    """The means of tokens that have none."""


@kernel()
def lossless(fields: Array, hidden: Array, random: Array, settings: Any, gradient: Array) -> float:
    """The loss where there is no model."""
    return 0.0


def given(module: str) -> tuple[Any, ...]:
    """Loss, means, class of settings, and name of the class of the model."""
    return BUILDING.get(module, (lossless, unshifted, tuple, "Model_of_nobody"))


def tuple_of(name: str, fields: list[str], module: str) -> Any:
    """A class of named tuples, as of a module."""
    make: Any = namedtuple
    return make(name, fields, module=module)


def kernels_of(model: Any) -> ModuleType:
    """The module of kernels of a model."""
    suffix = model.name.replace("-", "_")
    BUILT[suffix] += 1
    suffix += f"_{BUILT[suffix]}" * (BUILT[suffix] > 1)
    module_name = f"{__package__}.kernels_of_{suffix}"
    settings = tuple_of(f"Settings_{suffix}", list(model.settings) or [NONE], module_name)
    spec = importlib.util.spec_from_file_location(
        module_name, Path(__file__).with_name("kernels.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    BUILDING[module_name] = (
        model.loss,
        unshifted if model.means is None else model.means,
        settings,
        f"Model_{suffix}",
    )
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    for kind in (settings, module.Model):
        vars(module)[kind.__name__] = kind
    return module


def settings_of(module: ModuleType, model: Any, task: Any) -> Any:
    """What kernels take of a configuration's task."""
    values = (getattr(task, name) for name in model.settings)
    return (
        module.Settings(*(np.array(v) if isinstance(v, tuple) else float(v) for v in values))
        if model.settings
        else module.Settings(0.0)
    )


def built(module: ModuleType, model: Any, task: Any) -> Any:
    """The model of a task as kernels see it."""
    sizes = Sizes(task.hidden, task.hidden, task.tokens, 0)
    return module.Model(sizes, settings_of(module, model, task), model.random)
