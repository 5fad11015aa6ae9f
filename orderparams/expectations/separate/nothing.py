"""The mass that a head puts on nothing, where κ stands in its normaliser (theory 5b)."""

from __future__ import annotations

import numpy as np

from orderparams.arrays import Array2
from orderparams.compiled import kernel
from orderparams.expectations.laws import Lengths
from orderparams.expectations.separate.laplace import length_powers
from orderparams.expectations.separate.law import Grids, Law
from orderparams.expectations.separate.smoothing import smooth


@kernel(inlined=False)
def mass_on_nothing(
    grids: Grids, law: Law, lengths: Lengths, kappa: float, digits: float
) -> Array2:
    """κ E[1/Z_h | c] (C, H), given each component c of the signal token:

    κ ∫ dτ e^{τ−κe^τ} Ψ_0 E_L[Φ_0^{L−1}] with that component's Ψ_0.
    """
    scales, weights, sizes = grids
    components, heads = law.means.shape
    found = np.zeros((components - 1, heads))
    for h in range(heads):
        size = sizes[h]
        scale = scales[h, :size]
        table, deficit = np.empty((1, size)), np.empty(size)
        powers, left = np.empty((3, size)), np.empty(size)
        smooth(scale, law.means[0, h], law.deviations[0, h], digits, table)
        for i in range(size):
            deficit[i] = -table[0, i]
        length_powers(deficit, lengths, powers)
        for i in range(size):
            left[i] = kappa * weights[h, i] * scale[i] * powers[0, i]
        for c in range(1, components):
            smooth(scale, law.means[c, h], law.deviations[c, h], digits, table)
            for i in range(size):
                found[c - 1, h] += left[i] * (1.0 + table[0, i])
    return found
