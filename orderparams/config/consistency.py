"""What keys must satisfy together: shapes that agree, covariances, defaults that depend."""

from __future__ import annotations

import dataclasses

import numpy as np

from orderparams.config.sections import (
    ACTIVATION_DEFAULTS,
    MAX_COMPONENTS,
    SIGNAL_KEYS,
    AttentionConfig,
    ComponentConfig,
    LengthLaw,
    Problem,
    SignalConfig,
    TaskConfig,
)
from orderparams.config.values import Matrix, Numbers, weights
from orderparams.errors import ConfigurationError


def with_activation_defaults(problem: Problem) -> Problem:
    """Fill kappa, bias and head weights that were left out (theory 2)."""
    attention = problem.attention
    defaults = ACTIVATION_DEFAULTS[attention.activation]
    left_out = {key: value for key, value in defaults.items() if getattr(attention, key) is None}
    return dataclasses.replace(problem, attention=dataclasses.replace(attention, **left_out))


def check_consistency(problem: Problem) -> Problem:
    """Everything that involves more than one key."""
    check_signal(problem.task.signal)
    check_task(problem.task)
    check_attention(problem.attention)
    check_initial(problem)
    return problem


def check_signal(signal: SignalConfig) -> None:
    allowed = SIGNAL_KEYS[signal.kind]
    given = {key for key, value in vars(signal).items() if value is not None} - {"kind"}
    if surplus := sorted(given - allowed):
        raise ConfigurationError(
            f"task.signal.{surplus[0]} has no meaning for kind = {signal.kind!r}, which takes "
            f"{' and '.join(sorted(allowed))}; to replace the whole signal at once: "
            "-s 'task.signal={kind=\"spikes\", strengths=[4, 1]}'"
        )
    for key in ("strengths", "components"):
        if key in allowed and key not in given:
            raise ConfigurationError(
                f"task.signal.{key} is missing; kind = {signal.kind!r} needs it"
            )
    if signal.kind == "mixture":
        check_components(signal.components or ())
        return
    if signal.kind == "gaussian":
        check_one_spread(signal.variances, signal.covariance, "task.signal")
    check_lengths(signal, "task.signal", signal.features)
    if signal.kind == "hypercube":
        signs = 2 ** sum(strength > 0 for strength in signal.strengths or ())
        if signs > MAX_COMPONENTS:
            raise ConfigurationError(
                f"task.signal.strengths: a hypercube with {signs} corners is too large; at most "
                f"{MAX_COMPONENTS} (12 directions with positive strength)"
            )


def check_one_spread(variances: Numbers | None, covariance: Matrix | None, path: str) -> None:
    if (variances is None) == (covariance is None):
        raise ConfigurationError(f"{path}: give either variances or covariance, and not both")


def check_lengths(lists: SignalConfig | ComponentConfig, path: str, features: int) -> None:
    for key in ("mean", "strengths", "variances", "covariance"):
        given = getattr(lists, key, None)
        if given is not None and len(given) != features:
            raise ConfigurationError(
                f"{path}.{key} has {len(given)} entries where the signal has {features} features; "
                "the lists must have the same length"
            )
    if lists.covariance is not None:
        check_positive_semidefinite(lists.covariance, features, f"{path}.covariance")


def check_components(components: tuple[ComponentConfig, ...]) -> None:
    if len(components) > MAX_COMPONENTS:
        raise ConfigurationError(f"task.signal.components: at most {MAX_COMPONENTS} are allowed")
    weights([component.weight for component in components], "task.signal.components (weight)")
    for i, component in enumerate(components):
        path = f"task.signal.components[{i}]"
        if component.variances is not None:
            check_one_spread(component.variances, component.covariance, path)
        check_lengths(component, path, len(components[0].mean))


def check_positive_semidefinite(rows_: Matrix, size: int, path: str) -> None:
    values = np.array(rows_)
    if values.shape != (size, size):
        raise ConfigurationError(f"{path}: expected {size} rows of {size} numbers")
    scale = max(1.0, float(np.abs(values).max()))
    if not np.allclose(values, values.T, rtol=0, atol=1e-12 * scale):
        raise ConfigurationError(f"{path}: the matrix must be symmetric")
    least = float(np.linalg.eigvalsh(values)[0])
    if least < -1e-12 * scale:
        raise ConfigurationError(
            f"{path}: the matrix must be positive semidefinite; its least eigenvalue is {least:.3g}"
        )


def check_task(task: TaskConfig) -> None:
    law = task.length
    if isinstance(law, LengthLaw):
        if law.weights is not None and len(law.weights) != len(law.values):
            raise ConfigurationError(
                f"task.length: {len(law.values)} values but {len(law.weights)} weights"
            )
        if len(set(law.values)) != len(law.values):
            raise ConfigurationError("task.length.values: a length stands twice; add its weights")
    if task.noise > 0 and task.target == "token":
        raise ConfigurationError(
            "task.noise is the label noise of the scalar target; set task.target = 'scalar' or "
            "task.noise = 0"
        )


def check_attention(attention: AttentionConfig) -> None:
    kappa = attention.kappa or 0.0
    if attention.activation == "softmax" and kappa > 0:
        raise ConfigurationError(
            "attention.kappa is zero for softmax; use attention.activation = 'softmax-1' for "
            "kappa > 0"
        )
    if attention.activation == "softmax-1" and kappa == 0:
        raise ConfigurationError(
            "attention.kappa is positive for softmax-1; set it, such as attention.kappa = 1, or "
            "use attention.activation = 'softmax' for kappa = 0"
        )
    if attention.activation == "bayes-softmax" and attention.head_weights not in ("mean", "sum"):
        raise ConfigurationError(
            "attention.head_weights: bayes-softmax has no head weights, they cannot be learned or "
            "given; leave the key out"
        )
    for key in ("bias", "head_weights"):
        check_per_head(getattr(attention, key), attention.heads, f"attention.{key}")


def check_per_head(values: str | Numbers | None, heads: int, path: str) -> None:
    if isinstance(values, tuple) and len(values) != heads:
        raise ConfigurationError(
            f"{path}: expected {heads} numbers, one a head (attention.heads = {heads}), "
            f"got {len(values)}"
        )


def check_initial(problem: Problem) -> None:
    initial, heads = problem.initial, problem.attention.heads
    features = problem.task.signal.features
    for key in ("bias", "head_weights"):
        values = getattr(initial, key)
        check_per_head(values, heads, f"initial.{key}")
        if values is not None and getattr(problem.attention, key) != "learned":
            raise ConfigurationError(
                f"initial.{key} is where a learned {key} starts; set attention.{key} = 'learned', "
                f"or give the numbers as attention.{key}"
            )
    if initial.kind == "random":
        for key in ("overlap", "self_overlap"):
            if getattr(initial, key) is not None:
                raise ConfigurationError(
                    f"initial.{key} is given but initial.kind = 'random'; set initial.kind = "
                    "'explicit' to start from it"
                )
        if initial.dimension < features + heads:
            raise ConfigurationError(
                f"initial.dimension = {initial.dimension} is too small; {features} features and "
                f"{heads} heads need at least {features + heads}"
            )
        return
    if initial.overlap is None:
        raise ConfigurationError("initial.overlap is missing; initial.kind = 'explicit' needs it")
    shape = (len(initial.overlap), len(initial.overlap[0]))
    if shape != (heads, features):
        raise ConfigurationError(
            f"initial.overlap: expected {heads} rows (attention.heads) of {features} numbers "
            f"(features), got {shape[0]} rows of {shape[1]}"
        )
    if initial.self_overlap is not None:
        check_positive_semidefinite(initial.self_overlap, heads, "initial.self_overlap")
        overlap = np.array(initial.overlap)
        residual = np.array(initial.self_overlap) - overlap @ overlap.T
        least = float(np.linalg.eigvalsh(residual)[0])
        if least < -1e-10 * max(1.0, float(np.abs(residual).max())):
            raise ConfigurationError(
                "initial.self_overlap: q - m mᵀ must be positive semidefinite, no head is shorter "
                f"than its overlaps; its least eigenvalue is {least:.3g}"
            )
