"""What can go wrong, how it is told, and the exit status of the shell command that meets it.

A message says what, where and what is allowed, in words of the configuration. What can be done
about it is written differently in Python and in the shell: an error names a remedy, REMEDIES has
the words of Python, and ``cli.remedies`` those of the shell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

REMEDIES = {
    "replace": "give force=True to replace it, or another path",
    "rename": "give another path",
    "resume": "give resume=True to go on, or force=True to start anew",
    "restart": "give force=True to start anew, or another output",
    "go on": "give output and resume=True to go on",
    "set": 'for example settings={{"{key}": {value}}}',
    "signal": 'to replace the whole signal: settings={{"task.signal": {{"kind": "spikes", '
    '"strengths": [4, 1]}}}}',
    "start": 'or replace the whole start: settings={{"initial": {{"kind": "random"}}}}',
    "scan": "several values are run by orderparams.scan(..., {{{key!r}: {values}}})",
    "listed": "each value is a list itself: {{{key!r}: {values}}}",
    "unlisted": "values stand in one list: {{{key!r}: {values}}}",
    "vary": 'for example {{"attention.heads": [1, 2, 4]}}',
    "draw": "without it mode='random' and points=N draw points from it",
    "solve": "orderparams.solve({source!r}).save(...) makes one",
    "result": "orderparams.solve(...).save(...) makes one",
    "make": "orderparams.{command}(...) makes one",
    "analyze": "orderparams.analyze(...) makes one",
    "again": "take another copy of it, or make it again",
    "presets": 'orderparams.load("two-stage") is one to start from',
    "saad-solla": 'orderparams.load("saad-solla") is one to start from',
    "in-context-pairs": 'orderparams.load("in-context-pairs") is one to start from',
    "dimensions": "give dimensions, for example dimensions=[250, 1000]",
    "learning_rates": "give learning rates, for example learning_rates=[0.08, 0.02]",
    "choose": "choose with over={over!r}, or fix the others with at={{{name!r}: {value!r}}}",
    "log risk": "log='y' shows the risk itself on a logarithmic axis",
    "fix": "fix parameters with at={{name: value}}",
    "argument": "{argument!r}",
    "model": "one of your own is made known by orderparams.register(...)",
    "cluster": "dask scheduler --scheduler-file {path} makes it",
}
"""What can be done, and how an argument is called, in words of Python."""


class OrderparamsError(Exception):
    """Base of every error that is answered by one message instead of a traceback.

    ``remedy`` is a key of REMEDIES, or none; ``values`` fill its words. An ``argument`` among them
    is what the message begins with: it is called otherwise in Python than in the shell.

    Examples
    --------
    >>> try:
    ...     op.load("two-stag")
    ... except op.OrderparamsError as error:
    ...     print(str(error).rpartition("; ")[2])
    did you mean 'two-stage'?
    """

    exit_status = 1

    def __init__(self, message: str, remedy: str = "", **values: object) -> None:
        super().__init__(message)
        self.message, self.remedy, self.values = message, remedy, values

    def __str__(self) -> str:
        return self.told(REMEDIES)

    def told(self, remedies: Mapping[str, str]) -> str:
        """The message, and its remedy in these words."""
        text = self.message
        if "argument" in self.values:
            text = f"{remedies['argument'].format_map(self.values)} {text}"
        if not self.remedy:
            return text
        return f"{text}; {remedies[self.remedy].format_map(self.values)}"


class ConfigurationError(OrderparamsError, ValueError):
    """A key, value or combination of options that has no meaning: what, where, what is allowed.

    ``errors`` are all that were found, this one alone or several; ``partial`` is what could be read
    nevertheless, for checks that can go on with it.

    Examples
    --------
    >>> op.load("two-stage", settings={"attention.heads": 0, "task.lenght": 3})
    Traceback (most recent call last):
    orderparams.errors.ConfigurationError: two-stage: 2 errors
      unknown key 'task.lenght'; did you mean 'task.length'?
      attention.heads: expected a whole number from 1 to 256, got 0
    """

    exit_status = 2
    partial: Any = None
    parts: tuple[ConfigurationError, ...] = ()

    @property
    def errors(self) -> tuple[ConfigurationError, ...]:
        return self.parts or (self,)

    @classmethod
    def joined(cls, errors: Iterable[ConfigurationError]) -> ConfigurationError:
        """Some errors as one, each of them once."""
        once = list({str(error): error for error in errors}.values())
        if len(once) == 1:
            return once[0]
        whole = cls(f"{len(once)} errors")
        whole.parts = tuple(once)
        return whole

    def within(self, place: object) -> ConfigurationError:
        """The same error with the place, such as a file, that it was found in."""
        error = ConfigurationError(f"{place}: {self.message}", self.remedy, **self.values)
        error.parts = self.parts
        return error

    def told(self, remedies: Mapping[str, str]) -> str:
        if not self.parts:
            return super().told(remedies)
        told = [f"  {error.told(remedies)}" for error in self.parts[:MOST_ERRORS]]
        if more := len(self.parts) - len(told):
            told.append(f"  and {more} more")
        return "\n".join([self.message, *told])


MOST_ERRORS = 10
"""So many are told of those found at once."""


class SolverError(OrderparamsError, ArithmeticError):
    """The integration or an expectation could not be completed.

    Examples
    --------
    >>> few = {"integrator.max_steps": 2}
    >>> op.solve("single-head", settings=few).status  # the run so far
    'failed'
    >>> op.plot("single-head", settings=few)
    Traceback (most recent call last):
    orderparams.errors.SolverError: the run did not finish: ...
    """

    exit_status = 3


class FileError(OrderparamsError, OSError):
    """A file could not be read or written.

    Examples
    --------
    >>> op.open("nowhere.h5")
    Traceback (most recent call last):
    orderparams.errors.FileError: ...nowhere.h5...
    """

    exit_status = 5


def with_way(error: Exception, way: str) -> str:
    """What an error says, and what can be done about it beside what the error names itself."""
    said = str(error)
    return f"{said}{', or' if '; ' in said else ';'} {way}"


class IgnoredSettingWarning(UserWarning):
    """Settings were given that change nothing.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     start = op.evaluate("single-head", settings={"simulation.dimension": 50})
    >>> told[0].category is op.IgnoredSettingWarning
    True
    """


def reason(error: OSError) -> str:
    """What the system says of a file, without its number and the path."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]
