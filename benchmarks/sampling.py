"""Speed of the sampling engine: risk, drift and V of softmax attention on one core.

Run as ``python benchmarks/sampling.py``. Times are nanoseconds per sample, head and token, the
fastest of interleaved repetitions. The floor is what no program avoids, each part timed by itself
on data in the cache: one exponential, eight other softmax operations, and the matrix products of
the logits, the drift and V by BLAS. NumPy is the best we could write: chunks that stay in the
cache, BLAS products. It computes dq/dt from E[g xᵀ]; the engine does more, the second derivatives.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from orderparams.attention import Activation
from orderparams.compiled import FAST, kernel
from orderparams.expectations.sampling import Sampling, aligned
from orderparams.expectations.sampling_kernels import LANES, exponential
from orderparams.task import Task, spikes

Array = NDArray[np.float64]

SIZES = [(2, 2, 2, 2**16), (4, 8, 2, 2**14), (8, 32, 4, 2**12), (16, 64, 8, 2**11)]
REPETITIONS = 40
PASSES = 200


@kernel(fastmath=FAST)
def exponentials(rows: Array) -> None:
    for _ in range(PASSES):
        for n in range(len(rows)):
            row = rows[n]
            for i in range(rows.shape[1]):
                row[i] = exponential(row[i] - 1.0)


@kernel(fastmath=FAST)
def products(rows: Array) -> None:
    for _ in range(PASSES):
        for n in range(len(rows) - 1):
            row, factor = rows[n], rows[n + 1]
            for i in range(rows.shape[1]):
                row[i] *= factor[i]


def numpy_moments(tokens: Array, weights: Array, lanes: int) -> tuple[float, Array, Array]:
    """Risk, E[Σ g x] and V, equal head weights, from tokens (chunks, F+H, L·lanes)."""
    heads, samples = len(weights), len(tokens) * lanes
    risk, drift, covariance = 0.0, np.zeros_like(weights), np.zeros((heads, heads))
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
        g = g.reshape(heads, -1)
        drift += g @ x.T
        covariance += g @ g.T
    scale = 2 / heads
    return risk / samples, drift * (scale / samples), covariance * (scale**2 / samples)


def fastest(functions: list[Callable[[], object]]) -> list[float]:
    """Nanoseconds of each, the fastest of interleaved repetitions."""
    times = np.empty((REPETITIONS, len(functions)))
    for function in functions:
        function()
    for repetition in times:
        for n, function in enumerate(functions):
            start = time.perf_counter_ns()
            function()
            repetition[n] = time.perf_counter_ns() - start
    return [float(t) for t in times.min(axis=0)]


def measure(heads: int, length: int, features: int, samples: int) -> tuple[float, ...]:
    """Floor, engine, engine without V, NumPy."""
    directions = features + heads
    task = Task(np.array([length]), np.ones(1), spikes(np.ones(features)))
    engine = Sampling(task, Activation("softmax", False, 0.0), heads, samples=samples, seed=0)
    weights = np.random.default_rng(0).standard_normal((heads, directions)) / np.sqrt(directions)
    bias, head_weights = np.zeros(heads), np.full(heads, 1 / heads)

    def moments(covariance: bool) -> Callable[[], object]:
        return lambda: engine.evaluate(weights, bias, head_weights, gradient_covariance=covariance)

    lanes = max(LANES, 2**13 // (heads * length))
    tokens = np.random.default_rng(1).standard_normal((samples // lanes, directions, length * lanes))
    rows = aligned((8, LANES))
    rows[:] = 1.0
    columns = 2**14 // directions
    x, g = np.ones((directions, columns)), np.ones((heads, columns))

    def linear_algebra() -> None:
        weights @ x
        g @ x.T
        g @ g.T

    engine_times = [moments(True), moments(False), lambda: numpy_moments(tokens, weights, lanes)]
    parts = [lambda: exponentials(rows), lambda: products(rows), linear_algebra]
    with_v, without, plain, exponential_time, product, algebra = fastest(engine_times + parts)
    items = engine.samples * heads * length
    floor = exponential_time / (PASSES * rows.size) + algebra / g.size
    floor += 8 * product / (PASSES * (rows.size - LANES))
    if 'DEBUG' in os.environ: print(exponential_time / (PASSES * rows.size) , algebra / g.size, 8 * product / (PASSES * (rows.size - LANES)))
    return floor, with_v / items, without / items, plain / (len(tokens) * lanes * heads * length)


def main() -> None:
    print("ns per sample·head·token   floor  engine  ratio  without V   NumPy  NumPy/engine")
    for size in SIZES:
        floor, with_v, without, plain = measure(*size)
        print(
            f"(H, L, F) = {size[:3]!s:13}{floor:8.2f}{with_v:8.2f}{with_v / floor:7.2f}"
            f"{without:11.2f}{plain:8.2f}{plain / with_v:14.2f}"
        )


if __name__ == "__main__":
    main()
