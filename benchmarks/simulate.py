"""Speed of SGD at finite dimension: microseconds per step on one core, both backends.

Run as ``python benchmarks/simulate.py``: softmax, 4 heads, 8 tokens, 2 features, one sequence a
step. NumPy is the best we could write: tokens drawn in place, BLAS products. "normals" is what
drawing the L·D numbers alone costs the direct simulation, with its own generator and with NumPy's
ziggurat called from a kernel. Medians of interleaved repetitions.
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
from orderparams.compiled import kernel
from orderparams.problem import Heads
from orderparams.simulate import UpdateRule, direct, gram, normals
from orderparams.simulate.sequence import build_model
from orderparams.task import Task, hypercube

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


def backend(module: type[direct] | type[gram], dimension: int) -> Callable[[int], None]:
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


def main() -> None:
    """Print the table."""
    columns = ("numpy", "ziggurat normals", "own normals", "direct", "gram")
    print(f"microseconds per step: {HEADS} heads, {TOKENS} tokens, {FEATURES} features")
    print(f"{'D':>9}" + "".join(f"{name:>18}" for name in columns[:2]), end="")
    print("".join(f"{name:>13}" for name in columns[2:]))
    for dimension in DIMENSIONS:
        subjects = {"gram": backend(gram, dimension)}
        if dimension <= 10_000:
            subjects |= {
                "numpy": numpy_steps(dimension),
                "ziggurat normals": draws(dimension, own=False),
                "own normals": draws(dimension, own=True),
                "direct": backend(direct, dimension),
            }
        found = microseconds(subjects)
        shown = [f"{found[name]:.2f}" if name in found else "" for name in columns]
        print(f"{dimension:>9,}" + "".join(f"{text:>18}" for text in shown[:2]), end="")
        print("".join(f"{text:>13}" for text in shown[2:]))
        if "direct" in found:
            ratio = found["direct"] / found["gram"]
            print(f"          direct / gram = {ratio:.0f}, numpy / direct = ", end="")
            print(f"{found['numpy'] / found['direct']:.1f}")


if __name__ == "__main__":
    main()
