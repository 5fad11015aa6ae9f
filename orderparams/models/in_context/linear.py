"""The population risk of linear attention, ŷ_j = (1/N) Σ_hi μ_hj (Σ_b ω_hb x_i·x_q) y_ij.

It depends on the gains M = μᵀω alone: E_j = S_j − 2 Σ_b S_jb M_jb + Σ_b c_jb M_jb².
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.models.in_context.found import Found
from orderparams.models.in_context.setup import Prompts

Array = NDArray[np.float64]


def curvature(prompts: Prompts) -> Array:
    """c_jb = S_jb (N + 1)/N + d_b (S_j + σ_j²)/N (J, B)."""
    found: Array = (
        prompts.strengths * (prompts.length + 1) + prompts.blocks * prompts.labels[:, None]
    ) / prompts.length
    return found


def by_closed_form(prompts: Prompts, key_query: Array, output: Array) -> Found:
    """Risk and gradient at ω (H, B) and μ (H, J), but for rounding."""
    gain, size = output.T @ key_query, curvature(prompts)
    found = (prompts.strengths * (1 - 2 * gain) + size * gain**2).sum(1)
    slope = 2 * (size * gain - prompts.strengths)
    parts = found, output @ slope, key_query @ slope.T
    largest = max(float(np.abs(part).max()) for part in parts)
    return Found(*parts, 1e-15 * max(1.0, largest))
