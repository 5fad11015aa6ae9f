"""Functions of one logit: what kernels take in place of the exponential (theory 2).

A curve is a named tuple; in the module of its class stands a kernel ``curve``.
"""

from __future__ import annotations

from typing import Any

from orderparams.arrays import Array1, Array2
from orderparams.compiled import chosen_by_type, kernel


@chosen_by_type
def curve(of: Any, x: float) -> tuple[float, float, float]:  # type: ignore[empty-body]
    """f(x), f′(x) and f″(x)."""


@kernel(inlined=False)
def tabulate(of: Any, x: Array1, out: Array2) -> None:
    """f, f′ and f″ at x (n,): fills out (3, n)."""
    for i in range(x.size):
        out[0, i], out[1, i], out[2, i] = curve(of, x[i])
