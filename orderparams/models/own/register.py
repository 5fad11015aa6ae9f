"""Models of one's own are made known: in Python, from a file, or by a package."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from orderparams.errors import ConfigurationError, FileError
from orderparams.models import registry
from orderparams.models.own.description import OwnModel
from orderparams.models.own.model import Own


def register(model: OwnModel | str | os.PathLike[str]) -> None:
    """Make a model of one's own known, so that configurations can name it.

    A later one of the same name takes its place. Only one that came from a file, or from a package
    by the entry point ``orderparams.models``, can be scanned: points are run by other processes.

    Parameters
    ----------
    model
        The model, or a Python file, which is run and whose models are taken.

    Raises
    ------
    ConfigurationError
        If it is neither, or what the file does fails, or there is no model in it.
    FileError
        If the file cannot be read.

    Examples
    --------
    >>> import numba
    >>> @numba.njit
    ... def loss(fields, hidden, random, settings, gradient):
    ...     gradient[0, 0] = fields[0, 0] - hidden[0, 0]
    ...     return gradient[0, 0] ** 2 / 2
    >>> op.register(op.OwnModel("linear-perceptron", loss))
    >>> op.load({"model": "linear-perceptron"}).task.vectors
    1
    """
    if isinstance(model, OwnModel):
        registry.OWN[model.name] = Own(model)
        registry.FILES.pop(model.name, None)
    elif isinstance(model, str | os.PathLike):
        path = Path(model)
        for found in models_in(path):
            register(found)
            registry.FILES[found.name] = str(path.absolute())
    else:
        raise ConfigurationError(
            f"a model of one's own is an OwnModel or a Python file with one, not {model!r}"
        )


def models_in(path: Path) -> list[OwnModel]:
    """The models that a file makes."""
    if not path.is_file():
        raise FileError(f"{path} does not exist" if not path.exists() else f"{path} is no file")
    name = f"orderparams_model_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} is no Python file; its name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    except Exception as error:
        raise ConfigurationError(f"{path}{line_of(path, error)}: {said(error)}") from None
    found: list[Any] = [value for value in vars(module).values() if isinstance(value, OwnModel)]
    if not found:
        raise ConfigurationError(
            f"{path}: there is no model in it, such as model = orderparams.OwnModel('mine', loss)"
        )
    return found


def line_of(path: Path, error: Exception) -> str:
    """Where in a file an error came from."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return f", line {lines[-1]}" if lines else ""


def said(error: Exception) -> str:
    """An error in one line."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text.splitlines()[0] if text else 'no reason is told'}"
