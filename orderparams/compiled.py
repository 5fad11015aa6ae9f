"""Numba, with a cache on disk that never serves a stale kernel.

Numba's own cache of a function notices a change of the file the function stands in, not of a file
whose functions or constants it uses. Here the cache folder is named by a hash of both, of the files
of the named tuples it is called with, and of the versions of the libraries.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar

import numpy as np

from orderparams.errors import ConfigurationError

try:
    import numba
except ImportError:  # of the installation, which doctor looks into
    raise
except Exception as error:  # such as NUMBA_NUM_THREADS=0
    chosen = ", ".join(f"{name}={os.environ[name]}" for name in os.environ if "NUMBA_" in name)
    raise ConfigurationError(
        f"numba, which compiles the kernels, does not start: {error} Its settings here are "
        f"{chosen or 'those it comes with'}; unset or correct them"
    ) from None

from llvmlite.binding import parse_bitcode
from numba import extending
from numba.core import caching, config, sigutils, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher

Function = TypeVar("Function", bound=Callable[..., Any])

numba_config: Any = config
numba_caching: Any = caching
numba_signatures: Any = sigutils
numba_extending: Any = extending

if numba_config.DISABLE_JIT:
    raise ConfigurationError(
        "NUMBA_DISABLE_JIT is set, and the kernels run compiled only; unset it"
    )
numba_types: Any = types
numba_lock: Any = global_compiler_lock

FAST = {"contract", "reassoc"}
"""Fused multiply-add and reordered sums: lets loops over samples use vector registers. NaN and
infinity keep their meaning."""

SETTINGS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "forceinline": True}
CHOSEN: set[Callable[..., Any]] = set()
"""What :func:`chosen_by_type` has decorated."""


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
        if isinstance(value, Dispatcher | numba_extending._Intrinsic) or (
            isinstance(value, FunctionType) and value in CHOSEN
        ):
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


class FolderLocator(numba_caching.UserProvidedCacheLocator):  # type: ignore[misc]
    """The folder itself: its name says which sources are meant, wherever they are installed."""

    @classmethod
    def get_suitable_cache_subpath(cls, _file: str) -> str:
        return ""

    def get_source_stamp(self) -> str:
        return ""


class FolderFiles(numba_caching.CompileResultCacheImpl):  # type: ignore[misc]
    """What Numba keeps of a compiled function, in such a folder."""

    _locator_classes = (FolderLocator,)


class FolderCache(numba_caching.FunctionCache):  # type: ignore[misc]
    """Numba's cache of one function in a folder, which it can do without.

    What is damaged is compiled anew, what finds no space on the disk is not kept.
    """

    _impl_class = FolderFiles

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        with numba_lock:
            previous = numba_config.CACHE_DIR
            numba_config.CACHE_DIR = str(folder)
            try:
                super().__init__(function)
            finally:
                numba_config.CACHE_DIR = previous

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


class KernelCache(FolderCache):
    """The same in a folder for each set of modules that the kernel is made of.

    They are its own, and those of the named tuples among its arguments: their kernels may be what
    it calls (:func:`chosen_by_type`).
    """

    def __init__(self, function: Callable[..., Any], root: Path) -> None:
        self.function, self.root = function, root
        super().__init__(function, self.folder(()))

    def folder(self, arguments: Iterable[Any]) -> Path:
        """Where kernels for arguments of these types are."""
        modules = sorted({self.function.__module__, *tuple_modules(arguments)})
        digest = hashlib.sha256("".join(map(source_hash, modules)).encode())
        return self.root / digest.hexdigest()[:16]

    def chosen(self, signature: Any) -> FolderCache:
        """The cache for arguments of these types."""
        arguments, _ = numba_signatures.normalize_signature(signature)
        return FolderCache(self.function, self.folder(arguments))

    def load_overload(self, signature: Any, context: Any) -> Any:
        with contextlib.suppress(OSError, RuntimeError):
            return self.chosen(signature).load_overload(signature, context)
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            self.chosen(signature).save_overload(signature, compiled)
        settle(compiled.library)


def settle(library: Any) -> None:
    """Callers inline a kernel that was just compiled in the form in which it is loaded later.

    In memory its code lists the uses of values in another order, by which LLVM reorders sums.
    """
    if (module := library._get_module_for_linking()) is not None:
        library._shared_module = parse_bitcode(module.as_bitcode())


def tuple_modules(arguments: Iterable[Any]) -> Iterator[str]:
    """Modules of the named tuples among types, and of those inside of them."""
    for argument in arguments:
        if isinstance(argument, numba_types.BaseNamedTuple):
            yield argument.instance_class.__module__
            yield from tuple_modules(argument)


def kernel(**options: Any) -> Callable[[Function], Function]:
    """Decorator: compile a module-level function; it releases the GIL, and 1/0 is infinite.

    ``options`` are those of :func:`numba.njit`. Import the kernels of other modules before the
    first decorated function, so that the cache knows them.

    Every kernel is inlined into its callers. Otherwise its compiled copies, one from each caller,
    differ in the order of sums, and which of them runs depends on what the process loaded before.
    """

    def decorate(function: Function) -> Function:
        compiled: Function = numba.njit(**SETTINGS | options)(function)
        if (root := cache_root()) is not None:
            with contextlib.suppress(OSError, RuntimeError):  # a folder in it cannot be written
                compiled._cache = KernelCache(function, root)  # type: ignore[attr-defined]
        return compiled

    return decorate


def chosen_by_type(function: Function) -> Function:
    """Decorator: kernels that call ``function`` call what the type of its first argument has.

    The argument is a named tuple that :func:`require_distinct` accepts; in the module of its class
    stands a kernel without options, of the same name. ``function`` has a docstring and no body.
    """

    plain = numba.njit(**SETTINGS)(function).targetoptions

    def choose(first: Any, *rest: Any) -> Callable[..., Any]:
        module = first.instance_class.__module__
        found = getattr(sys.modules[module], function.__name__, None)
        if not isinstance(found, Dispatcher) or found.targetoptions != plain:
            raise TypeError(f"{module} needs a kernel {function.__name__} without options")
        chosen: Callable[..., Any] = found.py_func
        return chosen

    numba_extending.overload(function, jit_options=SETTINGS, strict=False)(choose)
    CHOSEN.add(function)
    return function


@cache
def known_tuples() -> dict[tuple[str, tuple[str, ...]], type]:
    """Named tuples that were accepted, by name and fields."""
    return {}


def require_distinct(kind: Any) -> None:
    """:class:`TypeError` if another class of named tuples has the same name and fields.

    Numba does not tell such two apart when a kernel is called, and would run the other's kernels.
    """
    other = known_tuples().setdefault((kind.__name__, kind._fields), kind)
    if other is not kind:
        raise TypeError(
            f"{kind.__module__}.{kind.__name__} and {other.__module__}.{other.__name__} have the "
            "same name and fields, and numba takes them for one: rename one of the classes"
        )
