"""What configurations say of how vectors in R^D learn, whatever the model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

from orderparams.config import sections
from orderparams.config.sections import Section, option
from orderparams.config.values import Numbers, boolean, choice, integer, number, sequence

FLUCTUATIONS = "how SGD in finite dimension fluctuates around its flow"

positive = number(low=0.0, above=True)
positives = sequence(positive, "list of positive numbers")


@dataclass(frozen=True)
class ScheduleConfig:
    """How the learning rate changes, over learning_rate × steps / D."""

    kind: str = option(
        choice("constant", "inverse", "cosine", "piecewise"),
        "constant",
        meaning="how the learning rate falls: not at all, as 1 / (1 + x), as a cosine, or in jumps",
    )
    time: float | None = option(
        positive,
        None,
        meaning="when it is halved (inverse), or reaches its final value (cosine)",
        unit=sections.TIME,
        left_out="required by kind = inverse or cosine",
    )
    final: float | None = option(
        number(low=0.0, high=1.0),
        None,
        meaning="where a cosine ends",
        unit="learning_rate",
        left_out="0",
    )
    times: Numbers | None = option(
        positives,
        None,
        meaning="when it jumps",
        unit=sections.TIME,
        within="increasing",
        left_out="required by kind = piecewise",
    )
    factors: Numbers | None = option(
        positives,
        None,
        meaning="what it is from each of the times on",
        unit="learning_rate",
        within="one a time",
        left_out="required by kind = piecewise",
    )


SCHEDULE_KEYS = {
    "constant": {},
    "inverse": {"time": True},
    "cosine": {"time": True, "final": False},
    "piecewise": {"times": True, "factors": True},
}
"""The keys that each kind of schedule takes, and whether it needs them."""


def drawn_in(within: str) -> Any:
    """The dimension of a random start, ``within`` which all vectors must have room."""
    return option(
        integer(1, 10**12), 1000, meaning=sections.DRAWN, unit="components", within=within
    )


@dataclass(frozen=True)
class InitialConfig:
    """Where vectors start: drawn at random in a finite dimension, or else given by overlaps."""

    kind: str = option(choice("random", "explicit"), "random", meaning=sections.STARTS)
    variance: float = option(number(low=0.0), 0.01, meaning=sections.VARIANCE, unit="1")
    dimension: int = drawn_in("")
    seed: int = option(sections.seed, 0, meaning=sections.START_SEED)


@dataclass(frozen=True)
class RepulsionConfig:
    """A penalty for vectors that are alike."""

    kind: str = option(
        choice("cosine", "gaussian"),
        "cosine",
        meaning="penalty of pairs: their squared cosine, or a Gaussian kernel of their distance",
    )
    strength: float = option(
        number(low=0.0),
        1e-3,
        meaning="penalty of a pair that is one vector",
        unit="risk",
    )
    width: float | None = option(
        positive,
        None,
        meaning="distance over which the Gaussian kernel falls",
        unit="√D",
        left_out="1 for kind = gaussian",
    )


@dataclass(frozen=True)
class InertiaConfig:
    """A memory of O(D) steps: vectors have velocities."""

    friction: float = option(
        number(low=0.0), meaning="rate at which velocities decay", unit="1 / time", example="0.7"
    )
    gain: float = option(
        positive,
        meaning="how fast gradients drive velocities; gain = friction is gradient flow if large",
        unit="1 / time",
        example="0.5",
    )


@dataclass(frozen=True)
class FluctuationsConfig:
    """How SGD in finite dimension fluctuates around its flow (docs/fluctuations.md)."""

    enabled: bool = option(
        boolean, False, meaning="whether solve takes covariance and shift of SGD around the flow"
    )
    nodes: int = option(
        integer(64, 2**22),
        8192,
        meaning="sequences at which a step of SGD is looked at, rounded up to a power of two",
        unit="nodes",
    )
    seed: int = option(sections.seed, 0, meaning="seed of these nodes")
    points: int = option(
        integer(6, 100_000),
        41,
        meaning="states along the flow at which it is differentiated",
        unit="states",
    )
    start: str = option(
        choice("fixed", "random"),
        "fixed",
        meaning="fluctuations from one start, that of the flow, or over starts drawn at random",
    )
    bias: bool = option(
        boolean, True, meaning="whether the shift of the mean is taken too; it costs as much again"
    )

    @property
    def shifted(self) -> bool:
        """``bias``, by a name that is no order parameter's."""
        return self.bias

    @property
    def unshifted(self) -> Self:
        """The same without the shift."""
        return dataclasses.replace(self, bias=False)

    @property
    def taken(self) -> int:
        """The nodes, rounded up."""
        return 1 << (self.nodes - 1).bit_length()


@dataclass(frozen=True)
class TrainingConfig(sections.TrainingConfig):
    """The learning rule of vectors (theory 10)."""

    schedule: ScheduleConfig | None = option(
        Section(ScheduleConfig),
        None,
        meaning="how the learning rate of SGD changes; the duration is then that of its sum / D",
        left_out="constant",
    )
    momentum: float = option(
        number(low=-1.0, high=1.0, above=True, below=True),
        0.0,
        meaning="share of a step that the next one repeats; time runs faster by 1 / (1 - momentum)",
        unit="1",
        later=True,
    )

    inertia: InertiaConfig | None = option(
        Section(InertiaConfig),
        None,
        meaning="velocities with a memory of order D steps, in gradient flow too",
        left_out="none",
    )

    repulsion: RepulsionConfig | None = option(
        Section(RepulsionConfig),
        None,
        meaning="a penalty that keeps vectors apart, beside the risk",
        left_out="none",
    )

    constraint: str = option(
        choice("none", "sphere"),
        "none",
        meaning="whether vectors keep their lengths; SGD norms them after each step",
        later=True,
    )

    @property
    def penalties(self) -> tuple[str, ...]:
        """What is lowered beside the risk, in words."""
        repelled = self.repulsion is not None and self.repulsion.strength > 0
        return super().penalties + ("repulsion",) * repelled

    def unpenalised(self) -> TrainingConfig:
        """The same of the risk alone."""
        return dataclasses.replace(self, weight_decay=0.0, repulsion=None)

    @property
    def effective_rate(self) -> float:
        """γ/(1 − μ), what steps with momentum amount to."""
        return self.learning_rate / (1 - self.momentum)
