"""The keys of shared keys: how many bases there are, and how heads mix them."""

from __future__ import annotations

from dataclasses import dataclass

from orderparams.config.sections import option, seed
from orderparams.config.values import Matrix, boolean, integer, matrix

MAX_BASES = 256


@dataclass(frozen=True)
class SharedConfig:
    """Base keys, of which the keys of heads are mixtures."""

    bases: int = option(
        integer(1, MAX_BASES),
        2,
        meaning="number of base keys, of which the keys of all heads are mixtures",
        unit="base keys",
        within="fewer than heads",
    )
    mixing: Matrix | None = option(
        matrix,
        None,
        meaning="shares of the base keys in the key of each head, or where they start",
        unit="1",
        within="H rows of J; no row of zeros",
        left_out="normal numbers of variance 1/J, by seed",
    )
    learned: bool = option(boolean, False, meaning="whether the mixing is learned")
    seed: int = option(seed, 0, meaning="seed of a mixing that is not given")
