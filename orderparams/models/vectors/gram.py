"""SGD on the order parameters alone: exact in law at any D, at a cost that does not know D.

Only the projections of the tokens on the hidden directions and the learned vectors, and the Gram
matrix of what is left of them, enter the update of m and q (theory 6). The state is the coordinates
of the vectors in an orthonormal frame of that span; what a step adds outside of it is drawn by
Bartlett's decomposition of a Wishart matrix and rotated back into the frame by an LQ factorisation,
which unlike differences of Gram matrices cancels nothing and bears rank-deficient gradients.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel, part
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
    """weights K = [m W] (n, r), with q = K Kᵀ; learned numbers; loss (1,), a sum over steps.

    r = d + n, and d + 2n where vectors have velocities, (n, r) in the same frame: else (0, r).
    ``memory`` is what the numbers have for a velocity, (numbers, N) or (0, N).
    """

    weights: Array
    numbers: Any
    loss: Array
    velocities: Array
    memory: Array


def least_dimension(model: Model, rule: Rule, vectors: int, step: Step = PLAIN) -> int:
    """The smallest D in which the tokens of a batch, vectors and velocities can be independent.

    A sequence adds min(n + errors, L) directions to the frame: those of its gradients and of its
    errors; up to n further ones hold what the sequences before it in the batch have added.
    """
    sizes = model.sizes
    rank = min(vectors + sizes.errors, sizes.longest)
    before = min(vectors, (rule.batch_size - 1) * rank)
    carried = vectors * (1 + step.inertial)
    return sizes.directions + carried + max(sizes.longest, before + rank)


def size(model: Model, vectors: int, dimension: int, step: Step = PLAIN) -> tuple[int, int]:
    """How many numbers a replica holds, and about how many its steps work with."""
    sizes, carried = model.sizes, vectors * (1 + step.inertial)
    held = (sizes.directions + carried) * carried
    working = 2 * sizes.directions + 2 * vectors + 2 * carried + 2 * sizes.errors
    return held, working * sizes.longest


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
    """The given overlaps; with a ``variance``, those of vectors drawn from N(0, variance·I_D)."""
    (count, known), directions = begin.overlap.shape, model.sizes.directions
    moving = count * step.inertial
    weights = np.zeros((count, directions + count + moving))
    own = slice(directions, directions + count)
    if variance is None:
        weights[:, :known] = begin.overlap
        weights[:, own] = begin.residual
    else:
        weights[:, :directions] = generator.standard_normal((count, directions))
        bartlett(generator, dimension - directions, weights[:, own])
        weights *= np.sqrt(variance / dimension)
    numbers = model.numbers(rule, begin, (weights**2).sum(1))
    velocities = np.zeros((moving, weights.shape[1]))
    return State(weights, numbers, np.zeros(1), velocities, memory_of(numbers, count, step))


def measure(state: State, features: int) -> tuple[Array, Array]:
    """Overlap m (…, n, features) with the first hidden directions, and self-overlap q (…, n, n)."""
    weights = state.weights
    return weights[..., :features].copy(), weights @ np.swapaxes(weights, -1, -2)


def motion(state: State, features: int, step: Step) -> tuple[Array, Array, Array]:
    """m^p (…, n, features), q^kp and q^pp (…, n, n) of velocities p."""
    speed = state.velocities / step.time
    across = np.swapaxes(speed, -1, -2)
    return speed[..., :features].copy(), state.weights @ across, speed @ across


@kernel()
def bartlett(generator: np.random.Generator, degrees: int, out: Array) -> None:
    """Lower triangle B (n, n) with B Bᵀ ~ Wishart_n(degrees): Gram matrix of n normal vectors."""
    for i in range(len(out)):
        for j in range(i):
            out[i, j] = generator.standard_normal()
        out[i, i] = np.sqrt(generator.chisquare(degrees - i))
        for j in range(i + 1, len(out)):
            out[i, j] = 0.0


@kernel(fastmath=FAST)
def triangularize(a: Array) -> None:
    """Rotate the rows of a (n, k) in place into lower triangular form: L of the LQ factorisation.

    a aᵀ stays; columns from n on become zero. Householder reflections.
    """
    rows, columns = a.shape
    for i in range(min(rows, columns)):
        tail = 0.0
        for j in range(i + 1, columns):
            tail += a[i, j] ** 2
        if tail == 0.0:
            continue
        norm = np.sqrt(tail + a[i, i] ** 2)
        pivot = a[i, i] + np.copysign(norm, a[i, i])
        diagonal = a[i, i] - pivot
        a[i, i] = pivot
        for other in range(i + 1, rows):
            product = 0.0
            for j in range(i, columns):
                product += a[i, j] * a[other, j]
            product /= -diagonal * pivot
            for j in range(i, columns):
                a[other, j] -= product * a[i, j]
        a[i, i] = diagonal
        for j in range(i + 1, columns):
            a[i, j] = 0.0


@kernel(fastmath=FAST)
def project(weights: Array, x: Array, rows: Array) -> None:
    """Fields K x of tokens x (≥ frame, L) into the first n rows."""
    vectors, frame = weights.shape
    clear(rows)
    for k in range(vectors):
        for i in range(frame):
            for token in range(x.shape[1]):
                rows[k, token] += weights[k, i] * x[i, token]


@kernel(fastmath=FAST)
def collect(rows: Array, x: Array, change: Array) -> float:
    """Add g xᵀ to ``change`` (n, ≥ width); rows (n + errors, L) are g and r. Returns |x rᵀ|²."""
    vectors = len(change)
    square = 0.0
    for i in range(len(x)):
        for k in range(len(rows)):
            product = 0.0
            for token in range(x.shape[1]):
                product += rows[k, token] * x[i, token]
            if k < vectors:
                change[k, i] += product
            else:
                square += product**2
    return square


@kernel(fastmath=FAST)
def collect_outside(rows: Array, factor: Array, change: Array) -> float:
    """The same for the rest of the tokens: lower triangles L of [g; r] and B of its Gram matrix.

    change (n, rank) becomes the first n rows of L B; returns the square of the others.
    """
    vectors, rank = change.shape
    square = 0.0
    for k in range(len(rows)):
        for j in range(rank):
            product = 0.0
            for i in range(j, min(k + 1, rank)):
                product += rows[k, i] * factor[i, j]
            if k < vectors:
                change[k, j] = product
            else:
                square += product**2
    return square


@part(fastmath=FAST)
def displace(
    step: Step,
    state: State,
    rate: float,
    decay: float,
    radial: Array,
    change: Array,
    squares: Array,
    width: int,
) -> None:
    """From sums of gradients (n, width) in ``change`` to the vectors after a step of inertia, and
    in further n rows their velocities; ``squares`` (n,) are the new q_ii."""
    vectors, frame = state.weights.shape
    for k in range(vectors):
        growth = rate * radial[k]
        squares[k] = 0.0
        for i in range(width):
            before = velocity = 0.0
            shift = -rate * change[k, i]
            if i < frame:
                before, velocity = state.weights[k, i], state.velocities[k, i]
                shift += (growth - decay) * before
            velocity = step.keep * velocity + step.gain * shift
            change[vectors + k, i] = velocity
            change[k, i] = before + velocity
            squares[k] += change[k, i] ** 2


@part(fastmath=FAST)
def shorten(weights: Array, change: Array, squares: Array, width: int) -> None:
    """Vectors (n, width) in ``change`` in the lengths that they had in ``weights`` (n, r)."""
    for k in range(len(weights)):
        before = 0.0
        for i in range(weights.shape[1]):
            before += weights[k, i] ** 2
        scale = np.sqrt(before / squares[k])
        for i in range(width):
            change[k, i] *= scale
        squares[k] = before


@kernel()
def walk(
    model: Model,
    rule: Rule,
    step: Step,
    state: State,
    dimension: int,
    generator: np.random.Generator,
    strides: NDArray[np.int64],
    shares: Array,
    kept: State,
) -> None:
    """Take strides (N,) of so many steps of SGD in place, and keep the state after each.

    Of ``shares`` of the learning rate each step has the next, and the last holds on. The weights
    and numbers of ``kept``, and velocities if there is room, are those of the state with a leading
    axis N. The mean loss of each batch is added to ``state.loss``, which is nil when a further
    stride begins.
    """
    directions, read, longest, errors, noise = model.sizes
    vectors, frame = state.weights.shape
    carried = vectors + len(state.velocities)
    answering, widest = vectors + errors, frame + 2 * vectors + errors
    taken = 0
    alike = np.empty((2, vectors, vectors))
    changes, factor = np.empty((carried, widest)), np.empty((answering, answering))
    change = changes[:vectors]
    tokens, answers = np.empty(widest * longest), np.empty(answering * longest)
    shift = np.empty((directions, longest))
    squares, radial = np.empty(vectors), np.empty(vectors)
    gradient = np.empty((len(state.numbers), longest_of(state.numbers, vectors)))
    for stride, steps in enumerate(strides):
        if stride > 0:
            state.loss[0] = 0.0
        for _ in range(steps):
            learning_rate = rule.learning_rate * shares[min(taken, shares.size - 1)]
            rate = learning_rate / (dimension * rule.batch_size)
            decay = learning_rate * rule.weight_decay / dimension
            taken += 1
            clear(change)
            clear(gradient)
            prepare(model, rule, state.weights, 1.0, state.numbers)
            for k in range(vectors):
                radial[k] = 0.0
            loss = 0.0
            width = frame
            for _ in range(rule.batch_size):
                if width > frame:  # earlier sequences of the batch added at most n directions
                    triangularize(change[:, frame:width])
                    width = min(width, frame + vectors)
                drawn = draw(model, generator, shift)
                length, mark = drawn[0], drawn[1]
                x = tokens[: width * length].reshape(width, length)
                for i in range(width * length):
                    tokens[i] = generator.standard_normal()
                if noise != 1.0:
                    for i in range(width):
                        x[i, mark] *= noise
                for i in range(directions):
                    for token in range(length):
                        x[i, token] += shift[i, token]
                rows = answers[: answering * length].reshape(answering, length)
                project(state.weights, x, rows)
                known = x[directions - read : directions]
                loss += respond(
                    model, rule, generator, drawn[-1], state.numbers, known, rows, radial, gradient
                )
                misfit = collect(rows, x, change)
                if noise != 1.0:  # what is left of a token has its deviation too
                    for i in range(answering):
                        rows[i, mark] *= noise
                rank = min(answering, length)
                triangularize(rows)
                bartlett(generator, dimension - width, factor[:rank, :rank])
                misfit += collect_outside(
                    rows, factor[:rank, :rank], change[:, width : width + rank]
                )
                loss += misfit / dimension
                width += rank
            repel(step.repulsion, state.weights, 1.0, rule.batch_size, alike, change)
            couple(model, rule, state.weights, 1.0, 1.0, state.numbers, gradient, change)
            if carried > vectors:
                displace(step, state, rate, decay, radial, changes, squares, width)
            else:
                for k in range(vectors):
                    growth = rate * radial[k]
                    squares[k] = 0.0
                    for i in range(width):
                        change[k, i] *= -rate
                        if i < frame:
                            change[k, i] += (1.0 + growth - decay) * state.weights[k, i]
                        squares[k] += change[k, i] ** 2
            if step.sphere:
                shorten(state.weights, change, squares, width)
            triangularize(changes[:, directions:width])
            for k in range(vectors):
                for i in range(frame):
                    state.weights[k, i] = change[k, i]
            for k in range(vectors, carried):
                for i in range(frame):
                    state.velocities[k - vectors, i] = changes[k, i]
            remember(step, gradient, state.memory)
            learn(model, rule, rate, gradient, squares, state.numbers)
            state.loss[0] += loss / rule.batch_size
        kept.loss[stride] = state.loss[0]
        for k in range(vectors):
            for i in range(frame):
                kept.weights[stride, k, i] = state.weights[k, i]
        if stride < len(kept.velocities):
            for k in range(vectors):
                for i in range(frame):
                    kept.velocities[stride, k, i] = state.velocities[k, i]
        for number in range(len(state.numbers)):
            kept_numbers, numbers = kept.numbers[number], state.numbers[number]
            for k in range(numbers.size):
                kept_numbers[stride, k] = numbers[k]


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
    course(model, rule, state, dimension, generator, np.array([steps]), step)


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
    count = len(strides)
    kept = State(
        np.empty((count, *state.weights.shape)),
        type(state.numbers)(*(np.empty((count, len(values))) for values in state.numbers)),
        np.empty(count),
        np.empty((count * step.measured, *state.velocities.shape)),
        np.empty((0, 0)),
    )
    walk(model, rule, step, state, dimension, generator, strides, shares, kept)
    overlap, self_overlap = measure(kept, model.features)
    moving = motion(kept, model.features, step) if step.measured else None
    return Course(overlap, self_overlap, kept.numbers, kept.loss, moving)
