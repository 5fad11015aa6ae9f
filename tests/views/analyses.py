"""Small analyses that figures are drawn of, made once."""

import dataclasses
import functools

import numpy as np

import orderparams as op
from orderparams.results.analyzed.escapes import Escaped

STUDENTS = {
    "title": "Students",
    "model": "committee",
    "task": {"teachers": 2},
    "network": {"students": 3},
    "training": {"duration": 150.0},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.02, 0.0], [0.0, 0.01], [0.01, 0.03]],
        "self_overlap": [[0.003, 0.0, 0.0], [0.0, 0.0033, 0.0], [0.0, 0.0, 0.0027]],
    },
    "output": {"points": 61},
}


@functools.cache
def students():
    """Three students of two teachers, short enough at the start to pass the saddle."""
    return op.analyze(STUDENTS)


LEAVING = {
    "training": {"rule": "sgd", "duration": 120.0, "learning_rate": 0.5},
    "initial": {"kind": "random", "variance": 0.05},
    "fluctuations": {"enabled": True, "start": "random", "bias": False, "nodes": 2048},
    "output.points": 61,
}


@functools.cache
def leaving():
    """Two students from random starts, which noise parts, and times of replicas as if simulated, of
    which one had not left."""
    found = op.analyze("saad-solla", settings=LEAVING)
    (escape,) = found.escapes
    times = np.append(np.quantile(escape.quantile, np.linspace(0.1, 0.9, 24)), np.nan)
    numbers = (np.nanmean(times), np.nanstd(times), escape.mean, escape.deviation, 0.5, 0.5)
    one = escape.with_simulated(Escaped(times, *map(float, numbers), "agree"))
    return dataclasses.replace(found, escapes=(one,))
