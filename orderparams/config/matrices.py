"""Checks of matrices in a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from orderparams.config.values import Matrix
from orderparams.config.words import counted
from orderparams.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Found: TypeAlias = Iterator[ConfigurationError]
"""What is wrong, one error after the other."""

DEPENDENT = 1e-8
"""Least eigenvalue of the Gram matrix of unit vectors up to which they are linearly dependent."""


def check_positive_semidefinite(rows_: Matrix, size: int, path: str) -> Found:
    if {len(rows_), *map(len, rows_)} != {size}:
        rows, numbers = counted(size, "row"), counted(size, "number")
        yield ConfigurationError(f"{path}: expected {rows} of {numbers}")
        return
    values = array(rows_)
    scale = max(1.0, float(abs(values).max()))
    if not (abs(values - values.T) <= 1e-12 * scale).all():
        yield ConfigurationError(f"{path}: the matrix must be symmetric")
        return
    least = least_eigenvalue(values)
    if least < -1e-12 * scale:
        yield ConfigurationError(
            f"{path}: the matrix must be positive semidefinite; its least eigenvalue is {least:.3g}"
        )


def array(rows_: Matrix) -> NDArray[np.float64]:
    """Rows of numbers as an array; numpy is loaded only where it is needed."""
    import numpy as np

    return np.array([[float(value) for value in row] for row in rows_])


def least_eigenvalue(values: NDArray[np.float64]) -> float:
    import numpy as np

    return float(np.linalg.eigvalsh(values)[0])


def inside(overlaps: NDArray[np.float64], correlation: Matrix | None) -> NDArray[np.float64]:
    """m T⁻¹ mᵀ (n, n), what vectors with overlaps m (n, F) have in common along directions of
    correlation T: orthogonal ones if there is none, or T has errors of its own."""
    import numpy as np

    if correlation is None or any(len(row) != len(correlation) for row in correlation):
        return overlaps @ overlaps.T
    known = array(correlation)
    if len(known) != overlaps.shape[1] or least_eigenvalue(known) < DEPENDENT:
        return overlaps @ overlaps.T
    found: NDArray[np.float64] = overlaps @ np.linalg.solve(known, overlaps.T)
    return found
