"""Which engine serves keys and values of a function of a logit other than the exponential.

                        linear          erf             softplus        others without closed forms
on the manifold         closed forms    closed forms    quadrature      sampling
elsewhere, and tied     closed forms    closed forms    sampling        sampling
V                       closed form     logits sampled  sampling        sampling
"""

from __future__ import annotations

from orderparams.errors import ConfigurationError
from orderparams.models.single_location.activations.linear import Linear
from orderparams.models.single_location.engines import Engine
from orderparams.models.single_location.engines.auto import Combined
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.setup import Setup
from orderparams.models.single_location.values.curved import CurvedValueSampling
from orderparams.models.single_location.values.elementwise import ElementwiseValues
from orderparams.models.single_location.values.elementwise_noise import ElementwiseNoise
from orderparams.models.single_location.values.engine import Tied
from orderparams.models.single_location.values.heads import Names
from orderparams.models.single_location.values.manifold import ManifoldQuadrature, Reflected


def make_curved_engine(problem: Problem, setup: Setup, names: Names) -> Engine:
    """The engine that ``expectation.engine`` asks for, in the system of equations of ``names``.

    :class:`ConfigurationError` if quadrature is asked for where it cannot serve.
    """
    settings, activation, task = problem.expectation, setup.activation, setup.task
    kind, manifold = settings.engine, names.system == "manifold"
    noisy = problem.training.rule == "sgd" and not isinstance(activation.curve, Linear)
    closed = hasattr(activation.curve, "derivatives")
    exact = closed or (manifold and not activation.elementwise)
    if kind == "quadrature" and (noisy or not exact):
        what = "of V, which training.rule = 'sgd' needs" if exact else f"for {activation.name}"
        mixed = " and keys and values have overlaps" * (names.system == "full" and not exact)
        raise ConfigurationError(
            f"expectation.engine = 'quadrature' has no rule {what} where attention.value = "
            f"{problem.attention.value!r}{mixed}; use 'auto' (sampling for what has no "
            "quadrature) or 'sampling'"
        )

    def sampling(covariance: bool) -> CurvedValueSampling:
        return CurvedValueSampling(
            task, activation, names.heads, samples=settings.samples, seed=settings.seed,
            covariance=covariance,
        )  # fmt: skip

    def of_logits() -> ElementwiseNoise:
        samples = settings.samples // 4  # a token's are worth as much as four of a sequence's
        return ElementwiseNoise(task, activation, names.heads, samples=samples, seed=settings.seed)

    engine: Engine
    if kind == "sampling" or not exact:
        engine = sampling(problem.training.rule == "sgd")
    else:
        engine = (
            ElementwiseValues(task, activation, names.heads)
            if closed
            else ManifoldQuadrature(task, activation, names.heads, settings.tolerance)
        )
        tilted = hasattr(activation.curve, "tilted")
        if noisy:
            engine = Combined(engine, of_logits() if tilted else sampling(True))
    if manifold:
        return Reflected(engine, names.heads)
    return Tied(engine) if names.system == "tied" else engine
