"""Numba, with a cache on disk that never serves a stale kernel.

Numba's own cache of a function notices a change of the file the function stands in, not of a file
whose functions or constants it uses. Here the cache folder is named by a hash of both, and of the
versions of the libraries.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numba
import numpy as np
from numba import extending
from numba.core import caching, config, sigutils
from numba.core.dispatcher import Dispatcher

Function = TypeVar("Function", bound=Callable[..., Any])

numba_config: Any = config
numba_caching: Any = caching
numba_signatures: Any = sigutils
numba_extending: Any = extending

FAST = {"contract", "reassoc"}
"""Fused multiply-add and reordered sums: lets loops over samples use vector registers. NaN and
infinity keep their meaning."""


@cache
def cache_root() -> Path | None:
    """Folder for compiled kernels, or None where no folder can be written.

    ``NUMBA_CACHE_DIR`` wins; else ``$XDG_CACHE_HOME/orderparams`` or ``~/.cache/orderparams``.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser(os.path.join("~", ".cache"))
    if not chosen and not os.path.isabs(caches):  # there is no home
        return None
    root = Path(chosen or os.path.join(caches, "orderparams"))
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            return root
    except OSError:
        return None


@cache
def source_hash(module: str) -> str:
    """Hash of a module's source, the constants in it, and all that its kernels take from others.

    These are modules whose kernels, intrinsics or named tuples it imports, and modules of its own
    package that it imports whole.
    """
    loaded = sys.modules[module]
    package = module.split(".")[0]
    digest = hashlib.sha256(Path(str(loaded.__file__)).read_bytes())
    digest.update(repr((platform.python_version(), numba.__version__, np.__version__)).encode())
    used = {__name__}
    for name, value in vars(loaded).items():
        if isinstance(value, Dispatcher | numba_extending._Intrinsic):
            used.add(value.__module__)
        elif isinstance(value, ModuleType) and value.__name__.split(".")[0] == package:
            used.add(value.__name__)
        elif hasattr(value, "_fields"):
            used.add(value.__module__)
        elif isinstance(value, np.ndarray):
            digest.update(f"{name} {value.dtype} {value.shape}".encode() + value.tobytes())
        elif isinstance(value, int | float | complex | str | tuple) and not name.startswith("__"):
            digest.update(f"{name} {value!r}".encode())
    for name in sorted(used - {module}):
        digest.update(source_hash(name).encode())
    return digest.hexdigest()[:16]


on_compiling: list[Callable[[], None]] = []
"""Called once each when the first kernel is met that is not in the cache."""


class KernelCache(numba_caching.FunctionCache):  # type: ignore[misc]
    """Numba's cache of one function, which it can do without.

    What is damaged is compiled anew, what finds no space on the disk is not kept.
    """

    def load_overload(self, signature: Any, context: Any) -> Any:
        try:
            found = super().load_overload(signature, context)
        except Exception:  # unpickling raises whatever the damaged bytes make it
            with contextlib.suppress(OSError):
                self.flush()
            found = None
        # Of two processes that write at the same time one may have kept the other's index.
        arguments, _ = numba_signatures.normalize_signature(signature)
        if found is not None and found.signature.args == arguments:
            return found
        while on_compiling:
            on_compiling.pop()()
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        with contextlib.suppress(OSError):
            super().save_overload(signature, compiled)


def kernel(**options: Any) -> Callable[[Function], Function]:
    """Decorator: compile a module-level function; it releases the GIL, and 1/0 is infinite.

    ``options`` are those of :func:`numba.njit`. Import the kernels of other modules before the
    first decorated function, so that the cache knows them.

    Every kernel is inlined into its callers. Otherwise its compiled copies, one from each caller,
    differ in the order of sums, and which of them runs depends on what the process loaded before.
    """
    settings = {"nogil": True, "error_model": "numpy", "forceinline": True, **options}

    def decorate(function: Function) -> Function:
        compiled: Function = numba.njit(**settings)(function)
        if (root := cache_root()) is not None:
            previous = numba_config.CACHE_DIR
            numba_config.CACHE_DIR = str(root / source_hash(function.__module__))
            try:
                compiled._cache = KernelCache(function)  # type: ignore[attr-defined]
            finally:
                numba_config.CACHE_DIR = previous
        return compiled

    return decorate
