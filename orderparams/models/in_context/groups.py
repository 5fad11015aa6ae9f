"""Heads that attend alike, and heads that hardly attend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DUMMY = 0.1
"""Length of √d ω, in parts of the longest, up to which a head averages the labels."""

ALIKE = 0.9
"""Least cosine of two heads of a group, and of a group and its opposite."""


@dataclass(frozen=True)
class Group:
    """Heads whose ω point the same way: their numbers from 0, and the group that points the
    opposite way, by its number from 0, or None."""

    heads: tuple[int, ...]
    opposite: int | None


def directions(scaled: Array) -> Array:
    """Unit vectors (H, B) of √d ω (H, B); zero of dummy heads."""
    sizes = np.linalg.norm(scaled, axis=1, keepdims=True)
    awake = sizes > DUMMY * sizes.max(initial=0.0)
    found: Array = np.divide(scaled, sizes, out=np.zeros_like(scaled), where=awake)
    return found


def groups_of(scaled: Array) -> tuple[tuple[Group, ...], tuple[int, ...]]:
    """Groups of heads at √d ω (H, B), the largest first, and the dummy heads."""
    units = directions(scaled)
    members: list[list[int]] = []
    for head in np.flatnonzero(units.any(axis=1)).tolist():
        for group in members:
            if (units[group] @ units[head] > ALIKE).all():
                group.append(head)
                break
        else:
            members.append([head])
    members.sort(key=lambda group: (-len(group), group))
    means = np.array([units[group].mean(axis=0) for group in members]).reshape(len(members), -1)
    cosines = means @ means.T
    found = []
    for row, group in enumerate(members):
        other = int(cosines[row].argmin())
        found.append(Group(tuple(group), other if cosines[row, other] < -ALIKE else None))
    return tuple(found), tuple(np.flatnonzero(~units.any(axis=1)).tolist())


def spread(sizes: Array) -> float:
    """(largest − smallest) / mean."""
    return float(np.ptp(sizes) / sizes.mean())


def of_one_sign(groups: tuple[Group, ...]) -> bool:
    """Whether all heads that attend do it alike, and none is opposite."""
    return len(groups) == 1
