"""The nodes of the sampling engine as plain sequences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.laws import Mixture
from orderparams.expectations.sampling.nodes import draw_nodes

Array = NDArray[np.float64]


def sequences(
    signal: Mixture, length: int, heads: int, samples: int, seed: int
) -> tuple[Array, Array]:
    """The samples (N, L, F+H), nodes first and then their images, and their masses (N,)."""
    nodes, centers, masses = draw_nodes(signal, length, heads, samples, seed)
    features = signal.features
    y = np.moveaxis(nodes, -1, 2).reshape(-1, *nodes.shape[2:4])
    x = np.concatenate([y, -y])
    x[:, 0, :features] += np.tile(np.moveaxis(centers, -1, 2).reshape(len(y), -1), (2, 1))[
        :, :features
    ]
    return x, np.tile(masses.ravel(), 2)
