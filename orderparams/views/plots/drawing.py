"""matplotlib as these figures need it, whatever the user has set for others."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orderparams.errors import ConfigurationError
from orderparams.views.plots.themes import DEFAULT, settings_of

BACKEND = "MPLBACKEND"


def installed() -> bool:
    """Whether there is a matplotlib."""
    return importlib.util.find_spec("matplotlib") is not None


@contextlib.contextmanager
def drawing(theme: str = DEFAULT, style: Path | None = None) -> Iterator[dict[str, Any]]:
    """Draw inside with matplotlib's defaults, the settings of a theme, and on top those of a style
    sheet, which are given; not with those of a matplotlibrc.

    :class:`ConfigurationError` where matplotlib is missing or does not start, and for a theme or a
    style sheet that is none.
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
    defaults: dict[str, Any] = {
        name: value
        for name, value in matplotlib.rcParamsDefault.items()
        if not name.startswith("backend")
    }
    own, added = settings_of(theme, style)
    settings: Any = {**defaults, **own, **added}
    with matplotlib.rc_context(settings):
        yield added
