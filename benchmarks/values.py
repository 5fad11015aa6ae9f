"""Speed of learned values: risk and full gradient of keys and values, and V, on one core.

Run as ``python benchmarks/values.py``. Times are milliseconds of CPU time, the fastest of several
repetitions, of heads that are drawn at random, L = 16 and F = 2.

anywhere      keys and values with overlaps
manifold      keys and values that have nothing in common
known         the engine of known values at the same keys, in whose units the others stand below
V             the covariance of gradients at 2^14 samples, anywhere
"""

# ruff: noqa: E402 - BLAS reads the number of its threads when it is imported
from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import dataclasses
from typing import Any

import numpy as np
from quadrature import fastest

import orderparams as op
from orderparams.models.interface import model_of
from orderparams.models.single_location.values.flow import value_flow
from orderparams.models.single_location.values.heads import Names

CASES = [(name, heads) for name in ("softmax", "erf") for heads in (1, 2, 4)]
SYSTEMS = ("full", "manifold")


def problem(activation: str, heads: int, **training: Any) -> Any:
    """Two directions of four points, with learned values."""
    return op.load(
        {
            "task": {
                "length": 16,
                "target": "scalar",
                "signal": {"kind": "flipped-spikes", "strengths": [4.0, 2.0]},
            },
            "attention": {"heads": heads, "activation": activation, "value": "learned"},
            "training": training,
            "initial": {"kind": "random", "variance": 1.0, "values": "random"},
        }
    )


def main() -> None:
    print(f"{'activation':<12}{'H':>3}{'anywhere':>10}{'manifold':>10}{'known':>8}{'V':>8}")
    for activation, heads in CASES:
        of = problem(activation, heads)
        times = []
        for system in SYSTEMS:
            flow = value_flow(of, dataclasses.replace(Names.of(of), system=system))
            vectors = flow.vectors(flow.initial_state)
            times.append(fastest(lambda f=flow, v=vectors: f.gradient(v, covariance=False)))
        known = op.load(of, settings={"attention.value": "known"})
        plain = model_of(known).flow(known)
        at = plain.vectors(plain.initial_state)
        times.append(fastest(lambda f=plain, v=at: f.gradient(v, covariance=False)))
        noisy = model_of(of).flow(problem(activation, heads, rule="sgd"))
        rows = noisy.vectors(noisy.initial_state)
        noise = getattr(noisy.engine, "noise", noisy.engine)
        taken = noisy.taken(rows)
        evaluate = noise.evaluate
        spent = fastest(
            lambda e=evaluate, r=rows, t=taken: e(r.weights, r.bias, t, gradient_covariance=True), 3
        )
        line = "".join(f"{time:10.2f}" for time in times[:2])
        print(f"{activation:<12}{heads:>3}{line}{times[2]:8.2f}{spent:8.1f}", flush=True)
        ratios = np.array(times[:2]) / times[2]
        print(f"{'':<15}" + "".join(f"{ratio:9.1f}x" for ratio in ratios), flush=True)


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
