"""matplotlib as these figures need it, whatever the user has set for others."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator

from orderparams.errors import ConfigurationError
from orderparams.views.plots.style import SETTINGS

BACKEND = "MPLBACKEND"


def installed() -> bool:
    """Whether there is a matplotlib."""
    return importlib.util.find_spec("matplotlib") is not None


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Draw inside with matplotlib's defaults and SETTINGS, not with those of a matplotlibrc.

    :class:`ConfigurationError` where matplotlib is missing or does not start.
    """
    if not installed():
        raise ConfigurationError(
            "figures need matplotlib; install it with: pip install 'orderparams[plot]'"
        )
    backend = os.environ.pop(BACKEND, None)  # an unknown one fails the import, and none is needed
    try:
        import matplotlib
    except Exception as error:
        raise ConfigurationError(
            f"matplotlib does not start: {error}; see to its installation and its matplotlibrc"
        ) from None
    finally:
        if backend is not None:
            os.environ[BACKEND] = backend
    if backend is not None:
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
    defaults = {
        name: value
        for name, value in matplotlib.rcParamsDefault.items()
        if not name.startswith("backend")
    }
    with matplotlib.rc_context({**defaults, **SETTINGS}):
        yield
