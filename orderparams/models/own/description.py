"""What a person says of a model of their own, and what is wrong with it."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError

from orderparams.errors import ConfigurationError
from orderparams.models.own.sections import RESERVED, problem_of
from orderparams.models.registry import MODELS

Setting = float | tuple[float, ...]


@dataclass(frozen=True, eq=False)
class OwnModel:
    """A model of vectors in R^D from one kernel.

    n learned vectors w_i and d orthonormal hidden directions w*_f (times √D) have the fields
    w_i·X_ℓ/√D and w*_f·X_ℓ/√D on L tokens X_ℓ, which are N(0, I_D), shifted along hidden
    directions by ``means`` if there are any.

    Parameters
    ----------
    name
        What the key ``model`` of a configuration calls it: letters, digits and ``-``.
    loss
        Kernel ``loss(fields, hidden, random, settings, gradient)`` of :func:`numba.njit`: returns
        the loss of one sequence, and fills ``gradient`` (n, L), zero before, with its derivatives
        in ``fields`` (n, L). ``hidden`` (d, L) are the fields of the hidden directions, ``random``
        independent standard normal numbers, ``settings`` a named tuple of what ``settings`` says.
    vectors, hidden, tokens
        n, d and L where a configuration does not say them (``task.vectors``, …).
    random
        How many random numbers a sequence takes beside its tokens.
    means
        Kernel ``means(random, settings, shift)`` that fills ``shift`` (d, L), zero before, with the
        means of the tokens along the hidden directions, times √D; or None.
    settings
        Numbers, or sequences of numbers, by name: keys of ``[task]`` with these defaults.
    vector
        What a vector is called: "head", "student".

    Raises
    ------
    ConfigurationError
        If one of these makes no sense. What a kernel must not do is told when a problem is first
        worked on: that it does not compile, returns no number, or is not finite at random fields.

    Examples
    --------
    >>> import numba
    >>> @numba.njit
    ... def loss(fields, hidden, random, settings, gradient):
    ...     error = fields[0, 0] - hidden[0, 0] - settings.noise * random[0]
    ...     gradient[0, 0] = error
    ...     return 0.5 * error**2
    >>> model = op.OwnModel("perceptron", loss, random=1, settings={"noise": 0.1})
    >>> op.register(model)
    >>> run = op.solve({"model": "perceptron", "training": {"duration": 5}})
    >>> float(run.risk[-1]) < 0.02
    True
    """

    name: str
    loss: Callable[..., Any]
    vectors: int = 1
    hidden: int = 1
    tokens: int = 1
    random: int = 0
    means: Callable[..., Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    vector: str = "vector"
    Problem: type[Any] = field(init=False)

    def __post_init__(self) -> None:
        where = f"OwnModel({self.name!r})"
        if not (isinstance(self.name, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", self.name)):
            raise ConfigurationError(f"{where}: a name has letters, digits and '-', letters first")
        if self.name in MODELS:
            raise ConfigurationError(
                f"{where}: a model that comes with the program is called so; choose another name"
            )
        for what in ("vectors", "hidden", "tokens", "random"):
            count, least = getattr(self, what), 0 if what == "random" else 1
            if not isinstance(count, int) or isinstance(count, bool) or count < least:
                raise ConfigurationError(
                    f"{where}: {what} = {count!r}, but it is a whole number from {least} on"
                )
        for what in ("loss", "means"):
            kernel = getattr(self, what)
            if not isinstance(kernel, Dispatcher) and (what == "loss" or kernel is not None):
                raise ConfigurationError(
                    f"{where}: {what} is no kernel, but {shown(kernel)}; decorate the function "
                    "with @numba.njit"
                )
            if kernel is not None:
                object.__setattr__(self, what, like_numpy(kernel))
        if not (isinstance(self.vector, str) and self.vector.isidentifier()):
            raise ConfigurationError(f"{where}: vector = {self.vector!r} is not one word")
        object.__setattr__(
            self,
            "settings",
            {name: self.setting(name, self.settings[name]) for name in self.settings},
        )
        object.__setattr__(self, "Problem", problem_of(self))

    def setting(self, name: str, value: Any) -> Setting:
        """A default, checked."""
        where = f"OwnModel({self.name!r}): settings"
        if not (isinstance(name, str) and name.isidentifier()) or keyword.iskeyword(name):
            raise ConfigurationError(f"{where}: {name!r} is no name of a variable")
        if name in RESERVED or name.startswith("_"):
            raise ConfigurationError(
                f"{where}: {name!r} has a meaning already, or begins with '_'; choose another name"
            )
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            array = np.empty((0, 0))
        if array.ndim > 1 or not array.size or not np.isfinite(array).all():
            raise ConfigurationError(
                f"{where}: {name} = {shown(value)}, but it is a finite number, or a list of such"
            )
        return float(array) if array.ndim == 0 else tuple(map(float, array))

    def tried(self, settings: Any, vectors: int, hidden: int, tokens: int) -> None:
        """Call the kernels once; :class:`ConfigurationError` for what they must not do."""
        generator = np.random.default_rng(0)
        where = f"model {self.name!r}"
        random, shift = generator.standard_normal(self.random), np.zeros((hidden, tokens))
        fields = generator.standard_normal((vectors, tokens))
        known, gradient = generator.standard_normal((hidden, tokens)), np.zeros((vectors, tokens))
        if self.means is not None:
            call(f"{where}: means", self.means, random, settings, shift)
            if not np.isfinite(shift).all():
                raise ConfigurationError(f"{where}: means are not finite at random numbers")
        value = call(f"{where}: loss", self.loss, fields, known, random, settings, gradient)
        if not isinstance(value, float):
            raise ConfigurationError(
                f"{where}: loss returns {shown(value)}, but it is to return one number, the loss "
                "of the sequence, and to fill gradient"
            )
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            raise ConfigurationError(
                f"{where}: loss or gradient is not finite at random fields; the loss is {value}"
            )


def like_numpy(kernel: Any) -> Any:
    """A kernel in which 1/0 is infinite, and that lets other threads work."""
    options = kernel.targetoptions | {"error_model": "numpy", "nogil": True}
    return numba.jit(**options)(kernel.py_func)


def shown(value: Any) -> str:
    """What a value is, and of one that is short what it says."""
    text = repr(value)
    short = len(text) < 40 and not isinstance(value, np.ndarray)
    return f"{type(value).__name__} {text}" if short else type(value).__name__


def call(what: str, kernel: Any, *arguments: Any) -> Any:
    """What a kernel returns; what keeps it from compiling, or goes wrong in it, in one line."""
    try:
        return kernel(*arguments)
    except NumbaError as error:
        raise ConfigurationError(f"{what} does not compile: {first_line(str(error))}") from None
    except Exception as error:
        raise ConfigurationError(f"{what} fails: {type(error).__name__}: {error}") from None


def first_line(text: str) -> str:
    """The line of one of numba's messages that says what is wrong."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Failed in", "During:", "File ", "<"))]
    return (told or lines or ["no reason is told"])[0]
