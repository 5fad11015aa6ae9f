"""Speed of SGD at finite dimension: microseconds per step on one core, both backends.

Run as ``python benchmarks/simulate.py``: softmax, 4 heads, 8 tokens, 2 features, one sequence a
step; medians of interleaved repetitions.

numpy     the best plain NumPy we could write: tokens drawn in place, matrix products by BLAS
ziggurat  drawing the L·D normals alone, by NumPy's generator called from a kernel
normals   the same by the generator of the direct simulation

Then what a replica of a short run takes (two-stage, D = 1000, 1000 steps): with two stored times,
with 200, and the population risk at these; and how much less wall time 16 of them take on two
threads, which tells something only where two processors are idle.
"""

# ruff: noqa: E402 - BLAS reads the number of its threads when it is imported
from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import time
from collections.abc import Callable
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.compiled import kernel
from orderparams.models.interface import Records, model_of
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.setup import Heads
from orderparams.models.single_location.sgd import UpdateRule, build_model
from orderparams.models.single_location.task import Task, hypercube
from orderparams.models.vectors import direct, gram, normals
from orderparams.run.simulate import population_risk
from orderparams.run.solve import output_times

Array = NDArray[np.float64]

HEADS, TOKENS, FEATURES = 4, 8, 2
DIMENSIONS = (1_000, 10_000, 100_000, 1_000_000)
REPETITIONS, SECONDS = 9, 0.05

MODEL = build_model(
    Task(np.array([TOKENS]), np.ones(1), hypercube([1.5, 0.0], [0.0, 2.56])),
    Activation("softmax", False, 0.0),
)
RULE = UpdateRule(1.0)
START = Heads(
    0.1 * np.eye(HEADS)[:, :FEATURES], 0.1 * np.eye(HEADS), np.zeros(HEADS), np.full(HEADS, 0.25)
)


@kernel()
def ziggurat(generator: np.random.Generator, out: Array) -> None:
    for i in range(out.size):
        out[i] = generator.standard_normal()


def backend(module: ModuleType, dimension: int) -> Callable[[int], None]:
    """Take that many steps of a backend."""
    seed = np.random.SeedSequence(0)
    generator = np.random.Generator(np.random.SFC64(seed))
    state = module.start(MODEL, RULE, START, None, dimension, seed, generator)
    return lambda steps: module.advance(MODEL, RULE, state, dimension, generator, steps)


def numpy_steps(dimension: int) -> Callable[[int], None]:
    """The same step of SGD in plain NumPy."""
    generator = np.random.Generator(np.random.SFC64(0))
    root = np.sqrt(dimension)
    heads = generator.standard_normal((HEADS, dimension)) * 0.1
    directions = np.linalg.qr(generator.standard_normal((dimension, FEATURES)))[0].T * root
    tokens = np.empty((TOKENS, dimension))
    points = np.array([[1.5, 1.6], [1.5, -1.6]])

    def steps(count: int) -> None:
        for _ in range(count):
            generator.standard_normal(out=tokens)
            position = int(TOKENS * generator.random())
            tokens[position] += points[int(2 * generator.random())] @ directions / root
            shares = np.exp(heads @ tokens.T / root)
            shares /= shares.sum(1, keepdims=True)
            residual = shares.mean(0)
            residual[position] -= 1.0
            centered = residual - shares @ residual[:, None]
            gradient = (2 / HEADS / root) * (shares * centered) @ tokens
            np.subtract(heads, gradient, out=heads)
            misfit = residual @ tokens
            misfit @ misfit / dimension

    return steps


def draws(dimension: int, own: bool) -> Callable[[int], None]:
    """Draw the tokens of that many steps and do nothing with them."""
    size = TOKENS * dimension
    out = np.empty(size + -size % normals.LANES)
    lanes = normals.start(np.random.SeedSequence(0))
    generator = np.random.Generator(np.random.SFC64(0))

    def steps(count: int) -> None:
        for _ in range(count):
            if own:
                normals.fill(lanes, out)
            else:
                ziggurat(generator, out)

    return steps


def microseconds(subjects: dict[str, Callable[[int], None]]) -> dict[str, float]:
    """Time of one step, median over interleaved repetitions."""
    counts = {}
    for name, run in subjects.items():
        run(1)
        start = time.perf_counter()
        run(3)
        counts[name] = max(3, int(3 * SECONDS / (time.perf_counter() - start)))
    samples: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(REPETITIONS):
        for name, run in subjects.items():
            start = time.perf_counter()
            run(counts[name])
            samples[name].append((time.perf_counter() - start) / counts[name] * 1e6)
    return {name: float(np.median(times)) for name, times in samples.items()}


SHORT = {"training.duration": 1, "simulation.dimension": 1000, "simulation.replicas": 16}


def short_runs() -> None:
    """Print what a replica of a short run takes, and what a second thread gains."""
    problem = op.load("two-stage", SHORT)
    count, duration = problem.simulation.replicas, problem.training.duration
    times = output_times(problem.output, duration)

    def run(stored: Array, workers: int = 1) -> Records:
        return model_of(problem).simulator(problem, stored).run(workers)

    records = run(times)
    works: dict[str, Callable[[int], object]] = {
        "steps alone": lambda workers: run(times[[0, -1]], workers),
        f"{len(times)} stored times": lambda workers: run(times, workers),
        "population risk": lambda workers: population_risk(problem, records, workers),
    }
    print(f"\n{'a replica of a short run':<26}{'processor':>14}{'wall, 1 : 2 threads':>24}")
    for name, work in works.items():
        samples: list[list[float]] = []
        for _ in range(REPETITIONS):
            marks = [(time.process_time(), time.perf_counter())]
            for workers in (1, 2):
                work(workers)
                marks.append((time.process_time(), time.perf_counter()))
            (_, start), (_, one), (_, two) = marks
            samples.append([marks[1][0] - marks[0][0], (one - start) / (two - one)])
        spent, ratio = np.median(samples, axis=0)
        print(f"{name:<26}{1e3 * spent / count:11.2f} ms{ratio:24.2f}")


def main() -> None:
    """Print the table."""
    columns = ("numpy", "ziggurat", "normals", "direct", "gram")
    print(f"microseconds per step: {HEADS} heads, {TOKENS} tokens, {FEATURES} features")
    print(f"{'D':>9}" + "".join(f"{name:>10}" for name in columns), "numpy/direct  direct/gram")
    for dimension in DIMENSIONS:
        subjects = {"gram": backend(gram, dimension)}
        if dimension <= 10_000:
            subjects |= {
                "numpy": numpy_steps(dimension),
                "ziggurat": draws(dimension, own=False),
                "normals": draws(dimension, own=True),
                "direct": backend(direct, dimension),
            }
        found = microseconds(subjects)
        shown = "".join(f"{found[name]:10.2f}" if name in found else 10 * " " for name in columns)
        print(f"{dimension:>9,}{shown}", end="")
        if "direct" in found:
            print(f"{found['numpy'] / found['direct']:13.1f}", end="")
            print(f"{found['direct'] / found['gram']:13.0f}", end="")
        print()
    short_runs()


if __name__ == "__main__":
    main()
