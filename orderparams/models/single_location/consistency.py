"""What keys of single-location regression must satisfy together: shapes, covariances, starts."""

from __future__ import annotations

from collections.abc import Iterator

from orderparams.config.matrices import (
    DEPENDENT,
    Found,
    array,
    check_positive_semidefinite,
    least_eigenvalue,
)
from orderparams.config.values import Matrix, Numbers
from orderparams.config.words import counted
from orderparams.errors import ConfigurationError
from orderparams.models.single_location.activations.table import TABLE
from orderparams.models.single_location.sections import AttentionConfig, InitialConfig, Problem
from orderparams.models.single_location.shared.consistency import shared_contradictions
from orderparams.models.single_location.task_sections import (
    MAX_COMPONENTS,
    SIGNAL_KEYS,
    ComponentConfig,
    LengthLaw,
    SignalConfig,
    TaskConfig,
)
from orderparams.models.single_location.values.consistency import value_contradictions
from orderparams.models.vectors import learning
from orderparams.models.vectors.fluctuations.consistency import check_fluctuations
from orderparams.models.vectors.starts import Learners, check_explicit, check_no_overlaps


def contradictions(problem: Problem) -> Iterator[Found]:
    """Every check that involves more than one key."""
    task, attention, initial = problem.task, problem.attention, problem.initial
    yield check_signal(task)
    yield check_hypercube(task)
    yield check_length(task)
    yield check_noise(task)
    yield check_correlation(task)
    yield check_kappa(attention)
    yield check_bias(attention)
    yield check_line(attention)
    yield check_head_weights(attention)
    yield check_importance(problem)
    yield check_per_head(attention, initial, "importance", "initial")
    for key in ("bias", "head_weights", "slope", "intercept"):
        yield check_per_head(attention, attention, key, "attention")
        yield check_per_head(attention, initial, key, "initial")
        yield check_learned(attention, initial, key)
    yield from learning.contradictions(problem.training, learners_of(problem))
    yield check_random(problem)
    yield check_overlaps(problem)
    yield value_contradictions(problem)
    yield shared_contradictions(problem)
    yield check_fluctuations(problem)


def learners_of(problem: Problem) -> Learners:
    """The vectors that learn: heads, or the bases that they share."""
    attention, sharing = problem.attention, problem.attention.sharing
    beside = learned_beside(attention)
    if sharing is None:
        return Learners(attention.heads, "head", "attention.heads", problem.initial, beside=beside)
    return Learners(
        sharing.bases, "base", "attention.shared.bases", problem.initial, "base_", beside
    )


def learned_beside(attention: AttentionConfig) -> tuple[str, ...]:
    """What else is learned than a key a head, with its value."""
    keys = ("bias", "head_weights", "slope", "intercept", "value", "keys")
    values = {key: getattr(attention, key) for key in keys}
    learned = ("learned", "importance", "tied", "shared")
    return tuple(
        f"attention.{key} = {value!r}"
        for key, value in values.items()
        if isinstance(value, str) and value in learned
    )


def check_signal(task: TaskConfig) -> Found:
    signal = task.signal
    allowed = SIGNAL_KEYS[signal.kind]
    given = {key for key, value in vars(signal).items() if value is not None} - {"kind"}
    for key in sorted(given - allowed):
        yield ConfigurationError(
            f"task.signal.{key} has no meaning for kind = {signal.kind!r}, which takes "
            f"{' and '.join(sorted(allowed))}",
            "signal",
        )
    if given - allowed:
        return
    for key, example in (("strengths", "[4, 1]"), ("components", "[{ mean = [1.5, 0.2] }]")):
        if key in allowed and key not in given:
            yield ConfigurationError(
                f"task.signal.{key} is missing; kind = {signal.kind!r} needs it, such as "
                f"{key} = {example}"
            )
            return
    if signal.kind == "mixture":
        yield from check_components(signal.components or ())
        return
    if signal.kind == "gaussian":
        unclear = list(check_one_spread(signal.variances, signal.covariance, "task.signal"))
        yield from unclear
        if unclear:
            return
    yield from check_lengths(signal, "task.signal", signal.features)


def check_hypercube(task: TaskConfig) -> Found:
    if task.signal.kind == "hypercube":
        signs = 2 ** sum(strength > 0 for strength in task.signal.strengths or ())
        if signs > MAX_COMPONENTS:
            yield ConfigurationError(
                f"task.signal.strengths: a hypercube with {signs} corners is too large; at most "
                f"{MAX_COMPONENTS} (12 directions with positive strength)"
            )


def check_one_spread(variances: Numbers | None, covariance: Matrix | None, path: str) -> Found:
    if (variances is None) == (covariance is None):
        yield ConfigurationError(f"{path}: give either variances or covariance, and not both")


def check_lengths(lists: SignalConfig | ComponentConfig, path: str, features: int) -> Found:
    for key in ("mean", "strengths", "variances", "covariance"):
        given = getattr(lists, key, None)
        if given is not None and len(given) != features:
            yield ConfigurationError(
                f"{path}.{key} has length {len(given)} where the signal has "
                f"{counted(features, 'feature')}; the lists must have the same length"
            )
    if lists.covariance is not None and len(lists.covariance) == features:
        yield from check_positive_semidefinite(lists.covariance, features, f"{path}.covariance")


def check_components(components: tuple[ComponentConfig, ...]) -> Found:
    if len(components) > MAX_COMPONENTS:
        yield ConfigurationError(f"task.signal.components: at most {MAX_COMPONENTS} are allowed")
        return
    if sum(component.weight for component in components) <= 0:
        yield ConfigurationError(
            "task.signal.components: the weights sum to zero; at least one must be positive"
        )
    for i, component in enumerate(components):
        path = f"task.signal.components[{i}]"
        if component.variances is not None:
            yield from check_one_spread(component.variances, component.covariance, path)
        yield from check_lengths(component, path, len(components[0].mean))


def check_length(task: TaskConfig) -> Found:
    law = task.length
    if isinstance(law, LengthLaw):
        if law.weights is not None and len(law.weights) != len(law.values):
            yield ConfigurationError(
                f"task.length: {counted(len(law.values), 'value')} but "
                f"{counted(len(law.weights), 'weight')}"
            )
        if len(set(law.values)) != len(law.values):
            yield ConfigurationError("task.length.values: a length stands twice; add its weights")


def check_noise(task: TaskConfig) -> Found:
    if task.noise > 0 and task.target == "token":
        yield ConfigurationError(
            "task.noise is the label noise of the scalar target; set task.target = 'scalar' or "
            "task.noise = 0"
        )


def check_correlation(task: TaskConfig) -> Found:
    """Directions of length √D that are linearly independent."""
    rows, features = task.feature_correlation, task.signal.features
    if rows is None:
        return
    key, unfit = "task.feature_correlation", list[ConfigurationError]()
    unfit += check_positive_semidefinite(rows, features, key)
    yield from unfit
    if unfit:
        return
    lengths = [rows[f][f] for f in range(features)]
    if any(abs(length - 1.0) > 1e-12 for length in lengths):
        yield ConfigurationError(
            f"{key}: the diagonal must be 1, hidden directions have |k*_f|² = D; it is "
            f"{', '.join(f'{length:g}' for length in lengths)}. Scale task.signal instead"
        )
    elif (least := least_eigenvalue(array(rows))) < DEPENDENT:
        yield ConfigurationError(
            f"{key}: the directions must be linearly independent, and the least eigenvalue is "
            f"{least:.3g}, below {DEPENDENT:g}; take the dependent direction out of task.signal"
        )


def check_kappa(attention: AttentionConfig) -> Found:
    kappa = attention.kappa or 0.0
    if TABLE[attention.activation].elementwise and kappa > 0:
        yield ConfigurationError(
            f"attention.kappa is a part of the normaliser, which {attention.activation} has not; "
            "leave it out"
        )
    if attention.activation == "softmax" and kappa > 0:
        yield ConfigurationError(
            "attention.kappa is zero for softmax; use attention.activation = 'softmax-1' for "
            "kappa > 0"
        )
    if attention.activation == "softmax-1" and kappa == 0:
        yield ConfigurationError(
            "attention.kappa is positive for softmax-1; set it, such as attention.kappa = 1, or "
            "use attention.activation = 'softmax' for kappa = 0"
        )


def check_bias(attention: AttentionConfig) -> Found:
    """Biases that an activation has no place for."""
    activation, bias = attention.activation, attention.bias
    facts = TABLE[activation]
    if not facts.biased and bias != "none":
        yield ConfigurationError(
            f"attention.bias: {activation} has no bias, its intercept is all that a bias could be; "
            "use attention.intercept, and leave the bias out"
        )
    elif facts.module and bias == "norm":
        yield ConfigurationError(
            "attention.bias = 'norm' keeps the mean of exp(logit) of a noise token at one, which "
            f"has no meaning for {activation}; use 'none', 'learned' or numbers"
        )


def check_line(attention: AttentionConfig) -> Found:
    """Slopes and intercepts where there are none."""
    activation = attention.activation
    for key in ("slope", "intercept"):
        if getattr(attention, key) is not None and key not in TABLE[activation].defaults:
            having = [name for name, facts in TABLE.items() if key in facts.defaults]
            instead = "; scale the head weights" if TABLE[activation].elementwise else ""
            yield ConfigurationError(
                f"attention.{key}: {activation} has none, only {' and '.join(having)}; leave it "
                f"out{instead}"
            )


def check_head_weights(attention: AttentionConfig) -> Found:
    if attention.activation == "bayes-softmax" and attention.head_weights not in ("mean", "sum"):
        yield ConfigurationError(
            "attention.head_weights: bayes-softmax has no head weights, they cannot be learned or "
            "given; leave the key out"
        )


def check_importance(problem: Problem) -> Found:
    """Keys that only importances have, and one for each head."""
    attention, initial, training = problem.attention, problem.initial, problem.training
    if attention.head_weights != "importance":
        keys = {
            "attention.importance_total": attention.importance_total is not None,
            "initial.importance": initial.importance is not None,
            "training.importance_penalty": training.importance_penalty != 0,
        }
        for key in (key for key, given in keys.items() if given):
            yield ConfigurationError(
                f"{key}: only importances have it; set attention.head_weights = 'importance', or "
                "leave it out"
            )


def check_per_head(
    attention: AttentionConfig, section: AttentionConfig | InitialConfig, key: str, name: str
) -> Found:
    values = getattr(section, key)
    if isinstance(values, tuple) and len(values) != attention.heads:
        yield ConfigurationError(
            f"{name}.{key}: expected {counted(attention.heads, 'number')}, one a head "
            f"(attention.heads = {attention.heads}), got {len(values)}"
        )


def check_learned(attention: AttentionConfig, initial: InitialConfig, key: str) -> Found:
    if getattr(initial, key) is not None and getattr(attention, key) != "learned":
        yield ConfigurationError(
            f"initial.{key} is where a learned {key} starts; set attention.{key} = 'learned', "
            f"or give the numbers as attention.{key}"
        )


def check_random(problem: Problem) -> Found:
    initial, value = problem.initial, problem.attention.value
    if initial.kind != "random":
        return
    learners, features = learners_of(problem), problem.task.signal.features
    yield from check_no_overlaps(initial, learners.prefix)
    values = learners.count if value == "learned" else 0
    least = features + (value != "known") + learners.count + values
    if initial.dimension < least:
        words = [
            counted(features, "feature"),
            *["v*"] * (value != "known"),
            counted(learners.count, "key" if values else learners.word),
            *[counted(values, "value")] * bool(values),
        ]
        yield ConfigurationError(
            f"initial.dimension = {initial.dimension} is too small; {', '.join(words[:-1])} and "
            f"{words[-1]} need at least {least}"
        )


def check_overlaps(problem: Problem) -> Found:
    features, correlation = problem.task.signal.features, problem.task.feature_correlation
    learners = learners_of(problem)
    yield from check_explicit(learners, features, "feature", "features", correlation)
