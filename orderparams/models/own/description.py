"""What a person says of a model of their own, and what is wrong with it."""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np
from numba.core.dispatcher import Dispatcher

from orderparams.errors import ConfigurationError
from orderparams.models.own.calls import described
from orderparams.models.own.sections import RESERVED, problem_of
from orderparams.models.own.trial import Sizes, Trial
from orderparams.models.registry import MODELS

Setting = float | tuple[float, ...]

ARGUMENTS = {
    "loss": ("fields", "hidden", "random", "settings", "gradient"),
    "means": ("random", "settings", "shift"),
}
"""What kernels are called with."""


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
        worked on, at random fields: that it does not compile, returns no number, is not finite,
        goes beyond its arguments or writes into others than the last, prints, says something else
        when it is called again, or that the gradient is not that of the loss by differences.

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
                    f"{where}: {what} is no kernel, but {described(kernel)}; decorate the function "
                    "with @numba.njit"
                )
            if kernel is not None:
                if kernel.targetoptions.get("forceobj"):
                    raise ConfigurationError(
                        f"{where}: {what} is in object mode, which kernels cannot call; decorate "
                        "the function with @numba.njit"
                    )
                check_arguments(f"{where}: {what}", kernel.py_func, ARGUMENTS[what])
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
                f"{where}: {name} = {described(value)}, but it is a finite number, or a list of "
                "such"
            )
        return float(array) if array.ndim == 0 else tuple(map(float, array))

    def tried(self, settings: Any, vectors: int, hidden: int, tokens: int) -> None:
        """Call the kernels at random fields; :class:`ConfigurationError` for what they must not
        do."""
        sizes = Sizes(vectors, hidden, tokens, self.random)
        Trial(f"model {self.name!r}", self.loss, self.means, settings, sizes).run()


def check_arguments(what: str, function: Callable[..., Any], names: tuple[str, ...]) -> None:
    """:class:`ConfigurationError` for a function of other arguments, or of another order."""
    signature = inspect.signature(function)
    own = tuple(signature.parameters)
    moved = any(name in names and names.index(name) != at for at, name in enumerate(own))
    try:
        signature.bind(*names)
    except TypeError:
        moved = True
    if moved:
        raise ConfigurationError(
            f"{what} takes ({', '.join(own)}), but it is called with ({', '.join(names)}), in this "
            "order"
        )


def like_numpy(kernel: Any) -> Any:
    """A kernel in which 1/0 is infinite, that lets other threads work and starts none."""
    options = kernel.targetoptions | {"error_model": "numpy", "nogil": True, "parallel": False}
    return numba.jit(**options)(kernel.py_func)
