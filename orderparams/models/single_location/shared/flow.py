"""The flow of shared keys: bases that learn what heads ask of them.

With 𝒥 = [P 0] + 2ΓK the gradient of the risk by keys K = C T if they were free (theory 4, the norm
bias differentiated through), bases and a learned mixing have

    dT/dt = −Cᵀ𝒥 − λT,    dC/dt = −η_C 𝒥Tᵀ,

and SGD the noise (γ/B) CᵀVC in dS/dt of the bases: the flow of
:mod:`orderparams.models.vectors.flow` with CᵀP, CᵀΓC and CᵀVC for P, Γ and V.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.interface import Evaluation, State
from orderparams.models.single_location.flow import Flow
from orderparams.models.single_location.setup import Heads, Setup
from orderparams.models.single_location.shared.bases import BaseKeys
from orderparams.models.vectors.flow import Gradient, Parts
from orderparams.models.vectors.geometry import Vectors, equal_vectors, residual_factor

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pulled(Gradient):
    """The gradient by bases and mixing, and that by ``free`` keys from which it is made."""

    free: Gradient | None = None


def pulled(bases: BaseKeys, free: Gradient) -> Pulled:
    """The gradient by bases and mixing, from that by keys that were free."""
    mixing, gamma, noise = bases.mixing, free.self_overlap, free.covariance
    by_mixing = free.overlap @ bases.overlap.T + 2 * gamma @ mixing @ bases.self_overlap
    return Pulled(
        free.risk,
        mixing.T @ free.overlap,
        mixing.T @ gamma @ mixing,
        {**free.numbers, "mixing": by_mixing},
        None if noise is None else mixing.T @ noise @ mixing,
        free.error,
        free.covariance_error,
        free.engine,
        free,
    )


class SharedFlow(Flow):
    """The flow of H heads that mix J bases, and F features."""

    start: BaseKeys

    def scales_of(self, setup: Setup) -> State:
        """As of free keys."""
        return {**super().scales_of(setup), "mixing": np.ones_like(setup.start.numbers["mixing"])}

    def layer(self, vectors: Vectors) -> Heads:
        """The heads that bases make."""
        assert isinstance(vectors, BaseKeys)
        return vectors.heads

    def grouped(self, start: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every base by itself; heads with equal rows of C, which stay equal, are found here."""
        assert isinstance(start, BaseKeys)
        own = {name: values for name, values in start.numbers.items() if name != "mixing"}
        self._distinct = equal_vectors(Vectors(start.mixing, np.zeros((len(start.mixing), 0)), own))
        each = np.arange(start.count)
        return each, each

    def entries(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers are those of heads."""
        return self._distinct

    def dressed(self, overlap: Array, residual: Array, numbers: Mapping[str, Array]) -> BaseKeys:
        """Bases of these parts; the norm bias follows from the keys that they make."""
        plain = super().dressed(overlap, residual, numbers)
        known = {**numbers, "head_weight": plain.head_weights}
        if self.norm_bias:
            keys = numbers["mixing"] @ np.hstack([overlap, residual])
            known["bias"] = -0.5 * (keys**2).sum(1)
        return BaseKeys(overlap, residual, known)

    def altered(self, vectors: Vectors, numbers: Mapping[str, Array]) -> BaseKeys:
        """The same bases with other numbers, head weights that are no importances any more."""
        return BaseKeys(vectors.overlap, vectors.residual, {**vectors.numbers, **numbers})

    def resized(self, vectors: Vectors) -> Vectors | None:
        """The same if heads and bases are as many."""
        alike = vectors.numbers["mixing"].shape == self.start.mixing.shape
        return vectors if alike else None

    def state(self, y: Array) -> State:
        """The order parameters of heads and of bases, and the numbers that are learned."""
        bases = self.vectors(y)
        assert isinstance(bases, BaseKeys)
        learned = {name: self.shown(bases.numbers)[name] for name in self.rule.rates}
        names = ("overlap", "self_overlap", "base_overlap", "base_self_overlap")
        return {**{name: bases.state[name] for name in names}, **learned}

    def of_bases(self, state: State) -> State:
        """A state whose overlaps are those of the bases."""
        own = {name: state[f"base_{name}"] for name in ("overlap", "self_overlap")}
        return {**state, **own}

    def vectors_at(self, state: State) -> Vectors:
        """Bases with given order parameters; numbers that it does not have are as at the start."""
        return super().vectors_at(self.of_bases(state))

    def point(self, state: State) -> Array:
        """y of given order parameters; of all residuals W the symmetric one."""
        own = self.of_bases(state)
        bases, square = self.vectors_at(state), own["self_overlap"]
        residual = square - bases.overlap @ bases.overlap.T
        if not self.rule.stochastic:
            residual = residual_factor(residual)
        return self.pack(bases.overlap, residual, bases.numbers)

    def _expectations(self, vectors: Vectors, covariance: bool) -> Gradient:
        assert isinstance(vectors, BaseKeys)
        return pulled(vectors, super()._expectations(vectors, covariance))

    @property
    def curved(self) -> bool:
        """Overlaps of heads are products with a mixing that is learned."""
        return "mixing" in self.rule.rates or super().curved

    def moved(self, here: Parts, change: Parts) -> State:
        """Those of heads, which follow, and of bases."""
        found = super().moved(here, change)
        mixing, overlap, q = here.numbers["mixing"], here.overlap, here.self_overlap
        motion, spread = found["overlap"], found["self_overlap"]
        turned = found.get("mixing", np.zeros_like(mixing))
        half = turned @ q @ mixing.T
        own = {
            "overlap": mixing @ motion + turned @ overlap,
            "self_overlap": mixing @ spread @ mixing.T + half + half.T,
            "base_overlap": motion,
            "base_self_overlap": spread,
        }
        return {**found, **own}

    def follows(self, name: str, index: tuple[int, ...]) -> bool:
        """Overlaps of heads are functions of those of bases."""
        return name in ("overlap", "self_overlap") or super().follows(name, index)

    def evaluate(self, y: Array) -> Evaluation:
        """Risk, gradient and velocity at y; gradient and V of heads as of free keys."""
        stochastic, state, bases = self.rule.stochastic, self.state(y), self.vectors(y)
        assert isinstance(bases, BaseKeys)
        found = self.gradient(bases, covariance=stochastic)
        assert isinstance(found, Pulled)
        assert found.free is not None
        free = found.free
        velocity = self.velocity(y, found)
        return Evaluation(
            state=state,
            risk=found.risk,
            gradient={
                "overlap": free.overlap,
                "self_overlap": free.self_overlap,
                "base_overlap": found.overlap,
                "base_self_overlap": found.self_overlap,
                **self.by_numbers(found),
            },
            velocity={name: velocity[name] for name in state},
            noise=free.covariance,
            error=found.error,
            noise_error=found.covariance_error if stochastic else None,
            engine=found.engine,
        )
