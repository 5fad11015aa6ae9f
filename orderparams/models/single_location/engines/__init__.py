"""The expectations of single-location regression (theory 5) behind one small interface.

separate    softmax and softmax-1 by quadrature
joint       Bayes-softmax by quadrature
elementwise linear, erf and others without a normaliser, by closed forms or quadrature
scored      softplus and other normalised functions of a logit, by quadrature
sampling    softmax and its relatives, any moment, by quasi-Monte Carlo
curved      the same for all other functions of a logit
auto        which engine serves a problem

An engine is built once per problem from the task, the activation and its own settings; what it
computes is a pure function of the heads.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moments:
    """What an engine knows of one state of H heads and F features.

    risk
        E = E[Σ_ℓ r_ℓ²] (theory 3), plus Δ² for the scalar target.
    overlap_gradient
        P = ∂E/∂m at fixed q, bias and head weights, (H, F).
    self_overlap_gradient
        Γ = ∂E/∂q, symmetric with all entries independent, bias held, (H, H).
    bias_gradient
        ∂E/∂β = E[Σ_ℓ g_hℓ], (H,).
    head_weight_gradient
        ∂E/∂u, (H,); zero where the head weights play no role.
    gradient_covariance
        V = E[Σ_ℓ g_hℓ g_h'ℓ], (H, H), or None where it was not asked for.
    error
        Estimate of the largest absolute error among risk, P and Γ.
    engine
        How these expectations were taken.
    gradient_covariance_error
        The same as ``error`` for V; zero where V was not asked for.
    offset_gradient
        Derivative in what element-wise activations add to the attention weights of all tokens.
    """

    risk: float
    overlap_gradient: Array
    self_overlap_gradient: Array
    bias_gradient: Array
    head_weight_gradient: Array
    gradient_covariance: Array | None
    error: float
    engine: str
    gradient_covariance_error: float = 0.0
    offset_gradient: float = 0.0


@dataclass(frozen=True)
class Risk:
    """The risk of one state by itself, an estimate of its absolute error, and how it was taken."""

    value: float
    error: float
    engine: str


class Engine(Protocol):
    """One way to take the expectations, at reduced weights K = [m W] (H, F+H) with q = K Kᵀ, bias
    β (H,) and head weights u (H,). All arrays are finite, float64 and C-contiguous."""

    @property
    def name(self) -> str:
        """How the expectations are taken as a rule, as ``info`` shows it."""
        ...

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """Moments at some heads."""
        ...

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """The risk at some heads, without gradients, which costs less."""
        ...


class OffsetEngine(Engine, Protocol):
    """An engine of element-wise activations, a_ℓ = offset + Σ_h v_h φ(χ_hℓ): v is what it is given
    as head weights."""

    def evaluate(
        self,
        weights: Array,
        bias: Array,
        head_weights: Array,
        *,
        gradient_covariance: bool = False,
        offset: float = 0.0,
    ) -> Moments:
        """Moments at some heads."""
        ...

    def risk(
        self, weights: Array, bias: Array, head_weights: Array, *, offset: float = 0.0
    ) -> Risk:
        """The risk at some heads."""
        ...


def taken_by(engine: Engine, ways: Collection[str]) -> str:
    """Words for how an engine took expectations, from the ways that its results name."""
    others = sorted(set(ways) - {engine.name})
    return f"{engine.name}, in part {' and '.join(others)}" if others else engine.name
