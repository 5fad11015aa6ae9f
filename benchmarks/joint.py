"""Speed of the Bayes-softmax quadrature: risk and full gradient, on one core.

Run as ``python benchmarks/joint.py``. Times are milliseconds of CPU time, the fastest of several
repetitions; all heads have q_hh = 2, and ``residual`` is the share of their length outside of the
feature directions before that normalisation.

1e-6, 1e-8, 1e-10   evaluation at that tolerance; * where the error estimate exceeds it
sampling            time that the sampling engine needs for the accuracies shown, by its true error
                    (the largest among risk, P and Γ, median of five seeds) at 2^14 samples and its
                    order ½, in units of the time of the quadrature at 1e-6
L                   the same problem at other lengths, tolerance 1e-8
t                   states of the preset bayes-softmax along its run, tolerance 1e-8
C                   components of a signal: what a component costs, and short heads
error               beyond tensor grids: quasi-Monte Carlo, and its error estimate
"""

# ruff: noqa: E402 - BLAS reads the number of its threads when it is imported
from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Engine, Moments
from orderparams.models.single_location.engines.joint import JointQuadrature
from orderparams.models.single_location.engines.sampling import Sampling
from orderparams.models.single_location.setup import build_task
from orderparams.models.single_location.task import Task, flipped_spikes, point_masses
from orderparams.models.vectors.geometry import residual_factor

Array = NDArray[np.float64]

BAYES = Activation("bayes-softmax", joint=True, kappa=0.0)
SIZES = [  # heads, features, tokens, components, residual
    (2, 2, 4, 2, 0.5),
    (3, 3, 4, 4, 0.5),
    (4, 3, 4, 4, 0.0),
    (4, 3, 4, 4, 0.03),
    (4, 3, 4, 4, 0.5),
    (5, 3, 4, 4, 0.5),
    (8, 2, 4, 4, 0.0),
    (8, 2, 4, 4, 0.01),
    (8, 4, 16, 8, 0.5),
]
TOLERANCES = (1e-6, 1e-8, 1e-10)
ACCURACIES = (1e-3, 1e-4, 1e-6)


def problem(
    heads: int, features: int, length: int, components: int, residual: float
) -> tuple[Task, Array, Array]:
    rng = np.random.default_rng(heads)
    weights = rng.standard_normal((heads, features + heads))
    weights[:, features:] *= residual
    weights *= np.sqrt(2) / np.linalg.norm(weights, axis=1)[:, None]
    signal = point_masses(1.5 * rng.standard_normal((components, features)))
    return Task(np.array([length]), np.ones(1), signal), weights, np.full(heads, -1.0)


def timed(engine: Engine, weights: Array, bias: Array) -> tuple[float, Moments]:
    """Milliseconds of CPU time, and the moments."""
    best = np.inf
    moments = engine.evaluate(weights, bias, np.ones(len(bias)))
    for _ in range(5):
        begin = time.process_time()
        moments = engine.evaluate(weights, bias, np.ones(len(bias)))
        best = min(best, time.process_time() - begin)
        if best > 0.2:
            break
    return 1e3 * best, moments


def norm_bias(weights: Array) -> Array:
    return -0.5 * np.asarray((weights**2).sum(axis=1))


def along(preset: str) -> Iterator[tuple[float, Task, Array]]:
    """Time, task and reduced weights at some stored times of a preset's run."""
    run = op.solve(preset)
    task = build_task(run.problem.task)
    for index in (0, 1, 2, 5, 10, len(run.time) // 2, len(run.time) - 1):
        overlap = np.asarray(run["overlap"][index])
        residual = residual_factor(run["self_overlap"][index] - overlap @ overlap.T)
        yield float(run.time[index]), task, np.concatenate([overlap, residual], axis=1)


def random_start(heads: int, features: int) -> Array:
    """Reduced weights of heads drawn in D = 1000 with a variance of 0.01."""
    drawn = np.random.default_rng(0).standard_normal((heads, 1000)) * np.sqrt(1e-5)
    overlap, rest = drawn[:, :features], drawn[:, features:]
    return np.concatenate([overlap, residual_factor(rest @ rest.T)], axis=1)


def distance(one: Moments, other: Moments) -> float:
    """Largest difference among risk, P and Γ."""
    return max(
        abs(one.risk - other.risk),
        np.abs(one.overlap_gradient - other.overlap_gradient).max(),
        np.abs(one.self_overlap_gradient - other.self_overlap_gradient).max(),
    )


def sampling_time(task: Task, weights: Array, bias: Array, exact: Moments) -> float:
    """Milliseconds that sampling needs for an error of one."""
    errors, times = [], []
    for seed in range(5):
        engine = Sampling(task, BAYES, len(bias), samples=2**14, seed=seed)
        spent, moments = timed(engine, weights, bias)
        errors.append(distance(moments, exact))
        times.append(spent)
    return float(np.median(errors) ** 2 * np.median(times))


def main() -> None:
    print("                   | quadrature, ms                        | sampling / quadrature")
    print(" H F  L C residual |    1e-6     1e-8    1e-10  engine     |     1e-3     1e-4     1e-6")
    for size in SIZES:
        task, weights, bias = problem(*size)
        cells, times = "", []
        for tolerance in TOLERANCES:
            engine = JointQuadrature(task, BAYES, len(bias), tolerance=tolerance)
            spent, moments = timed(engine, weights, bias)
            times.append(spent)
            cells += f"{spent:8.2f}{'*' if moments.error > tolerance else ' '}"
        sampled = sampling_time(task, weights, bias, moments)
        ratios = "".join(f"{sampled / target**2 / times[0]:9.1e}" for target in ACCURACIES)
        heads, features, length, components, residual = size
        print(
            f"{heads:2} {features:1} {length:2} {components:1} {residual:8} |{cells} "
            f"{moments.engine[:10]:10} |{ratios}",
            flush=True,
        )
    print("\n      L        ms   (H = 4, F = 3, residual 0.03)")
    for length in (2, 16, 1000, 10**6):
        task, weights, bias = problem(4, 3, length, 4, 0.03)
        spent, _ = timed(JointQuadrature(task, BAYES, 4), weights, bias)
        print(f"{length:7} {spent:9.2f}")
    print("\n      t        ms   (preset bayes-softmax)")
    for at, task, weights in along("bayes-softmax"):
        spent, _ = timed(JointQuadrature(task, BAYES, len(weights)), weights, norm_bias(weights))
        print(f"{at:7.0f} {spent:9.2f}", flush=True)
    print("\n H  F  C        ms   (flipped spikes, random start in D = 1000)")
    for heads, features in ((4, 1), (4, 4), (4, 8), (16, 8)):
        task = Task(np.array([4]), np.ones(1), flipped_spikes([4.0] * features))
        weights = random_start(heads, features)
        spent, _ = timed(JointQuadrature(task, BAYES, heads), weights, norm_bias(weights))
        print(f"{heads:2} {features:2} {2 * features:2} {spent:9.2f}", flush=True)
    print("\n H  F  L  C        ms     error   (residual 0.5)")
    for size in ((8, 4, 16, 8), (16, 8, 64, 8), (32, 16, 64, 8)):
        task, weights, bias = problem(*size, 0.5)
        spent, moments = timed(JointQuadrature(task, BAYES, size[0]), weights, bias)
        cells = " ".join(f"{number:2}" for number in size)
        print(f"{cells} {spent:9.0f} {moments.error:9.1e}", flush=True)


if __name__ == "__main__":
    main()
