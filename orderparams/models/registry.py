"""The models by name, one line each. What a model is made of is imported when it is asked for."""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import Any

from orderparams.errors import ConfigurationError
from orderparams.models.limit import Limit

MODELS = {
    "single-location": "single_location",
    "committee": "committee",
    "in-context-regression": "in_context",
}
"""Names, as the configuration has them, and folders beside this file."""

DEFAULT = "single-location"
"""What a configuration without the key ``model`` is of."""


OWN: dict[str, Any] = {}
"""Models of users by name (:class:`~orderparams.models.own.model.Own`)."""

FILES: dict[str, str | None] = {}
"""The files that those come from; None of those of packages, which any process finds."""

GROUP = "orderparams.models"
"""Entry points by which a package makes its models known, under their names."""


def module(folder: str, name: str) -> Any:
    """A module of a folder, imported."""
    return importlib.import_module(f"orderparams.models.{folder}.{name}")


def names() -> tuple[str, ...]:
    """All names that are known so far."""
    return (*MODELS, *OWN)


def known(name: object) -> bool:
    """Whether there is a model of that name, perhaps in a package that has not been looked at."""
    if not isinstance(name, str):
        return False
    if name in MODELS or name in OWN:
        return True
    for entry in metadata.entry_points(group=GROUP, name=name):
        module("own", "register").register(entry.load())
        FILES[name] = None
    return name in OWN


def model_file(name: str) -> str | None:
    """The file that another process has to run to know a model; :class:`ConfigurationError` where
    no process but this can."""
    if name in OWN and name not in FILES:
        raise ConfigurationError(
            f"model {name!r} is known to this process only, and points of a scan are run by "
            "others; write it into a file of its own and register that: "
            "orderparams.register('FILE.py')"
        )
    return FILES.get(name)


def configuration(name: str) -> Any:
    """What a model's configuration is: the module ``config`` of its folder, which is read without
    any numerical library (``models/single_location/config.py`` lists what it has)."""
    if name in OWN:
        return OWN[name]
    return module(MODELS[name], "config")


def own_problem() -> type[Any]:
    """The kind of problem that every model of a user has, whatever its own settings are."""
    found: type[Any] = module("own", "sections").plain_problem()
    return found


def limit(name: str) -> Limit:
    """Where SGD of a model follows its theory."""
    found: Limit = configuration(name).LIMIT
    return found


def asymptotic(name: str) -> dict[str, str]:
    """Those risks to compare with that hold only in a limit, and in which: a model's module
    ``config`` may have such a table ASYMPTOTIC."""
    known: dict[str, str] = getattr(configuration(name), "ASYMPTOTIC", {})
    return known


def own_analysis(problem: Any) -> bool:
    """Whether the model of a problem analyzes its runs by itself, since what learns are no vectors
    against hidden directions: OWN_ANALYSIS of its module ``config``, or what that says of the
    problem. Its module ``model`` then has ``findings`` in place of ``geometry`` and ``descent``."""
    found = getattr(configuration(problem.model), "OWN_ANALYSIS", False)
    return bool(found(problem) if callable(found) else found)


def joined_analysis(problem: Any) -> bool:
    """Whether a problem that its model analyzes by itself has vectors all the same, with
    ``geometry`` and ``descent``: what JOINED_ANALYSIS of its module ``config`` says of it."""
    found = getattr(configuration(problem.model), "JOINED_ANALYSIS", None)
    return found is not None and bool(found(problem))


def staged(problem: Any) -> bool:
    """Whether something in the runs of a problem turns to hidden directions, so that stages are
    told and portraits drawn of it: always without an analysis of the model's own, and with one
    where STAGED of its module ``config`` says so. Its module ``model`` then has ``geometry``."""
    return not own_analysis(problem) or getattr(configuration(problem.model), "STAGED", False)


def work(name: str) -> Any:
    """What a model does: the module ``model`` of its folder (:mod:`orderparams.models.interface`
    says what it has)."""
    if name in OWN:
        return OWN[name]
    return module(MODELS[name], "model")


def selftests(name: str) -> dict[str, Any]:
    """Tests of an installation: by its name a function that gives expected, tolerance, found."""
    if name in OWN:
        return {}
    tests: dict[str, Any] = module(MODELS[name], "selftest").TESTS
    return tests
