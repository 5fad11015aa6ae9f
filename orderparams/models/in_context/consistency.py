"""What keys of in-context regression must satisfy together: shapes, tasks, starts."""

from __future__ import annotations

from collections.abc import Iterator

from orderparams.config.matrices import Found
from orderparams.config.values import Matrix
from orderparams.config.words import counted
from orderparams.errors import ConfigurationError
from orderparams.models.in_context.sections import MAX_BLOCKS, MOST_BLOCKS, Problem, TaskConfig


def contradictions(problem: Problem) -> Iterator[Found]:
    """Every check that involves more than one key."""
    yield check_blocks(problem)
    yield check_tables(problem)
    yield check_linear(problem)
    yield check_strengths(problem.task)
    yield check_noise(problem.task)
    yield check_lengths(problem.task)
    yield check_given(problem)
    yield check_explicit(problem)
    yield check_allocated(problem)
    yield check_whole(problem)


def check_blocks(problem: Problem) -> Found:
    count, engine = len(problem.task.blocks), problem.expectation.engine
    if problem.attention.activation == "linear" or engine == "sampling":
        most, way = MAX_BLOCKS, "join coordinates on which every task has one variance"
    else:
        most, way = MOST_BLOCKS, "set expectation.engine = 'sampling' for more"
    if count > most:
        yield ConfigurationError(f"task.blocks: {count} blocks; at most {most} are allowed, {way}")


def check_tables(problem: Problem) -> Found:
    if problem.expectation.engine == "tables" and problem.task.query_in_softmax:
        yield ConfigurationError(
            "expectation.engine = 'tables': there are none with the query in the softmax "
            "(task.query_in_softmax); set it to 'auto' or 'quadrature'"
        )


def check_linear(problem: Problem) -> Found:
    if problem.attention.activation == "linear" and problem.task.query_in_softmax:
        yield ConfigurationError(
            "task.query_in_softmax: attention.activation = 'linear' has no softmax; leave it out"
        )


def check_strengths(task: TaskConfig) -> Found:
    """One number a block, and no task without any."""
    for j, row in enumerate(task.rows):
        if len(row) != len(task.blocks):
            yield ConfigurationError(
                f"task.strengths: expected rows of {counted(len(task.blocks), 'number')}, one a "
                f"block (task.blocks), got {len(row)}"
            )
            return
        if not any(row):
            yield ConfigurationError(
                f"task.strengths[{j}]: task {j + 1} has no strength on any block, there is nothing "
                "to learn; leave it out"
            )


def check_noise(task: TaskConfig) -> Found:
    if isinstance(task.noise, tuple) and len(task.noise) != len(task.rows):
        yield ConfigurationError(
            f"task.noise: expected one number, or a list of {len(task.rows)}, one a task, "
            f"got {len(task.noise)}"
        )


def check_lengths(task: TaskConfig) -> Found:
    """Each length is tested once."""
    lengths = task.test_lengths or ()
    for i, length in enumerate(lengths):
        if length in lengths[:i]:
            yield ConfigurationError(
                f"task.test_lengths[{i}]: {length} stands there twice; leave one out"
            )


def check_given(problem: Problem) -> Found:
    """Arrays belong to an explicit start."""
    initial = problem.initial
    if initial.kind != "explicit":
        for name in ("key_query", "output"):
            if getattr(initial, name) is not None:
                yield ConfigurationError(
                    f"initial.{name} is given, but initial.kind = {initial.kind!r}; set "
                    "initial.kind = 'explicit', or leave it out"
                )


def check_explicit(problem: Problem) -> Found:
    initial, task = problem.initial, problem.task
    if initial.kind == "explicit":
        yield from check_shape(problem, "key_query", initial.key_query, len(task.blocks), "block")
        yield from check_shape(problem, "output", initial.output, len(task.rows), "task")


def check_shape(
    problem: Problem, name: str, values: Matrix | None, columns: int, each: str
) -> Found:
    heads = problem.attention.heads
    if values is None:
        yield ConfigurationError(
            f"initial.{name} is missing; initial.kind = 'explicit' needs it: a row for each head, "
            f"with a number for each {each}"
        )
    elif (len(values), len(values[0])) != (heads, columns):
        yield ConfigurationError(
            f"initial.{name}: expected {counted(heads, 'row')} (attention.heads) of "
            f"{counted(columns, 'number')} (one a {each}), got {counted(len(values), 'row')} of "
            f"{len(values[0])}",
            "start",
        )


def check_allocated(problem: Problem) -> Found:
    """A head for each task, and each task on one block."""
    task, heads = problem.task, problem.attention.heads
    if problem.initial.kind != "allocated":
        return
    if heads < len(task.rows):
        yield ConfigurationError(
            f"attention.heads = {heads}: initial.kind = 'allocated' needs a head for each of the "
            f"{len(task.rows)} tasks; raise it, or set initial.kind = 'random'"
        )
    for j, row in enumerate(task.rows):
        if sum(strength > 0 for strength in row) > 1:
            yield ConfigurationError(
                f"task.strengths[{j}]: initial.kind = 'allocated' needs every task on a single "
                f"block, and task {j + 1} is on several; set initial.kind = 'random' or 'explicit'"
            )


def check_whole(problem: Problem) -> Found:
    """SGD on whole matrices has their metric."""
    metric = problem.training.metric
    if problem.simulation.backend == "full" and metric != "matrix":
        yield ConfigurationError(
            f"training.metric = {metric!r}: simulation.backend = 'full' trains whole matrices, "
            "which is the metric 'matrix'; set that, or simulation.backend = 'reduced'"
        )
