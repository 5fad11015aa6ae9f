"""A value that is not known, and reading on without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn, ParamSpec, TypeVar, cast

from orderparams.errors import ConfigurationError

P = ParamSpec("P")
T = TypeVar("T")


class Undecidable(Exception):
    """Something depends on a value that is not known."""


class Unknown:
    """Stands where a value could not be read, or is left open.

    It can be passed on; whatever else is done with it raises :class:`Undecidable`, also to ask for
    its type, unless that is this one.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name

    def _undecidable(self, *_: object) -> NoReturn:
        raise Undecidable(self.name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        self._undecidable()

    __getattr__ = __getitem__ = __call__ = _undecidable
    __len__ = __iter__ = __contains__ = __bool__ = __hash__ = _undecidable
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _undecidable
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _undecidable
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __float__ = __int__ = _undecidable
    __index__ = __abs__ = __neg__ = __format__ = _undecidable


class Errors:
    """Collects what is wrong in steps that can be tried one after the other.

    ``undecided`` tells whether one of them asked for what is not known.
    """

    def __init__(self) -> None:
        self.found: list[ConfigurationError] = []
        self.undecided = False

    def attempt(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a step returns, or what it could make nevertheless (perhaps an Unknown)."""
        try:
            return step(*args, **kwargs)
        except ConfigurationError as error:
            self.found += error.errors
            partial = error.partial
        except Undecidable:
            partial, self.undecided = None, True
        return cast(T, Unknown() if partial is None else partial)

    def add(self, errors: Iterable[ConfigurationError]) -> None:
        """Take over what a generator finds until it meets what is not known."""
        try:
            for error in errors:
                self.found.append(error)
        except Undecidable:
            self.undecided = True

    def add_all(self, checks: Iterable[Iterable[ConfigurationError]]) -> None:
        """Take over what several generators find; they come from one that may not know, either."""
        try:
            for check in checks:
                self.add(check)
        except Undecidable:
            self.undecided = True

    def conclude(self, result: T) -> T:
        """The result, if nothing was wrong."""
        if self.found:
            error = ConfigurationError.joined(self.found)
            error.partial = result
            raise error
        return result
