"""The keys of the task of single-location regression: its signal, its length, its target."""

from __future__ import annotations

from dataclasses import dataclass

from orderparams.config import sections
from orderparams.config.sections import UNKNOWN, Section, option
from orderparams.config.values import (
    Matrix,
    Numbers,
    choice,
    integer,
    matrix,
    number,
    numbers,
    sequence,
    weights,
)

MAX_LENGTH = 1_000_000
MAX_COMPONENTS = 4096

AMPLITUDE = "standard deviation of a token's noise"
SQUARED = "variance of a token's noise"
"""Units of θ and of its square: the noise of a token has variance 1 in every direction."""

token_count = integer(2, MAX_LENGTH)


@dataclass(frozen=True)
class LengthLaw:
    """A law on the number L of tokens: ``{ values = [2, 4, 8], weights = [1, 1, 2] }``."""

    values: tuple[int, ...] = option(
        sequence(token_count, "list of lengths"),
        meaning="lengths that a sequence can have",
        unit="tokens",
        within="each once",
        example="values = [2, 4, 8]",
    )
    weights: Numbers | None = option(
        weights,
        None,
        meaning="how often each length comes",
        unit="their sum",
        within="one a length",
        left_out="all equal",
    )


@dataclass(frozen=True)
class ComponentConfig:
    """One Gaussian of a mixture; without variances or covariance, a point."""

    mean: Numbers = option(
        numbers,
        meaning="mean of the amplitudes θ",
        unit=AMPLITUDE,
        within="one a direction",
        example="mean = [1.5, 0.2]",
    )
    weight: float = option(
        number(low=0.0), 1.0, meaning="how often this Gaussian comes", unit="sum of the weights"
    )
    variances: Numbers | None = option(
        sequence(number(low=0.0), "list of variances"),
        None,
        meaning="variances of the amplitudes θ",
        unit=SQUARED,
        within="one a direction",
        left_out="0",
    )
    covariance: Matrix | None = option(
        matrix,
        None,
        meaning="covariance of the amplitudes θ, in place of variances",
        unit=SQUARED,
        within="F rows of F, symmetric, ⪰ 0",
        left_out="0",
    )


SIGNAL_KEYS = {
    "flipped-spikes": {"strengths"},
    "spikes": {"strengths"},
    "hypercube": {"strengths", "mean"},
    "gaussian": {"mean", "variances", "covariance"},
    "mixture": {"components"},
}


@dataclass(frozen=True)
class SignalConfig:
    """P_θ, the law of the signal (theory 1). F is the length of the lists."""

    kind: str = option(
        choice(*SIGNAL_KEYS),
        meaning="shape of the law of the signal; it decides which other keys are allowed",
        example='kind = "spikes"',
    )
    mean: Numbers | None = option(
        numbers,
        None,
        meaning="mean of the amplitudes θ, of a hypercube or a Gaussian",
        unit=AMPLITUDE,
        within="one a direction",
        left_out="0",
    )
    strengths: Numbers | None = option(
        sequence(number(low=0.0), "list of strengths ν ≥ 0"),
        None,
        meaning="strengths of the directions, of spikes and a hypercube; θ is ±√ν",
        unit=SQUARED,
        within="one a direction",
        left_out="required by spikes, flipped-spikes and hypercube",
    )
    variances: Numbers | None = option(
        sequence(number(low=0.0), "list of variances"),
        None,
        meaning="variances of the amplitudes θ of a Gaussian",
        unit=SQUARED,
        within="one a direction",
        left_out="required by gaussian, or covariance",
    )
    covariance: Matrix | None = option(
        matrix,
        None,
        meaning="covariance of the amplitudes θ of a Gaussian",
        unit=SQUARED,
        within="F rows of F, symmetric, ⪰ 0",
        left_out="required by gaussian, or variances",
    )
    components: tuple[ComponentConfig, ...] | None = option(
        sequence(Section(ComponentConfig), "list of components"),
        None,
        meaning="the Gaussians of a mixture",
        within=f"at most {MAX_COMPONENTS}",
        left_out="required by mixture",
    )

    @property
    def features(self) -> int:
        """Number F of signal directions; Unknown where no list says it."""
        if self.components:
            return len(self.components[0].mean)
        lists = (self.strengths, self.variances, self.covariance, self.mean)
        return next((len(given) for given in lists if given is not None), UNKNOWN)

    @property
    def count(self) -> int:
        """Number C of components of the law that have a weight."""
        if self.components:
            return sum(component.weight > 0 for component in self.components)
        if self.kind == "hypercube":
            return 1 << sum(strength > 0 for strength in self.strengths or ())
        return {"spikes": 1, "flipped-spikes": 2}.get(self.kind, 0) * self.features or 1


EXAMPLE = 'a table [task.signal] with kind = "spikes" and strengths = [4, 1]'
"""The least that a configuration must have."""


@dataclass(frozen=True)
class TaskConfig:
    """Single-location regression (theory 1)."""

    signal: SignalConfig = option(
        Section(SignalConfig),
        meaning="the law P_θ of the signal in F hidden directions",
        example=EXAMPLE,
        remedy="presets",
    )
    length: int | LengthLaw = option(
        Section(LengthLaw, otherwise=token_count),
        4,
        meaning="number of tokens of a sequence, or a law on it",
        unit="tokens",
        within="or { values = [2, 4, 8], weights = [1, 1, 2] }",
    )
    target: str = option(
        choice("token", "scalar"),
        "token",
        meaning="what is predicted: the token with the signal, or a projection of it",
    )
    noise: float = option(
        number(low=0.0),
        0.0,
        meaning=sections.NO_NOISE,
        unit="standard deviation of the scalar target without it",
        within="positive only for the scalar target",
    )
    signal_noise: float = option(
        number(low=0.0, high=100.0, above=True),
        1.0,
        meaning="noise γ_s of the token with the signal, in all directions",
        unit=AMPLITUDE,
        later=True,
    )
    feature_correlation: Matrix | None = option(
        matrix,
        None,
        meaning="how the hidden directions lie to each other; overlaps are those with them",
        unit="T = k*_f·k*_g / D",
        within="F rows of F, symmetric, ≻ 0, ones on the diagonal",
        left_out="orthogonal",
        later=True,
    )
