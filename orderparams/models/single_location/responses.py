"""Sequences of single-location regression and their answers, many at once (theory 4).

Shapes: N sequences, H heads, L tokens, F features. The signal is in the first token: where it is
makes no difference to sums over tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from orderparams.errors import ConfigurationError
from orderparams.expectations.sampling.nodes import allot, square_roots
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.examples import shares_of
from orderparams.models.single_location.importance import Importance, scores
from orderparams.models.single_location.setup import Heads
from orderparams.models.single_location.task import Task
from orderparams.models.vectors.fluctuations.responses import Response, Sequences
from orderparams.models.vectors.geometry import Vectors

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Attention:
    """Softmax and its relatives with known values; a
    :class:`~orderparams.models.vectors.fluctuations.responses.Responder`.

    The hidden directions are the k* and, for the scalar target, v*, which alone is read.
    ``norm_bias``: β_h = −|k_h|²/2D, differentiated through. Of importances the scores learn.
    """

    task: Task
    activation: Activation
    norm_bias: bool
    importance: Importance

    @property
    def scalar(self) -> bool:
        """Whether the target is scalar."""
        return self.task.target == "scalar"

    @property
    def read(self) -> int:
        """1 for the scalar target."""
        return int(self.scalar)

    @property
    def directions(self) -> int:
        """F + read."""
        return self.task.signal.features + self.read

    @property
    def longest(self) -> int:
        """The largest length."""
        return int(self.task.lengths.max())

    @property
    def own(self) -> int:
        """For length, component, normals of the signal, and label noise."""
        return 2 + self.task.signal.features + self.read

    def draw(self, uniform: Array) -> Sequences:
        """Lengths and components in proportion to their weights, signals, label noise."""
        signal, features = self.task.signal, self.task.signal.features
        self.check_enough(len(uniform))
        which, share = allot(self.task.length_weights, uniform[:, 0])
        component, mass = allot(signal.weights, uniform[:, 1])
        normals = ndtri(uniform[:, 2:])
        roots = square_roots(signal.covariances)[component]
        theta = signal.means[component] + np.einsum("nfg,ng->nf", roots, normals[:, :features])
        shift = np.zeros((len(uniform), 1, self.directions))
        shift[:, 0, :features] = theta
        mass = mass * share
        marks = {"label_noise": self.task.noise * normals[:, -1]} if self.scalar else {}
        mass /= mass.sum()
        return Sequences(mass, self.task.lengths[which], shift, marks, self.task.signal_noise)

    def check_enough(self, count: int) -> None:
        """:class:`ConfigurationError` if so many sequences cannot have all components and lengths
        of the task."""
        kinds = max(len(self.task.signal.weights), len(self.task.length_weights))
        if count < 2 * kinds:
            raise ConfigurationError(
                f"{count} nodes are too few for the {kinds} components of task.signal, or lengths: "
                f"fluctuations.nodes must be at least {2 * kinds}"
            )

    def respond(self, vectors: Vectors, fields: Array, read: Array, drawn: Sequences) -> Response:
        """g_hℓ, ρ_h = Σ_ℓ g_hℓ under the norm bias, ∂loss/∂β_h and ∂loss/∂u_h."""
        assert isinstance(vectors, Heads)
        joint, weights = self.activation.joint, vectors.head_weights
        shares = shares_of(self.activation, fields + vectors.bias[:, None])
        attention = shares.sum(1) if joint else np.einsum("h,nhl->nl", weights, shares)
        residual = attention.copy()
        residual[:, 0] -= 1.0
        loss, upstream = self.judged(residual, read, drawn)
        if joint:
            center = (upstream * attention).sum(1)[:, None, None]
            gradient = shares * (upstream[:, None] - center)
            by_weights = np.zeros(gradient.shape[:2])
        else:
            by_weights = np.einsum("nl,nhl->nh", upstream, shares)
            gradient = shares * (upstream[:, None] - by_weights[:, :, None])
            gradient *= weights[:, None]
        total = gradient.sum(2)
        radial = total if self.norm_bias else np.zeros_like(total)
        numbers = {"bias": total, "head_weight": by_weights}
        return Response(gradient, radial, self.scored(weights, numbers), loss)

    def scored(self, head_weights: Array, numbers: dict[str, Array]) -> dict[str, Array]:
        """With what importances have for ∂loss/∂π (N, H), from ∂loss/∂u among the numbers."""
        total, penalty, _ = self.importance
        if not total:
            return numbers
        p = head_weights / total
        pull = total * numbers["head_weight"] - penalty * (1.0 + scores(p))
        return {**numbers, "importance": p * (pull - (pull @ p)[:, None])}

    def judged(self, residual: Array, read: Array, drawn: Sequences) -> tuple[Array, Array]:
        """The loss (N,) and ∂loss/∂a_ℓ (N, L), from r_ℓ (N, L) and the fields that are read."""
        if not self.scalar:
            upstream = 2.0 * residual
            upstream[:, 0] *= self.task.signal_variance
            return 0.5 * (residual * upstream).sum(1), upstream
        values = read[:, 0]
        error = (residual * values).sum(1) - drawn.marks["label_noise"]
        return error**2, 2.0 * error[:, None] * values
