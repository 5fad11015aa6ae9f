"""Speed of the sampling engine: all moments of softmax attention, with V, on one core.

Run as ``python benchmarks/sampling.py``. Times are nanoseconds per sample, head and token, the
fastest of interleaved repetitions.

floor         one exponential, eight other operations, and the products for the logits, the drift
              and V, each at the rate at which it runs by itself on data in the cache
engine        Sampling.evaluate: risk, P, Γ, ∂E/∂β, ∂E/∂u, V and error estimates
NumPy         the same risk, drift, Γ and V by the best plain NumPy we could write: chunks that stay
              in the cache, matrix products by BLAS
NumPy, no Γ   with E[g xᵀ] on all directions in place of the second derivatives: cheaper, but then
              the residual is not invariant
"""

# ruff: noqa: E402 - BLAS reads the number of its threads when it is imported
from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel
from orderparams.expectations.exponential import exponential
from orderparams.expectations.lanes import vectors
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines.sampling import Sampling, aligned
from orderparams.models.single_location.task import Task, spikes

Array = NDArray[np.float64]

SIZES = [(2, 2, 2, 2**16), (4, 8, 2, 2**14), (8, 32, 4, 2**12), (16, 64, 8, 2**11)]
REPETITIONS = 40
PASSES = 200


@kernel()
def exponentials(row: Array) -> None:
    x = vectors(row)
    for _ in range(PASSES):
        for i in range(x.size):
            x[i] = exponential(x[i] - 1.0)


@kernel(fastmath=FAST)
def operations(row: Array, factor: Array) -> None:
    for _ in range(PASSES):
        for i in range(row.size):
            row[i] *= factor[i]


def squared_overlaps(s: Array) -> Array:
    """Σ_samples (Σ_ℓ s_hℓ s_h'ℓ)² (at least its lower triangle), in the faster of two ways."""
    heads = len(s)
    if heads >= 8:
        by_sample = np.ascontiguousarray(s.transpose(2, 0, 1))
        overlaps = by_sample @ by_sample.transpose(0, 2, 1)
        return np.einsum("nhk,nhk->hk", overlaps, overlaps)
    total = np.zeros((heads, heads))
    for h in range(heads):
        overlaps = np.einsum("ln,kln->kn", s[h], s[: h + 1])
        total[h, : h + 1] = np.einsum("kn,kn->k", overlaps, overlaps)
    return total


def numpy_moments(
    tokens: Array, weights: Array, lanes: int, second_derivatives: bool
) -> tuple[float, Array, Array, Array]:
    """Risk, E[Σ g x], Γ and V, equal head weights, from tokens (chunks, F+H, L·lanes)."""
    heads, directions = weights.shape
    samples, features = len(tokens) * lanes, directions - heads
    risk, scale = 0.0, 2 / heads
    columns = features if second_derivatives else directions
    drift, gamma = np.zeros((heads, columns)), np.zeros((heads, heads))
    covariance = np.zeros((heads, heads))
    for x in tokens:
        s = (weights @ x).reshape(heads, -1, lanes)
        s -= s.max(axis=1, keepdims=True)
        np.exp(s, out=s)
        s /= s.sum(axis=1, keepdims=True)
        r = s.mean(axis=0)
        r[0] -= 1.0
        risk += np.vdot(r, r)
        g = r - np.einsum("hln,ln->hn", s, r)[:, None]
        g *= s
        flat = g.reshape(heads, -1)
        drift += flat @ x[:columns].T
        covariance += flat @ flat.T
        if second_derivatives:
            shares = s.reshape(heads, -1)
            cubic = (shares * shares) @ shares.T
            gamma += squared_overlaps(s)
            gamma += shares @ shares.T - cubic - cubic.T
            gamma += heads * np.diag(flat.sum(1) - 2 * np.vecdot(flat, shares))
    factor = scale / samples
    return risk / samples, drift * factor, gamma * scale * factor / 4, covariance * scale * factor


def fastest(functions: Sequence[Callable[[], object]]) -> list[float]:
    """Nanoseconds of each, the fastest of interleaved repetitions.

    In each the second of two calls counts, since runs call their engine again and again.
    """
    times = np.empty((REPETITIONS, len(functions)))
    for repetition in times:
        for n, function in enumerate(functions):
            function()
            start = time.perf_counter_ns()
            function()
            repetition[n] = time.perf_counter_ns() - start
    return [float(t) for t in times.min(axis=0)]


def unit_costs() -> tuple[float, float, float]:
    """Nanoseconds of an exponential, of another operation, of a multiply-add in a product."""
    row, factor, square = aligned((64, 8)), np.ones(512), np.ones((256, 256))
    row[:] = 1.0
    exponential_time, operation_time, product_time = fastest(
        [
            lambda: exponentials(row),
            lambda: operations(row.reshape(-1), factor),
            lambda: square @ square,
        ]
    )
    per_row = PASSES * row.size
    return exponential_time / per_row, operation_time / per_row, product_time / 256**3


def measure(heads: int, length: int, features: int, samples: int) -> tuple[float, ...]:
    """Engine, NumPy, NumPy without Γ."""
    directions = features + heads
    task = Task(np.array([length]), np.ones(1), spikes(np.ones(features)))
    engine = Sampling(task, Activation("softmax", False, 0.0), heads, samples=samples, seed=0)
    weights = np.random.default_rng(0).standard_normal((heads, directions)) / np.sqrt(directions)
    bias, head_weights = np.zeros(heads), np.full(heads, 1 / heads)
    lanes = max(32, 2**13 // (heads * length))
    tokens = np.random.default_rng(1).standard_normal(
        (samples // lanes, directions, length * lanes)
    )
    times = fastest(
        [
            lambda: engine.evaluate(weights, bias, head_weights, gradient_covariance=True),
            lambda: numpy_moments(tokens, weights, lanes, True),
            lambda: numpy_moments(tokens, weights, lanes, False),
        ]
    )
    return tuple(t / (samples * heads * length) for t in times)


def main() -> None:
    print("ns per sample·head·token  floor  engine  /floor   NumPy  /engine  no Γ  /engine")
    exponential_cost, operation, multiply_add = unit_costs()
    for heads, length, features, samples in SIZES:
        products = 2 * (features + heads) + (heads + 1) / 2
        floor = exponential_cost + 8 * operation + products * multiply_add
        engine, plain, cheap = measure(heads, length, features, samples)
        print(
            f"(H, L, F) = {(heads, length, features)!s:12}{floor:7.2f}{engine:8.2f}"
            f"{engine / floor:8.2f}{plain:8.2f}{plain / engine:9.2f}"
            f"{cheap:6.1f}{cheap / engine:9.2f}"
        )


if __name__ == "__main__":
    main()
