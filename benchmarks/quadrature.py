"""Speed of the quadrature of softmax and softmax-1: risk and full gradient, on one core.

Run as ``python benchmarks/quadrature.py``. Times are milliseconds of CPU time, the fastest of
several repetitions; all heads have q_hh = 2 and random directions.

1e-6, 1e-8, 1e-10   evaluation at that tolerance; * where the error estimate exceeds it
sampling            time that the sampling engine needs for the accuracies shown, by its true error
                    (the largest among risk, P and Γ, median of five seeds) at 2^12 samples and its
                    order ½, in units of the time of the quadrature at 1e-6
L                   the same heads at other lengths, tolerance 1e-8
H                   more heads (F = 8, L = 64, 8 components): the quadrature at 1e-8, its tables in
                    MiB, and sampling with V at 2^10 samples; times also over H²
exponentials,       what those of an evaluation at 1e-6 take by themselves, here, and with NumPy's
products            exp and BLAS; nodes in τ and mean terms of Mehler's series beside them
"""

# ruff: noqa: E402 - BLAS reads the number of its threads when it is imported
from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.separate.integrals import Integrals
from orderparams.expectations.separate.law import Depth, Grids, Integrated, Law, Seeds
from orderparams.expectations.separate.smoothing import add_product, decay, gaussian_rule
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Engine, Moments
from orderparams.models.single_location.engines.sampling import Sampling
from orderparams.models.single_location.engines.separate import Quadrature
from orderparams.models.single_location.task import Task, point_masses

Array = NDArray[np.float64]

SOFTMAX = Activation("softmax", joint=False, kappa=0.0)
SOFTMAX_1 = Activation("softmax-1", joint=False, kappa=1.0)
SIZES = [(2, 2, 4, 2), (4, 3, 4, 4), (8, 4, 16, 8), (16, 8, 64, 8)]  # H, F, L, components
TOLERANCES = (1e-6, 1e-8, 1e-10)
ACCURACIES = (1e-3, 1e-4, 1e-6)


def problem(heads: int, features: int, length: int, components: int) -> tuple[Task, Array]:
    rng = np.random.default_rng(heads)
    weights = rng.standard_normal((heads, features + heads))
    weights *= np.sqrt(2) / np.linalg.norm(weights, axis=1)[:, None]
    signal = point_masses(1.5 * rng.standard_normal((components, features)))
    return Task(np.array([length]), np.ones(1), signal), weights


def fastest(function: Callable[[], object], repetitions: int = 7) -> float:
    """Milliseconds of CPU time; the function runs long enough for the clock."""
    calls, best = 1, np.inf
    function()
    for _ in range(repetitions):
        begin = time.process_time()
        for _ in range(calls):
            function()
        spent = time.process_time() - begin
        best = min(best, spent / calls)
        calls = max(calls, int(0.02 / best))
    return 1e3 * best


def evaluation(engine: Engine, weights: Array, kappa: float) -> Callable[[], Moments]:
    """Norm bias and sum for softmax-1, mean weights for softmax."""
    heads = len(weights)
    bias = -0.5 * kappa * (weights**2).sum(axis=1)
    head_weights = np.full(heads, 1.0 if kappa else 1 / heads)
    return lambda: engine.evaluate(weights, bias, head_weights)


def distance(one: Moments, other: Moments) -> float:
    """Largest difference among risk, P and Γ."""
    return max(
        abs(one.risk - other.risk),
        np.abs(one.overlap_gradient - other.overlap_gradient).max(),
        np.abs(one.self_overlap_gradient - other.self_overlap_gradient).max(),
    )


def sampling_time(task: Task, activation: Activation, weights: Array, exact: Moments) -> float:
    """Milliseconds that sampling needs for an error of one."""
    errors, times = [], []
    for seed in range(5):
        engine = Sampling(task, activation, len(weights), samples=2**12, seed=seed)
        run = evaluation(engine, weights, activation.kappa)
        errors.append(distance(run(), exact))
        times.append(fastest(run, 1))
    return float(np.median(errors) ** 2 * np.median(times))


def print_sizes() -> None:
    print("                        | quadrature, ms              | sampling / quadrature")
    print(" H F  L C               |    1e-6     1e-8    1e-10   |     1e-3     1e-4     1e-6")
    for size in SIZES:
        for activation in (SOFTMAX, SOFTMAX_1):
            task, weights = problem(*size)
            cells, times = "", []
            for tolerance in TOLERANCES:
                engine = Quadrature(task, activation, len(weights), tolerance=tolerance)
                run = evaluation(engine, weights, activation.kappa)
                moments = run()
                times.append(fastest(run))
                cells += f"{times[-1]:8.3f}{'*' if moments.error > tolerance else ' '}"
            sampled = sampling_time(task, activation, weights, moments)
            ratios = "".join(f"{sampled / target**2 / times[0]:9.1e}" for target in ACCURACIES)
            heads, features, length, components = size
            name = f"{heads:2} {features:1} {length:2} {components:1} {activation.name:9}"
            print(f"{name}       |{cells}  |{ratios}", flush=True)


def print_lengths() -> None:
    print("\n      L        ms   (softmax, H = 8, F = 4, 8 components)")
    for length in (2, 4, 16, 64, 1000, 10**6):
        task, weights = problem(8, 4, length, 8)
        run = evaluation(Quadrature(task, SOFTMAX, 8, tolerance=1e-8), weights, 0.0)
        print(f"{length:7} {fastest(run):9.3f}")


class Counting(Integrals):
    """Counts the exponentials and multiply-adds of an evaluation; pairs that are too close for
    Mehler's series are left out."""

    exponentials, products, terms, nodes, tables = 0, 0, 0.0, 0, 0

    def integrate(
        self, law: Law, grids: Grids, seeds: Seeds, depth: Depth, gradient: bool
    ) -> tuple[Integrated, float, float]:
        rows, terms, _, digits = depth
        for (component, head), count in np.ndenumerate(rows):
            deviation = law.deviations[component, head]
            points = gaussian_rule(deviation, count, digits)[0].size * int(grids.sizes[head])
            self.exponentials += points
            self.products += points * int(count)
        series = np.where(terms > 0, 4 * terms + 4, 0)
        self.products += int((series * np.outer(grids.sizes, grids.sizes)).sum())
        self.terms, self.nodes = float(terms[terms > 0].mean()), grids.sizes.max()
        self.tables = 8 * int(rows.max()) * rows.size * grids.scales.shape[1]
        return super().integrate(law, grids, seeds, depth, gradient)


def print_heads() -> None:
    print("\n  H   quadrature    /H²   tables   sampling with V    /H²")
    for heads in (8, 16, 32, 64):
        task, weights = problem(heads, 8, 64, 8)
        engine, mean = Quadrature(task, SOFTMAX, heads, tolerance=1e-8), np.full(heads, 1 / heads)
        spent = fastest(evaluation(engine, weights, 0.0), 3)
        counted = engine.integrals = Counting(task.signal, task.other_tokens, 0.0, 1e-8)
        evaluation(engine, weights, 0.0)()
        sampling = Sampling(task, SOFTMAX, heads, samples=2**10, seed=0)
        noise = partial(sampling.evaluate, weights, 0.0 * mean, mean, gradient_covariance=True)
        sampled = fastest(noise, 3)
        print(
            f"{heads:3}{spent:13.2f}{spent / heads**2:7.3f}{counted.tables / 2**20:9.1f}"
            f"{sampled:18.2f}{sampled / heads**2:7.3f}",
            flush=True,
        )


def print_shares() -> None:
    """Units are timed on long arrays, so that the call itself does not count."""
    argument, value = np.random.default_rng(0).random((2, 2**13))
    here = fastest(lambda: decay(argument, value)) / argument.size
    floor = fastest(lambda: np.exp(argument, out=value)) / argument.size
    print("\n                          of which exponentials      of which products")
    print(" H F  L C nodes terms    ms     here  NumPy floor        here  BLAS floor")
    for size in SIZES:
        task, weights = problem(*size)
        engine = Quadrature(task, SOFTMAX, len(weights), tolerance=1e-6)
        counted = engine.integrals = Counting(task.signal, task.other_tokens, 0.0, 1e-6)
        evaluation(engine, weights, 0.0)()
        exponentials, products = counted.exponentials, counted.products
        total = fastest(evaluation(engine, weights, 0.0))
        sides = np.random.default_rng(0).random((2, 512, counted.nodes))
        unit, blas = (product_time(multiply, *sides) for multiply in (add_product, dot))
        cells = (exponentials * here, exponentials * floor, products * unit, products * blas)
        shares = "".join(f"{cell:8.3f} {cell / total:4.0%}" for cell in cells)
        heads, features, length, components = size
        counts = f"{counted.nodes:5} {counted.terms:5.0f}"
        print(f"{heads:2} {features:1} {length:2} {components:1} {counts} {total:6.3f}{shares}")


def dot(left: Array, right: Array, out: Array) -> None:
    np.dot(left.T, right, out=out)


def product_time(
    multiply: Callable[[Array, Array, Array], None], left: Array, right: Array
) -> float:
    """Milliseconds of one multiply-add."""
    out = np.zeros((left.shape[1], right.shape[1]))
    return fastest(lambda: multiply(left, right, out)) / (out.size * len(left))


def main() -> None:
    print_sizes()
    print_lengths()
    print_heads()
    print_shares()


if __name__ == "__main__":
    main()
