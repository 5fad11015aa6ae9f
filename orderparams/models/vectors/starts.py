"""What configurations say of where vectors start."""

from __future__ import annotations

from typing import Any

from orderparams.config.matrices import Found, array, least_eigenvalue
from orderparams.config.values import Matrix
from orderparams.errors import ConfigurationError

OVERLAPS = ("overlap", "self_overlap")


def check_no_overlaps(initial: Any, prefix: str = "") -> Found:
    """Overlaps beside a random start, which would have no effect; names begin with the prefix."""
    names = [f"{prefix}{name}" for name in OVERLAPS]
    given = [f"initial.{key}" for key in names if getattr(initial, key) is not None]
    if given:
        are, them = ("are", "them") if len(given) > 1 else ("is", "it")
        yield ConfigurationError(
            f"{' and '.join(given)} {are} given but initial.kind = 'random'; set initial.kind = "
            f"'explicit' to start from {them}",
            "start",
        )


def check_residual(m: Matrix, q: Matrix, key: str, word: str) -> Found:
    """q − m mᵀ, the part of the vectors outside the hidden directions; ``key`` has q."""
    residual = array(q) - array(m) @ array(m).T
    least = least_eigenvalue(residual)
    if least < -1e-10 * max(1.0, float(abs(residual).max())):
        yield ConfigurationError(
            f"{key}: q - m mᵀ must be positive semidefinite, no {word} is shorter than its "
            f"overlaps; its least eigenvalue is {least:.3g}"
        )
