"""What keys of the learning rule of vectors must satisfy together."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from orderparams.config.matrices import Found
from orderparams.config.words import counted
from orderparams.errors import ConfigurationError
from orderparams.models.vectors.sections import SCHEDULE_KEYS, ScheduleConfig, TrainingConfig
from orderparams.models.vectors.starts import Learners


def contradictions(training: TrainingConfig, learners: Learners) -> Iterator[Found]:
    """Every check of the learning rule that involves more than one key."""
    yield check_schedule(training)
    yield check_inertia(training, learners)
    yield check_repulsion(training, learners)
    yield check_sphere(training, learners)


def check_schedule(training: TrainingConfig) -> Found:
    schedule, path = training.schedule, "training.schedule"
    if schedule is None:
        return
    allowed = SCHEDULE_KEYS[schedule.kind]
    given = {key for key, value in vars(schedule).items() if value is not None} - {"kind"}
    for key in sorted(given - set(allowed)):
        takes = f"takes {' and '.join(allowed)}" if allowed else "takes no other key"
        yield ConfigurationError(
            f"{path}.{key} has no meaning for kind = {schedule.kind!r}, which {takes}"
        )
    missing = [key for key, needed in allowed.items() if needed and key not in given]
    for key in missing:
        example = {"time": "100", "times": "[100, 200]", "factors": "[0.5, 0.1]"}[key]
        yield ConfigurationError(
            f"{path}.{key} is missing; kind = {schedule.kind!r} needs it, such as {key} = {example}"
        )
    if not missing and given <= set(allowed):
        yield from check_pieces(schedule)
        yield from check_end(training, schedule)


def check_pieces(schedule: ScheduleConfig) -> Found:
    times, factors, path = schedule.times, schedule.factors, "training.schedule"
    if times is None or factors is None:
        return
    if len(times) != len(factors):
        yield ConfigurationError(
            f"{path}.factors: expected {counted(len(times), 'number')}, one for each of "
            f"{path}.times, got {len(factors)}"
        )
    if any(later <= time for time, later in itertools.pairwise(times)):
        yield ConfigurationError(f"{path}.times must increase; sort them, and leave out doubles")


def check_end(training: TrainingConfig, schedule: ScheduleConfig) -> Found:
    """A cosine that ends at zero: time t stands still from there on."""
    if schedule.kind != "cosine" or schedule.time is None or schedule.final:
        return
    last = schedule.time / 2
    if training.duration > last:
        yield ConfigurationError(
            f"training.duration = {training.duration:g}: with this schedule t, the sum of the "
            f"learning rates / D, ends at {last:g}, half of training.schedule.time; lower the "
            "duration, raise the time, or set training.schedule.final"
        )


def check_inertia(training: TrainingConfig, learners: Learners) -> Found:
    if training.inertia is None:
        return
    schedule = training.schedule
    if training.momentum:
        yield ConfigurationError(
            f"training.momentum = {training.momentum:g}: with training.inertia velocities have a "
            "memory already, of order D steps; leave one of them out"
        )
    if training.constraint == "sphere":
        yield ConfigurationError(
            "training.inertia: vectors that are normed after each step have none; leave it out, or "
            "set training.constraint = 'none'"
        )
    if schedule is not None and schedule.kind != "constant":
        yield ConfigurationError(
            f"training.schedule.kind = {schedule.kind!r}: with training.inertia the learning rate "
            "is constant; leave one of them out"
        )
    for key in learners.beside:
        yield ConfigurationError(
            f"{key} does not go with training.inertia, under which nothing is learned but vectors, "
            "each by itself; leave one of them out"
        )


def check_repulsion(training: TrainingConfig, learners: Learners) -> Found:
    repulsion, word = training.repulsion, learners.word
    if repulsion is None:
        return
    if repulsion.kind == "cosine" and repulsion.width is not None:
        yield ConfigurationError(
            "training.repulsion.width has no meaning for kind = 'cosine', which knows angles "
            "alone; leave it out, or set kind = 'gaussian'"
        )
    if learners.count == 1:
        yield ConfigurationError(
            f"training.repulsion: there is one {word}, and no other to repel it; raise "
            f"{learners.key}, or leave it out"
        )
    found = learners.at_origin
    if repulsion.kind == "cosine" and repulsion.strength and found:
        yield ConfigurationError(
            f"training.repulsion: {word} {found[1]} starts at the origin ({found[0]}) and has no "
            "angle with others; give it a length, or set kind = 'gaussian'"
        )


def check_sphere(training: TrainingConfig, learners: Learners) -> Found:
    if training.constraint != "sphere":
        return
    if training.weight_decay:
        yield ConfigurationError(
            f"training.weight_decay = {training.weight_decay:g} has no effect on vectors that keep "
            "their lengths; leave it out, or set training.constraint = 'none'"
        )
    if found := learners.at_origin:
        yield ConfigurationError(
            f"training.constraint: {learners.word} {found[1]} starts at the origin ({found[0]}), "
            "and would stay there; give it a length"
        )
