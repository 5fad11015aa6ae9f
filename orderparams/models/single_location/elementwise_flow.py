"""The flow of element-wise activations, a_ℓ = Σ_h u_h (c_h + s_h φ(χ_hℓ + β_h)) (theory 2)."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.engines import OffsetEngine
from orderparams.models.single_location.flow import Flow
from orderparams.models.single_location.setup import Heads
from orderparams.models.vectors.flow import Gradient
from orderparams.models.vectors.geometry import Vectors

Array = NDArray[np.float64]


class ElementwiseFlow(Flow):
    """The engine sees head weights v_h = u_h s_h and an offset C = Σ_h u_h c_h; the chain rule
    gives the derivatives in u, s and c."""

    engine: OffsetEngine

    def _expectations(self, heads: Vectors, covariance: bool) -> Gradient:
        assert isinstance(heads, Heads)
        weights, slope, intercept = heads.head_weights, heads.slope, heads.intercept
        moments = self.engine.evaluate(
            heads.weights,
            heads.bias,
            weights * slope,
            gradient_covariance=covariance,
            offset=float(weights @ intercept),
        )
        of_line, of_offset = moments.head_weight_gradient, moments.offset_gradient
        found = self.gradient_of(moments)
        numbers = {
            **found.numbers,
            "head_weight": slope * of_line + intercept * of_offset,
            "logit_slope": weights * of_line,
            "intercept": weights * of_offset,
        }
        return self.scored(dataclasses.replace(found, numbers=numbers), heads)

    def risk_of(self, vectors: Vectors) -> float:
        """The risk without its gradients."""
        assert isinstance(vectors, Heads)
        weights = vectors.head_weights
        found = self.engine.risk(
            vectors.weights,
            vectors.bias,
            weights * vectors.slope,
            offset=float(weights @ vectors.intercept),
        )
        self.note(found.value, found.error, found.engine)
        return found.value
