"""SGD on vectors in R^D, every token drawn in full: the ground truth (theory 6)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel
from orderparams.models.vectors import normals
from orderparams.models.vectors.normals import LANES, fill
from orderparams.models.vectors.repulsion import repel
from orderparams.models.vectors.sgd import (
    Course,
    Model,
    Rule,
    Start,
    clear,
    couple,
    draw,
    learn,
    longest_of,
    prepare,
    respond,
)
from orderparams.models.vectors.step import FULL_RATE, PLAIN, Step, memory_of, remember

Array = NDArray[np.float64]


class State(NamedTuple):
    """learned vectors w (n, D); hidden directions w* (d, D), orthogonal with squares D; state of
    the token generator; learned numbers; loss (1,), a sum over steps; velocities (n, D), or (0, D)
    where vectors have none; what the numbers have for a velocity, (numbers, N) or (0, N)."""

    vectors: Array
    directions: Array
    lanes: NDArray[np.uint64]
    numbers: Any
    loss: Array
    velocities: Array
    memory: Array


def least_dimension(model: Model, rule: Rule, vectors: int, step: Step = PLAIN) -> int:
    """The smallest D: the hidden directions and the vectors must be able to be independent."""
    return model.sizes.directions + vectors


def size(model: Model, vectors: int, dimension: int, step: Step = PLAIN) -> tuple[int, int]:
    """How many numbers a replica holds, and about how many its start and its steps work with."""
    sizes = model.sizes
    held = (sizes.directions + vectors * (1 + step.inertial)) * dimension
    return held, 4 * held + (sizes.longest + vectors + sizes.errors) * dimension


def start(
    model: Model,
    rule: Rule,
    begin: Start,
    variance: float | Array | None,
    dimension: int,
    seed: np.random.SeedSequence,
    generator: np.random.Generator,
    step: Step = PLAIN,
) -> State:
    """Random hidden directions, and vectors with exactly the given overlaps m and W.

    With a ``variance`` the vectors are N(0, variance·I_D) instead.
    """
    count, known = begin.overlap.shape
    vectors = generator.standard_normal((dimension, model.sizes.directions + count))
    frame = np.linalg.qr(vectors)[0].T * np.sqrt(dimension)
    directions, rest = np.split(frame, [model.sizes.directions])
    if variance is None:
        vectors = begin.overlap @ directions[:known] + begin.residual @ rest
    else:
        vectors = np.sqrt(variance) * generator.standard_normal((count, dimension))
    numbers = model.numbers(rule, begin, (vectors**2).mean(1))
    return State(
        np.ascontiguousarray(vectors),
        np.ascontiguousarray(directions),
        normals.start(seed),
        numbers,
        np.zeros(1),
        np.zeros((count * step.inertial, dimension)),
        memory_of(numbers, count, step),
    )


def measure(state: State, features: int) -> tuple[Array, Array]:
    """Overlap m (n, features) with the first hidden directions, and self-overlap q (n, n)."""
    dimension = state.vectors.shape[1]
    overlap = state.vectors @ state.directions[:features].T / dimension
    return overlap, state.vectors @ state.vectors.T / dimension


def motion(state: State, features: int, step: Step) -> tuple[Array, Array, Array]:
    """m^p (n, features), q^kp and q^pp (n, n) of velocities p."""
    dimension = state.vectors.shape[1]
    speed = state.velocities / step.time
    overlap = speed @ state.directions[:features].T / dimension
    return overlap, state.vectors @ speed.T / dimension, speed @ speed.T / dimension


@kernel(fastmath=FAST)
def dot(x: Array, y: Array) -> float:
    """Σ_i x_i y_i."""
    total = 0.0
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@kernel(fastmath=FAST)
def add(scale: float, x: Array, out: Array) -> None:
    """out ← out + scale·x."""
    for i in range(x.size):
        out[i] += scale * x[i]


@kernel()
def walk(
    model: Model,
    rule: Rule,
    step: Step,
    state: State,
    dimension: int,
    generator: np.random.Generator,
    steps: int,
    shares: Array,
) -> None:
    """Take steps of SGD in place; adds the mean loss of each batch to ``state.loss``.

    Of ``shares`` of the learning rate each step has the next, and the last holds on.
    """
    directions, read, longest, errors, noise = model.sizes
    vectors = len(state.vectors)
    answering = vectors + errors
    root = np.sqrt(dimension)
    inertial = len(state.velocities) > 0
    alike = np.empty((2, vectors, vectors))
    buffer = np.empty((longest * dimension + LANES - 1) // LANES * LANES)
    change = np.empty((answering, dimension))
    shift, known = np.empty((directions, longest)), np.empty((read, longest))
    squares, radial = np.empty(vectors), np.empty(vectors)
    gradient = np.empty((len(state.numbers), longest_of(state.numbers, vectors)))
    for taken in range(steps):
        learning_rate = rule.learning_rate * shares[min(taken, shares.size - 1)]
        rate = learning_rate / (dimension * rule.batch_size)
        decay = learning_rate * rule.weight_decay / dimension
        clear(change[:vectors])
        clear(gradient)
        prepare(model, rule, state.vectors, 1 / dimension, state.numbers)
        for k in range(vectors):
            radial[k] = 0.0
        loss = 0.0
        for _ in range(rule.batch_size):
            drawn = draw(model, generator, shift)
            length, mark = drawn[0], drawn[1]
            fill(state.lanes, buffer[: (length * dimension + LANES - 1) // LANES * LANES])
            tokens = buffer[: length * dimension].reshape(length, dimension)
            if noise != 1.0:
                add(noise - 1.0, tokens[mark], tokens[mark])
            for token in range(length):
                for i in range(directions):
                    if shift[i, token] != 0.0:
                        add(shift[i, token] / root, state.directions[i], tokens[token])
            rows = np.empty((answering, length))
            for token in range(length):
                for k in range(vectors):
                    rows[k, token] = dot(state.vectors[k], tokens[token]) / root
                for i in range(read):
                    direction = state.directions[directions - read + i]
                    known[i, token] = dot(direction, tokens[token]) / root
            loss += respond(
                model, rule, generator, drawn[-1], state.numbers, known, rows, radial, gradient
            )
            clear(change[vectors:])
            for k in range(answering):
                for token in range(length):
                    add(rows[k, token], tokens[token], change[k])
            for k in range(vectors, answering):
                loss += dot(change[k], change[k]) / dimension
        repel(step.repulsion, state.vectors, 1 / dimension, rule.batch_size / root, alike, change)
        couple(model, rule, state.vectors, 1 / dimension, 1 / root, state.numbers, gradient, change)
        for k in range(vectors):
            vector = state.vectors[k]
            before = dot(vector, vector) if step.sphere else 0.0
            moved, gain = vector, 1.0
            if inertial:
                moved, gain = state.velocities[k], step.gain
                add(step.keep - 1.0, moved, moved)
            add(gain * (rate * radial[k] - decay), vector, moved)
            add(-gain * rate * root, change[k], moved)
            if inertial:
                add(1.0, moved, vector)
            if step.sphere:
                add(np.sqrt(before / dot(vector, vector)) - 1.0, vector, vector)
            squares[k] = dot(vector, vector) / dimension
        remember(step, gradient, state.memory)
        learn(model, rule, rate, gradient, squares, state.numbers)
        state.loss[0] += loss / rule.batch_size


def advance(
    model: Model,
    rule: Rule,
    state: State,
    dimension: int,
    generator: np.random.Generator,
    steps: int,
    step: Step = PLAIN,
) -> None:
    """Take steps of SGD in place; adds the mean loss of each batch to ``state.loss``."""
    walk(model, rule, step, state, dimension, generator, steps, FULL_RATE)


def course(
    model: Model,
    rule: Rule,
    state: State,
    dimension: int,
    generator: np.random.Generator,
    strides: NDArray[np.int64],
    step: Step = PLAIN,
    shares: Array = FULL_RATE,
) -> Course:
    """Take strides (N,) of so many steps of SGD in place; what is measured after each."""
    taken, learned, loss, moving = [], [], [], []
    done = 0
    for stride, steps in enumerate(strides):
        if stride > 0:
            state.loss[:] = 0.0
        own = shares[min(done, len(shares) - 1) :]
        walk(model, rule, step, state, dimension, generator, int(steps), own)
        done += int(steps)
        taken.append(measure(state, model.features))
        learned.append([values.copy() for values in state.numbers])
        loss.append(state.loss[0])
        if step.measured:
            moving.append(motion(state, model.features, step))
    overlap, self_overlap = map(np.array, zip(*taken, strict=True))
    numbers = type(state.numbers)(*map(np.array, zip(*learned, strict=True)))
    speeds = tuple(map(np.array, zip(*moving, strict=True))) if moving else None
    return Course(overlap, self_overlap, numbers, np.array(loss), speeds)
