"""Small analyses that figures are drawn of, made once."""

import functools

import orderparams as op

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
