"""Numba, with a cache on disk that never serves a stale kernel.

Numba's own cache of a function notices a change of the file the function stands in, not of a file
whose functions or constants it uses. Here the cache folder is named by a hash of both, of the files
of the named tuples it is called with, and of the versions of the libraries.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import operator
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

from llvmlite.binding import add_symbol, parse_assembly
from numba import extending
from numba.core import caching, config, runtime, sigutils, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.typing import arraydecl, templates

from orderparams.subroutines import keep_by_flags

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
numba_templates: Any = templates
numba_lock: Any = global_compiler_lock
numba_runtime: Any = runtime

keep_by_flags()

FAST = {"contract", "reassoc"}
"""Fused multiply-add and reordered sums: lets loops over samples use vector registers. NaN and
infinity keep their meaning."""

SETTINGS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "forceinline": True,
    "no_cfunc_wrapper": True,
    "fastmath": False,
}
"""All that a kernel would otherwise inherit from the one in the course of which it is compiled."""

MACHINERY = {__name__, keep_by_flags.__module__}
"""Modules that decide how every kernel is compiled."""

CHOSEN: set[Callable[..., Any]] = set()
"""What :func:`chosen_by_type` has decorated."""


@cache
def cache_root() -> Path | None:
    """Folder of compiled kernels, or None where there is none and none can be made.

    ``NUMBA_CACHE_DIR`` wins; else ``$XDG_CACHE_HOME/orderparams`` or ``~/.cache/orderparams``. One
    that cannot be written is read, as in the image of a container.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser(os.path.join("~", ".cache"))
    if not chosen and not os.path.isabs(caches):  # there is no home
        return None
    root = Path(chosen or os.path.join(caches, "orderparams"))
    with contextlib.suppress(OSError):
        root.mkdir(parents=True, exist_ok=True)
        if is_writable(root) or any(root.iterdir()):
            return root
    return None


@cache
def is_writable(folder: Path) -> bool:
    """Whether kernels can be kept in a folder."""
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder):
        return True
    return False


@cache
def source_hash(module: str) -> str:
    """Hash of a module's source, the constants in it, and all that its kernels take from others.

    These are modules whose kernels, intrinsics or named tuples it imports, and modules of its own
    package that it imports whole. :class:`RuntimeError` for a module without a file, as that of a
    notebook: what it has in it is not kept.
    """
    loaded = sys.modules.get(module)
    if loaded is None or getattr(loaded, "__file__", None) is None:
        raise RuntimeError(f"{module} has no file")
    package = module.split(".")[0]
    digest = hashlib.sha256(Path(str(loaded.__file__)).read_bytes())
    digest.update(repr((platform.python_version(), numba.__version__, np.__version__)).encode())
    used = set() if module in MACHINERY else set(MACHINERY)
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
    for name in sorted(used - {module}, key=str):
        digest.update(source_hash(name).encode())
    return digest.hexdigest()[:16]


on_compiling: list[Callable[[int], None]] = []
"""Called once each when the first kernel is met that is not in the cache, with the number of those
that are compiled then."""


def say_compiling(count: int) -> None:
    """Call them."""
    while on_compiling:
        on_compiling.pop()(count)


class FolderLocator(numba_caching.UserProvidedCacheLocator):  # type: ignore[misc]
    """The folder itself: its name says which sources are meant, wherever they are installed."""

    @classmethod
    def get_suitable_cache_subpath(cls, _file: str) -> str:
        return ""

    def get_source_stamp(self) -> str:
        return ""

    def ensure_cache_path(self) -> None:
        """Made when something is kept in it."""


class FolderFiles(numba_caching.CompileResultCacheImpl):  # type: ignore[misc]
    """What Numba keeps of a compiled function, in such a folder, and the kernels that it calls."""

    _locator_classes = (FolderLocator,)

    def reduce(self, compiled: Any) -> Any:
        functions = compiled.library._final_module.functions
        called = [f.name for f in functions if f.is_declaration and f.name in apart]
        return [(name, *apart[name]) for name in called], super().reduce(compiled)

    def rebuild(self, target_context: Any, payload: Any) -> Any:
        """Load what the kernel calls before it: LLVM ends the process where a name has no code."""
        called, reduced = payload
        for name, module, function, arguments in called:
            getattr(sys.modules[module], function).compile(arguments)
            if name not in apart:
                raise LookupError(name)
        return super().rebuild(target_context, reduced)


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
        # All of the context that loaded code needs; the rest takes long, and compiling does it.
        numba_runtime.rtsys.initialize(context)
        try:
            with self._guard_against_spurious_io_errors():
                found = self._load_overload(signature, context)
        except Exception:  # unpickling raises whatever the damaged bytes make it
            with contextlib.suppress(OSError):
                self.flush()
            found = None
        # Of two processes that write at the same time one may have kept the other's index.
        arguments, _ = numba_signatures.normalize_signature(signature)
        if found is not None and found.signature.args == arguments:
            return found
        say_compiling(1)
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        with contextlib.suppress(OSError):
            Path(self.cache_path).mkdir(parents=True, exist_ok=True)
            super().save_overload(signature, compiled)


class KernelCache(FolderCache):
    """The same in a folder for each set of modules that the kernel is made of.

    They are its own, and those of the named tuples among its arguments: their kernels may be what
    it calls (:func:`chosen_by_type`). What callers do not inline is kept without its LLVM code,
    and loaded in half the time.
    """

    def __init__(self, function: Callable[..., Any], root: Path, *, inlined: bool) -> None:
        self.function, self.root, self.inlined = function, root, inlined
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

    def holds(self, arguments: tuple[Any, ...], context: Any) -> bool:
        """Whether a kernel for arguments of these types is there."""
        with contextlib.suppress(OSError, RuntimeError):
            cache = self.chosen(arguments)
            names = cache._cache_file._load_index()
            name = names.get(cache._index_key(arguments, context.codegen()))
            return name is not None and (Path(cache.cache_path) / name).exists()
        return False

    def load_overload(self, signature: Any, context: Any) -> Any:
        with contextlib.suppress(OSError, RuntimeError):
            return self.chosen(signature).load_overload(signature, context)
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        if not self.inlined:
            compiled.library._shared_module = names_only(compiled)
        with contextlib.suppress(OSError, RuntimeError):
            self.chosen(signature).save_overload(signature, compiled)


def names_only(compiled: Any) -> Any:
    """A module with the names by which a kernel is found, and no code."""
    descriptor = compiled.fndesc
    names = descriptor.llvm_func_name, descriptor.llvm_cpython_wrapper_name
    defined = {function.name for function in compiled.library.get_defined_functions()}
    lines = [f'define void @"{name}"() {{ ret void }}' for name in names if name in defined]
    return parse_assembly("\n".join([*lines, f'@"{descriptor.env_name}" = global i64 0']))


def tuple_modules(arguments: Iterable[Any]) -> Iterator[str]:
    """Modules of the named tuples among types, and of those inside of them."""
    for argument in arguments:
        if isinstance(argument, numba_types.BaseNamedTuple):
            yield argument.instance_class.__module__
            yield from tuple_modules(argument)


apart: dict[str, tuple[str, str, tuple[Any, ...]]] = {}
"""Names in compiled code of kernels that stand apart: module, function, types of arguments."""


def stand_apart(kernel: Any) -> None:
    """Callers call the one copy of this kernel by a name that says what it is made of."""
    function, add, template = kernel.py_func, kernel.add_overload, kernel.get_call_template

    def add_overload(compiled: Any) -> None:
        descriptor, arguments = copy.copy(compiled.fndesc), compiled.signature.args
        modules = sorted({function.__module__, *tuple_modules(arguments)})
        made_of = repr([*map(source_hash, modules), arguments])
        digest = hashlib.sha256(made_of.encode()).hexdigest()[:16]
        name = f"{function.__module__}.{function.__name__}.{digest}"
        add_symbol(name, compiled.library.get_pointer_to_function(descriptor.mangled_name))
        apart[name] = function.__module__, function.__name__, arguments
        descriptor.mangled_name = name
        kernel.targetctx._defns.pop(compiled.entry_point, None)
        kernel.targetctx.insert_user_function(compiled.entry_point, descriptor)
        add(compiled)

    def get_call_template(arguments: Any, keywords: Any) -> Any:
        """For a number that a caller has written out as for any other."""
        return template(tuple(map(numba_types.unliteral, arguments)), keywords)

    kernel.add_overload, kernel.get_call_template = add_overload, get_call_template


def hide(kernel: Any) -> None:
    """Without the code that unpacks Python's arguments a call from Python would end the process."""

    def refuse(*_: Any, **__: Any) -> None:
        name = f"{kernel.py_func.__module__}.{kernel.py_func.__name__}"
        raise TypeError(f"{name} is called by kernels only: it is a part of one")

    kernel._insert, kernel._compile_for_args = lambda *_: None, refuse


def kernel(*, inlined: bool = True, **options: Any) -> Callable[[Function], Function]:
    """Decorator: compile a module-level function; it releases the GIL, and 1/0 is infinite.

    ``options`` are those of :func:`numba.njit`. Import the kernels of other modules before the
    first decorated function, so that the cache knows them.

    A kernel is inlined into its callers, or it stands apart: there is one copy of its code.
    Otherwise its compiled copies, one from each caller, differ in the order of sums, and which of
    them runs depends on what the process loaded before.
    """

    def decorate(function: Function) -> Function:
        compiled: Any = numba.njit(**SETTINGS | {"forceinline": inlined} | options)(function)
        if not inlined:
            stand_apart(compiled)
        if options.get("no_cpython_wrapper"):
            hide(compiled)
        if (root := cache_root()) is not None:
            with contextlib.suppress(OSError, RuntimeError):  # a folder in it cannot be written
                compiled._cache = KernelCache(function, root, inlined=inlined)
        found: Function = compiled
        return found

    return decorate


def part(**options: Any) -> Callable[[Function], Function]:
    """Decorator: a kernel that only kernels call, and that stands apart from them.

    Inlining costs seconds of compiling for every caller: it is for a few lines in an inner loop.
    """
    return kernel(inlined=False, no_cpython_wrapper=True, **options)


def chosen_by_type(function: Function, *, optional: bool = False) -> Function:
    """Decorator: kernels that call ``function`` call what the type of its first argument has.

    The argument is a named tuple that :func:`require_distinct` accepts; in the module of its class
    stands a kernel without options, of the same name; where there is none of an ``optional`` one,
    nothing happens. ``function`` has a docstring and no body.
    """

    plain = numba.njit(**SETTINGS)(function).targetoptions

    def choose(first: Any, *rest: Any) -> Callable[..., Any]:
        module = first.instance_class.__module__
        found = getattr(sys.modules[module], function.__name__, None)
        if found is None and optional:
            return function
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


def typed_first(operation: Callable[..., Any], template: Any) -> None:
    """Numba tries its template for arrays before those of strings, dictionaries and such."""
    numba_templates.infer_global(operation)(
        type(template.__name__, (template,), {"metadata": {"target": "cpu"}})
    )


typed_first(operator.getitem, arraydecl.GetItemBuffer)
typed_first(operator.setitem, arraydecl.SetItemBuffer)
