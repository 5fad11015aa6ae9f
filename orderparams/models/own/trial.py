"""Kernels of a model of one's own are tried at random fields, before anything rests on them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError
from orderparams.models.own.calls import call, described
from orderparams.models.own.differences import Slopes, check_slopes

Array = NDArray[np.float64]

POINTS = 16
"""Random fields at which kernels are tried, at every fourth of a length of SCALES."""

SCALES = (0.3, 1.0, 2.0, 3.0)

FEW = 256
"""Entries of the gradient above which a fourth of the points has to do."""

PROBES = 512
"""More of the largest fields, at which kernels have to be finite ..."""

EVALUATED = 2**18
"""... but no more than have so many entries."""

WALKED = 4096
"""Entries of what a kernel fills up to which Python goes through it once."""

GUARD = 64
"""Least numbers before and behind an array that kernels must not read, which are NaN."""


class Sizes(NamedTuple):
    """n, d, L, and the random numbers of a sequence."""

    vectors: int
    hidden: int
    tokens: int
    random: int


class Point(NamedTuple):
    """What a loss is given: fields (n, L), hidden (d, L), random (R,), and settings."""

    fields: Array
    hidden: Array
    random: Array
    settings: Any


class Answer(NamedTuple):
    """What it says: the loss, and its gradient (n, L)."""

    loss: float
    gradient: Array


class Trial:
    """The kernels of a model with settings, named in messages by ``where``."""

    def __init__(self, where: str, loss: Any, means: Any, settings: Any, sizes: Sizes) -> None:
        self.where, self.loss, self.means, self.sizes = where, loss, means, sizes
        self.walked: set[str] = set()
        self.settings = type(settings)(
            *(guarded(value) if isinstance(value, np.ndarray) else value for value in settings)
        )

    def run(self) -> None:
        """:class:`ConfigurationError` for what kernels must not do."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.judge()
        if line := next(filter(str.strip, printed.getvalue().splitlines()), ""):
            raise ConfigurationError(
                f"{self.where}: the kernels print {line.strip()[:40]!r}; they are called millions "
                "of times: leave the print out"
            )

    def judge(self) -> None:
        """The same, whatever is printed."""
        generator = np.random.default_rng(0)
        few = self.sizes.vectors * self.sizes.tokens <= FEW
        points = [
            self.point(generator, SCALES[number % len(SCALES)])
            for number in range(POINTS if few else len(SCALES))
        ]
        answers = [self.answer(point) for point in points]
        for _ in range(max(1, min(PROBES, EVALUATED // points[0].fields.size))):
            self.answer(self.point(generator, SCALES[-1]))
        for point, first in zip(points, answers, strict=True):
            again = self.answer(point)
            if again.loss != first.loss or not np.array_equal(again.gradient, first.gradient):
                raise ConfigurationError(
                    f"{self.where}: loss gives {first.loss:.6g} and then {again.loss:.6g} of the "
                    "same fields and random numbers, or another gradient; take what is random from "
                    "the argument random (OwnModel(..., random=1)), and keep nothing between calls"
                )
        pairs = zip(points, answers, strict=True)
        check_slopes(f"{self.where}: ", [self.slopes(*one) for one in pairs])
        if not any(one.gradient.any() for one in answers):
            raise ConfigurationError(
                f"{self.where}: the loss does not depend on fields, so that nothing would learn"
            )

    def point(self, generator: np.random.Generator, scale: float) -> Point:
        """Random fields of such a size, with the means of their tokens."""
        sizes = self.sizes
        random = guarded(generator.standard_normal(sizes.random))
        shift = guarded(np.zeros((sizes.hidden, sizes.tokens)))
        if self.means is not None:
            self.checked("means", self.means, (random, self.settings, shift), "shift")
            if not np.isfinite(shift).all():
                raise ConfigurationError(f"{self.where}: means are not finite at random numbers")
        fields = scale * generator.standard_normal((sizes.vectors, sizes.tokens))
        hidden = shift + generator.standard_normal(shift.shape)
        return Point(guarded(fields), guarded(hidden), random, self.settings)

    def answer(self, point: Point) -> Answer:
        """What the loss says at a point, checked."""
        gradient = guarded(np.zeros(point.fields.shape))
        loss = self.checked("loss", self.loss, (*point, gradient), "gradient")
        if not isinstance(loss, float):
            raise ConfigurationError(
                f"{self.where}: loss returns {described(loss)}, but it is to return one "
                "floating-point number, the loss of the sequence, and to fill gradient"
            )
        if not (np.isfinite(loss) and np.isfinite(gradient).all()):
            raise ConfigurationError(
                f"{self.where}: loss or gradient is not finite at random fields such as "
                f"{point.fields.flat[0]:.3g}; the loss is {loss:.6g}"
            )
        return Answer(loss, gradient)

    def slopes(self, point: Point, answer: Answer) -> Slopes:
        """Point and answer, for differences."""
        scratch = np.zeros(point.fields.shape)

        def at(fields: Array) -> float:
            scratch[:] = 0.0
            return float(self.loss(fields, *point[1:], scratch))

        return Slopes(at, point.fields, answer.gradient)

    def checked(self, name: str, kernel: Any, arguments: Sequence[Any], filled: str) -> Any:
        """What a kernel returns; what keeps it from compiling, goes wrong in it, or is written
        elsewhere than in its last argument, in one line."""
        what = f"{self.where}: {name}"
        inputs = flat(arguments[:-1])
        before = [one.copy() for one in inputs]
        value = call(what, kernel, *arguments)
        outside = not all(map(is_guarded, [*inputs, arguments[-1]]))
        unknown = np.isnan(arguments[-1]).any() or (isinstance(value, float) and np.isnan(value))
        first = name not in self.walked and arguments[-1].size <= WALKED
        if outside or unknown or first:
            self.walked.add(name)
            self.check_places(what, kernel, arguments, outside=outside)
        if any(
            not np.array_equal(*two, equal_nan=True) for two in zip(before, inputs, strict=True)
        ):
            raise ConfigurationError(
                f"{what} writes into what it is given; it is to fill {filled} and to leave its "
                "other arguments as they are: work on a copy"
            )
        return value

    def check_places(
        self, what: str, kernel: Any, arguments: Sequence[Any], *, outside: bool
    ) -> None:
        """:class:`ConfigurationError` where a kernel reads or writes beyond its arguments: Python
        says where, compiled code does not look."""
        reason = "it writes there" if outside else ""
        try:
            with np.errstate(all="ignore"):
                kernel.py_func(*(plain(one) for one in arguments))
        except IndexError as error:
            reason = str(error)
        except Exception:  # what only numba understands
            pass
        if reason:
            sizes = self.sizes
            raise ConfigurationError(
                f"{what} goes beyond the ends of its arguments: {reason}; there are "
                f"vectors = {sizes.vectors}, hidden = {sizes.hidden}, tokens = {sizes.tokens}, "
                f"random = {sizes.random}, and settings as long as the configuration says"
            )


def guarded(values: Array) -> Array:
    """A copy in the middle of memory that nobody is to touch."""
    margin = max(GUARD, values.size)
    whole = np.full(values.size + 2 * margin, np.nan)
    inner: Array = whole[margin : margin + values.size].reshape(values.shape)
    inner[...] = values
    return inner


def is_guarded(inner: Array) -> bool:
    """Whether nothing was written beside it."""
    whole: Any = inner.base
    margin = (whole.size - inner.size) // 2
    return bool(np.isnan(whole[:margin]).all() and np.isnan(whole[margin + inner.size :]).all())


def changed(before: Array, after: Array) -> bool:
    """Whether a number is another."""
    return not np.array_equal(before, after, equal_nan=True)


def flat(arguments: Sequence[Any]) -> list[Array]:
    """All arrays, those of settings too."""
    arrays: list[Array] = []
    for one in arguments:
        if isinstance(one, tuple):
            arrays += flat(one)
        elif isinstance(one, np.ndarray):
            arrays.append(one)
    return arrays


def plain(argument: Any) -> Any:
    """A copy, of which Python knows the ends."""
    return argument.copy() if isinstance(argument, np.ndarray) else argument
