"""Numba, with a cache on disk that never serves a stale kernel.

Numba's own cache of a function notices a change of the file the function stands in, not of a file
whose functions it calls. Here the cache folder is named by a hash of both.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config
from numba.core.dispatcher import Dispatcher

Function = TypeVar("Function", bound=Callable[..., Any])

numba_config: Any = config

FAST = {"contract", "reassoc"}
"""Fused multiply-add and reordered sums: lets loops over samples use vector registers. NaN and
infinity keep their meaning."""


@cache
def cache_root() -> Path | None:
    """Folder for compiled kernels, or None where no folder can be written.

    ``NUMBA_CACHE_DIR`` wins; else ``$XDG_CACHE_HOME/orderparams`` or ``~/.cache/orderparams``.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    root = Path(chosen or os.path.join(home, "orderparams"))
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            return root
    except OSError:
        return None


@cache
def _source_hash(module: str) -> str:
    """Hash of a module's source and of every module whose kernels or named tuples it imports."""
    loaded = sys.modules[module]
    digest = hashlib.sha256(Path(str(loaded.__file__)).read_bytes())
    names = vars(loaded).values()
    callees = {value.py_func.__module__ for value in names if isinstance(value, Dispatcher)}
    callees |= {value.__module__ for value in names if hasattr(value, "_fields")}
    for callee in sorted(callees - {module}):
        digest.update(_source_hash(callee).encode())
    return digest.hexdigest()[:16]


def kernel(**options: Any) -> Callable[[Function], Function]:
    """Decorator: compile a module-level function; it releases the GIL, and 1/0 is infinite.

    ``options`` are those of :func:`numba.njit`. Import the kernels of other modules before the
    first decorated function, so that the cache knows them.
    """
    settings = {"nogil": True, "error_model": "numpy", **options}

    def decorate(function: Function) -> Function:
        root = cache_root()
        previous = numba_config.CACHE_DIR
        try:
            if root is not None:
                numba_config.CACHE_DIR = str(root / _source_hash(function.__module__))
            compiled: Function = numba.njit(cache=root is not None, **settings)(function)
        finally:
            numba_config.CACHE_DIR = previous
        return compiled

    return decorate
