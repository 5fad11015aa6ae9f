"""Which settings are out of proportion, where a computation leaves the range of its numbers."""

from __future__ import annotations

import numpy as np

from orderparams.models.single_location.sections import AttentionConfig, Problem
from orderparams.models.single_location.setup import LINE, build_signal
from orderparams.models.single_location.shared.bases import heads_of

FAR = 30.0
"""Heads, biases and signals beyond are named; their products are what leaves the range."""

FAST = 10.0
"""Rates beyond are named."""


def at_start(problem: Problem) -> str:
    """What to change of a start."""
    initial, attention = problem.initial, problem.attention
    signal, heads = build_signal(problem.task.signal), heads_of(problem)
    random, sharing = initial.kind == "random", attention.sharing
    prefix, mixing = ("", ()) if sharing is None else ("base_", sharing.mixing or ())
    bias = "initial.bias" if attention.bias == "learned" else "attention.bias"
    weight = "initial" if attention.head_weights == "learned" else "attention"
    sizes = {
        "the initial heads (initial.variance)": random * float(initial.variance) ** 0.5,
        f"initial.{prefix}overlap": (not random) * largest(heads.overlap),
        f"initial.{prefix}self_overlap": (not random) * largest(heads.residual),
        "attention.shared.mixing": largest(np.array(mixing)),
        bias: largest(heads.bias) * (attention.bias != "norm"),
        f"{weight}.head_weights": largest(heads.head_weights),
        **{
            f"{section_of(attention, key)}.{key}": largest(heads.numbers[name])
            for key, name in LINE.items()
            if name in heads.numbers
        },
        "the signal (task.signal)": max(
            largest(signal.means), largest(np.sqrt(np.abs(signal.covariances)))
        ),
    }
    named = [name for name, size in sizes.items() if size > FAR]
    return f"weaken {' or '.join(named or ['the initial heads', 'the signal'])}"


def in_course(problem: Problem, *, sgd: bool) -> str:
    """Rates to lower where a run leaves the range; "" if none is large."""
    training, attention = problem.training, problem.attention
    rates = {
        "training.learning_rate": training.learning_rate * sgd,
        "training.weight_decay": training.weight_decay,
        "training.bias_rate": training.bias_rate * (attention.bias == "learned"),
        "training.mixing_rate": training.mixing_rate
        * (attention.sharing is not None and attention.sharing.learned),
        "training.importance_rate": training.importance_rate
        * (attention.head_weights == "importance"),
        "training.head_weight_rate": training.head_weight_rate
        * (attention.head_weights == "learned"),
        "training.slope_rate": (training.slope_rate or 0.0) * (attention.slope == "learned"),
        "training.intercept_rate": (training.intercept_rate or 0.0)
        * (attention.intercept == "learned"),
    }
    named = [f"{name} = {rate:g}" for name, rate in rates.items() if rate > FAST]
    return f"lower {' or '.join(named)}" if named else ""


def section_of(attention: AttentionConfig, name: str) -> str:
    """Where a slope or an intercept stands: a learned one in ``initial``."""
    return "initial" if getattr(attention, name) == "learned" else "attention"


def largest(values: np.ndarray) -> float:
    """The largest absolute value; 0 of none."""
    return float(np.abs(values).max(initial=0.0))
