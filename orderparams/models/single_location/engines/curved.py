"""The sampling engine for functions of a logit other than the exponential (theory 5a).

The nodes are those of :mod:`orderparams.models.single_location.engines.sampling`, and what is said
there of Γ and of the drift holds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.expectations.lanes import LANES
from orderparams.expectations.sampling.curved import (
    CurvedSums,
    Form,
    Heads,
    accumulate_curved,
)
from orderparams.expectations.sampling.nodes import BLOCKS, draw_nodes
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.engines.sampling import check_size, symmetric, worst_error
from orderparams.models.single_location.task import Task

Array = NDArray[np.float64]


class CurvedSampling:
    """Moments by sampling; an :class:`~orderparams.models.single_location.engines.OffsetEngine`.

    ``samples`` and ``Moments.error`` are those of
    :class:`~orderparams.models.single_location.engines.sampling.Sampling`.
    """

    name = "sampling"

    def __init__(
        self, task: Task, activation: Activation, heads: int, *, samples: int, seed: int
    ) -> None:
        self.task, self.activation, self.heads = task, activation, heads
        self.samples = max(2 * BLOCKS * LANES, 1 << (samples - 1).bit_length())
        length = int(task.lengths.max())
        check_size(self.samples, length, heads, task)
        self._nodes = draw_nodes(task.signal, length, heads, self.samples, seed, task.signal_noise)

    def evaluate(
        self,
        weights: Array,
        bias: Array,
        head_weights: Array,
        *,
        gradient_covariance: bool = False,
        offset: float = 0.0,
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.OffsetEngine`."""
        features = self.task.signal.features
        sums = self._sums(weights, bias, head_weights, offset, gradient_covariance)
        gamma = symmetric(sums.gamma)
        overlap = sums.drift - 2 * gamma @ weights[:, :features]
        risk = sums.rest[:, :1] + self.task.label_noise
        covariance = symmetric(sums.covariance) if gradient_covariance else None
        return Moments(
            risk=float(risk[0, 0]),
            overlap_gradient=overlap[0],
            self_overlap_gradient=gamma[0],
            bias_gradient=sums.numbers[0, :, 0],
            head_weight_gradient=sums.numbers[0, :, 1],
            gradient_covariance=None if covariance is None else covariance[0],
            error=worst_error(risk, overlap, gamma),
            engine=self.name,
            gradient_covariance_error=0.0 if covariance is None else worst_error(covariance),
            offset_gradient=float(sums.rest[0, 1]),
        )

    def risk(
        self, weights: Array, bias: Array, head_weights: Array, *, offset: float = 0.0
    ) -> Risk:
        """See :class:`~orderparams.models.single_location.engines.OffsetEngine`."""
        sums = self._sums(weights, bias, head_weights, offset, False)
        risk = sums.rest[:, :1] + self.task.label_noise
        return Risk(float(risk[0, 0]), worst_error(risk), self.name)

    def _sums(
        self, weights: Array, bias: Array, head_weights: Array, offset: float, covariance: bool
    ) -> CurvedSums:
        """What is added up: the mean over blocks, then each block, (1+BLOCKS, …)."""
        if not all(np.isfinite(array).all() for array in (weights, bias, head_weights, offset)):
            raise SolverError("the heads are not finite")
        heads, features = self.heads, self.task.signal.features
        if weights.shape != (heads, features + heads):
            raise ValueError(f"weights must be (H, F+H), not {weights.shape}")
        activation, scalar = self.activation, self.task.target == "scalar"
        sums = CurvedSums(
            np.zeros((BLOCKS, heads, features)),
            np.zeros((BLOCKS, heads, heads)),
            np.zeros((BLOCKS, heads, heads)),
            np.zeros((BLOCKS, heads, 2)),
            np.zeros((BLOCKS, 2)),
        )
        form = Form(
            activation.curve,
            activation.elementwise,
            float(activation.kappa),
            covariance,
            self.task.noise**2 if scalar else -1.0,
            self.task.signal_variance,
        )
        accumulate_curved(
            self._nodes,
            self.task.lengths,
            self.task.length_weights,
            Heads(weights, bias, head_weights, float(offset)),
            form,
            sums,
        )
        return CurvedSums(*(np.concatenate([part.mean(axis=0)[None], part]) for part in sums))
