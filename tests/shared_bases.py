"""A problem of shared keys: three heads of two bases on two spikes."""

from __future__ import annotations

from typing import Any

import numpy as np

C = np.array([[1.0, 0.2], [-0.5, 0.8], [0.3, -1.0]])
M = np.array([[0.4, 0.1], [-0.2, 0.5]])
Q = M @ M.T + np.array([[0.25, 0.1], [0.1, 0.2]])
SOFTMAX_1 = {"activation": "softmax-1", "head_weights": [0.6, 0.5, 0.7]}


def table(attention: dict[str, Any] | None = None, mixing=C, m=M, q=Q, **sections) -> dict:
    """Three heads of two bases on two spikes."""
    shared = {"bases": mixing.shape[1], "mixing": mixing.tolist(), "learned": True}
    return {
        "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0, 2.25]}},
        "attention": {
            "heads": len(mixing),
            "keys": "shared",
            "shared": shared,
            **(attention or {}),
        },
        "initial": {
            "kind": "explicit",
            "base_overlap": m.tolist(),
            "base_self_overlap": q.tolist(),
            **sections.pop("initial", {}),
        },
        "expectation": {"tolerance": 1e-10},
        **sections,
    }
