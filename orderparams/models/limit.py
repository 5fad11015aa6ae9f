"""The limit in which SGD follows the theory of a model, and the setting that leads there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = int | float


PARTS = 4
"""How far apart the values are that are taken by default, as a factor."""


@dataclass(frozen=True)
class Limit:
    """Which key leads to the limit, and how deviations from it fall.

    The bias is of order ``value ** power``, and the spread of replicas of order ``value **
    (power / 2)``: with the power −1 values have to be large, with 1 small. In files the values are
    an axis called ``axis``, on screens ``symbol``; ``argument`` of validate gives several. A theory
    with ``noise`` knows the noise of a finite learning rate.

    ``order`` is what the bias is of the order of, ``square`` what is left beside it; ``when`` says
    where SGD tends to the theory, ``place`` is such a place; ``nearer`` says what to do to get
    closer, ``several``, ``four`` and ``more`` what to take instead, ``also`` what helps besides;
    ``default`` is what is taken beside the configuration's own value.
    """

    key: str
    power: int
    axis: str
    long_name: str
    symbol: str
    argument: str
    noise: bool
    order: str
    square: str
    when: str
    place: str
    nearer: str
    several: str
    four: str
    more: str
    also: str
    default: str

    @property
    def section(self) -> str:
        """The table of the key."""
        return self.key.partition(".")[0]

    @property
    def name(self) -> str:
        """The key in its table."""
        return self.key.partition(".")[2]

    def size(self, value: Value) -> Value:
        """A number n with a bias of order 1/n; steps over a given time are proportional to it."""
        return value if self.power == -1 else 1 / value

    def approached(self, values: Iterable[Value]) -> list[Value]:
        """Different values, the one nearest to the limit last."""
        return sorted(set(values), key=self.size)

    def nearest(self, values: Iterable[Value]) -> Value:
        """The value nearest to the limit."""
        return self.approached(values)[-1]

    def coarser(self, value: Value) -> Value:
        """A value with about a quarter of the steps."""
        return max(1, int(value) // PARTS) if self.power == -1 else PARTS * value

    def at(self, *values: Value) -> str:
        """Values in words, such as D = 250, 1000."""
        return f"{self.symbol} = {', '.join(map(str, values))}"

    def extrapolated(self, coarse: Value, fine: Value) -> str:
        """How the bias was taken out of two simulations, in words."""
        symbol = "" if self.order == self.symbol else f"{self.symbol} = "
        return f"extrapolated in {self.order} from {symbol}{coarse} and {fine}"

    @property
    def plural(self) -> str:
        """Values in words, such as learning rates."""
        return self.argument.replace("_", " ")

    @property
    def fall(self) -> str:
        """How the spread falls in words."""
        return f"{self.symbol}^({'-' * (self.power < 0)}1/2)"


LARGE_DIMENSION = Limit(
    key="simulation.dimension",
    power=-1,
    axis="dimension",
    long_name="embedding dimension D",
    symbol="D",
    argument="dimensions",
    noise=True,
    order="1/D",
    square="1/D^2",
    when="in large dimensions, at any learning rate",
    place="a large dimension",
    nearer="raise simulation.dimension",
    several="dimensions several times as large, or lower training.learning_rate",
    four="dimensions four times as large, or lower training.learning_rate",
    more="a larger simulation.dimension",
    also=" or training.duration, or lower training.learning_rate",
    default="a quarter of simulation.dimension",
)
"""Vectors in R^D, whose overlaps do not fluctuate for D → ∞."""

SMALL_STEPS = Limit(
    key="training.learning_rate",
    power=1,
    axis="learning_rate",
    long_name="learning rate of SGD",
    symbol="learning_rate",
    argument="learning_rates",
    noise=False,
    order="learning_rate",
    square="learning_rate^2",
    when="at small learning rates, in any dimension",
    place="a small learning rate",
    nearer="lower training.learning_rate",
    several="learning rates several times as small",
    four="learning rates four times as small",
    more="a smaller training.learning_rate",
    also=", or raise training.duration",
    default="four times training.learning_rate",
)
"""A few numbers that learn: they fluctuate in any dimension, and less the smaller the steps."""
