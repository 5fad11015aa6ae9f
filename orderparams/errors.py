"""What can go wrong, and the exit status of the shell command that meets it."""

from __future__ import annotations


class OrderparamsError(Exception):
    """Base of every error that is answered by one message instead of a traceback."""

    exit_status = 1


class ConfigurationError(OrderparamsError, ValueError):
    """A key, value or combination of options that has no meaning: what, where, what is allowed."""

    exit_status = 2


class SolverError(OrderparamsError, ArithmeticError):
    """The integration or an expectation could not be completed."""

    exit_status = 3


class FileError(OrderparamsError, OSError):
    """A file could not be read or written."""

    exit_status = 5


class IgnoredSettingWarning(UserWarning):
    """Settings were given that change nothing."""
