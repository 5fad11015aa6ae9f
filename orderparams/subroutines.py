"""What Numba compiles for itself, such as the loop that fills an array, by the flags it is for.

A routine takes the flags of the kernel in the course of which it is compiled, and Numba keeps it
for all that follow. So the code of a kernel, and with reordered sums its last bits, would depend
on what the process compiled before.
"""

from __future__ import annotations

from typing import Any

from numba.core import targetconfig
from numba.core.registry import cpu_target

numba_config: Any = targetconfig
numba_target: Any = cpu_target


class ByFlags(dict[Any, Any]):
    """Numba's routines by their keys, and by the flags of the kernel that is being compiled."""

    def flagged(self, key: Any) -> Any:
        """The key with the flags that change code."""
        flags = numba_config.ConfigStack.top_or_none()
        if flags is None:
            return key, None
        return key, (frozenset(flags.fastmath.flags), flags.forceinline, flags.boundscheck)

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(self.flagged(key), default)

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.flagged(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(self.flagged(key), value)


def keep_by_flags() -> None:
    """Have Numba keep its routines so."""
    numba_target.target_context.cached_internal_func = ByFlags()
