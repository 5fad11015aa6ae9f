"""Which kernels are compiled, and how many came from the cache, told as :mod:`phases` tells it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

from numba.core import event
from numba.core.dispatcher import Dispatcher

from orderparams.compiled import cache_root
from orderparams.phases import LOG

numba_event: Any = event


class Compilations(numba_event.Listener):  # type: ignore[misc]
    """Tells of every kernel that is compiled; those that it calls are within its time."""

    def __init__(self) -> None:
        self.started: list[float] = []
        self.count = 0

    def on_start(self, event: Any) -> None:
        LOG.info("compiling %s", name_of(event.data["dispatcher"]))
        self.started.append(time.monotonic())

    def on_end(self, event: Any) -> None:
        self.count += 1
        seconds = time.monotonic() - self.started.pop()
        LOG.info("compiling %s: took %.2f s", name_of(event.data["dispatcher"]), seconds)

    def begin(self) -> None:
        """Listen from now on."""
        LOG.info("kernels are kept in %s", cache_root() or "no folder: none can be written")
        numba_event.register("numba:compile", self)

    def end(self) -> None:
        """Listen no longer, and tell how many there were."""
        numba_event.unregister("numba:compile", self)
        cached = sum(sum(kernel.stats.cache_hits.values()) for kernel in kernels())
        LOG.info("kernels: %d from the cache, %d compiled", cached, self.count)


def name_of(kernel: Any) -> str:
    """A kernel by its module and name."""
    return f"{kernel.py_func.__module__}.{kernel.py_func.__name__}"


def kernels() -> Iterator[Any]:
    """All kernels of the package that are loaded, each where it is defined."""
    for name, module in list(sys.modules.items()):
        if name.startswith("orderparams."):
            for value in vars(module).values():
                if issubclass(type(value), Dispatcher) and value.py_func.__module__ == name:
                    yield value
