"""The law of the fields of keys and values on one token, and the chain rule through it.

The stacked weights T = [k; v] (n = 2H rows) have the overlaps M (n, F+1) with k*_f and v*, and the
Gram matrix Q (n, n). On a noise token the fields χ_h = k_h·X/√D + β_h and ω_h = v_h·X/√D are
N((β, 0), Q); on the signal token with component c of P_θ their mean grows by M_f μ_c, their
covariance is γ_s² Q + M_f Σ_c M_fᵀ, and the value z = v*·X/√D of the token has the covariance
γ_s² M_v* with them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.task import Task

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fields:
    """Means (C+1, n) and covariances (C+1, n, n) by kind of token, the noise token first; shares
    (C+1,) of the kinds, those of the components sum to one; covariances (n,) with z."""

    means: Array
    covariances: Array
    shares: Array
    target: Array

    def zeros(self) -> Fields:
        """As many derivatives in the law, all of them zero."""
        return Fields(
            np.zeros_like(self.means),
            np.zeros_like(self.covariances),
            self.shares,
            np.zeros_like(self.target),
        )


def fields_of(task: Task, overlap: Array, self_overlap: Array, bias: Array) -> Fields:
    """The law at M (n, F+1), Q (n, n) and β (H,)."""
    signal, variance = task.signal, task.signal_variance
    hidden, count = overlap[:, :-1], len(overlap)
    offset = np.zeros(count)
    offset[: len(bias)] = bias
    spread = hidden @ signal.covariances @ hidden.T
    return Fields(
        np.concatenate([offset[None], offset + signal.means @ hidden.T]),
        np.concatenate([self_overlap[None], variance * self_overlap + spread]),
        np.concatenate([[1.0], signal.weights]),
        variance * overlap[:, -1],
    )


def pulled_back(task: Task, slopes: Fields, overlap: Array) -> tuple[Array, Array, Array]:
    """From derivatives in the law to ∂E/∂M at fixed Q, ∂E/∂Q with all entries independent, and the
    derivative in the means of all tokens (n,)."""
    signal, variance = task.signal, task.signal_variance
    covariances = 0.5 * (slopes.covariances + slopes.covariances.transpose(0, 2, 1))
    hidden = overlap[:, :-1]
    of_hidden = slopes.means[1:].T @ signal.means
    of_hidden += 2.0 * (covariances[1:] @ hidden @ signal.covariances).sum(axis=0)
    of_overlap = np.column_stack([of_hidden, variance * slopes.target])
    covariances[1:] *= variance
    return of_overlap, covariances.sum(axis=0), slopes.means.sum(axis=0)
