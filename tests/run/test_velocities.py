"""Innovations of SGD with momentum, however few steps an interval has.

Oracles: the program's SGD, which knows nothing of fluctuations; a walk with memory, step by step.
"""

import numpy as np
import pytest

import orderparams as op
from orderparams.models.interface import Memory
from orderparams.run.altered import with_fluctuations
from orderparams.run.innovations import sizes
from orderparams.run.restarts import Restarts
from orderparams.run.velocities import Remembered
from orderparams.run.whitening import Measured, between

PRESET, REPLICAS, INTERVALS = "finite-learning-rate", 40, 4


def measured(share, steps, dimension, batch=1, after=0):
    """Replicas of γ_e = 5 in intervals of so many steps, some intervals ``after`` the start."""
    ends = np.arange(after + INTERVALS + 1)
    settings = {
        "training.learning_rate": 5 * (1 - share),
        "training.momentum": share,
        "training.batch_size": batch,
        "training.duration": float(ends[-1] * steps * 5 / dimension),
        "output.points": len(ends),
        "simulation.dimension": dimension,
        "simulation.replicas": REPLICAS,
    }
    run = op.simulate(PRESET, settings=settings, risks=False)
    assert set(np.diff(run.records.step)) == {steps}
    restarts = Restarts(with_fluctuations(run.problem), run.end(0), 1.0, lambda t: None)
    known = {name: values[:, after:] for name, values in run.parameters.items()}
    x = restarts.packed(known)
    return restarts, Measured(dimension, run.time[after:], known, x, sizes(x, restarts.labels))


@pytest.mark.parametrize(
    ("share", "steps", "given"),
    [
        (0.9, 5, {"dimension": 16000}),
        (0.9, 20, {"dimension": 4000, "after": 2}),
        (-0.6, 5, {"dimension": 4000, "batch": 4}),
    ],
)
def test_innovations_of_few_steps_are_independent(share, steps, given):
    """From rest, and from where nothing was measured before; neighbours are not correlated."""
    found = between(*measured(share, steps, **given))
    white = np.stack([one.innovation for one in found], axis=1)
    assert np.abs(np.square(white).mean((0, 2)) - 1).max() < 4 * np.sqrt(2 / white[:, 0].size)
    assert np.abs(np.square(white).mean((0, 1)) - 1).max() < 4 * np.sqrt(2 / white[..., 0].size)
    pairs = (white[:, 1:] * white[:, :-1]).mean((0, 1))
    assert np.abs(pairs).max() < 4 / np.sqrt(white[:, 1:, 0].size)
    assert np.abs(white.mean(0)).max() * np.sqrt(REPLICAS) < 4


def walk(share, pushes, mean):
    """X and h (T, 3, R) of walks, z that has the pushes (T, 3, R), the parts with a mean."""
    z, h = np.zeros(pushes[:, 0].shape), np.zeros(pushes[:, 1:].shape)
    at, parts = 0.0 * pushes[0, 0], 0.0 * pushes[0, 1:]
    for t, (first, *others) in enumerate(pushes):
        at = at + first
        fades = share ** np.array([1, 2])[:, None]
        parts = fades * (parts + np.array(others) + mean[:, None])
        z[t], h[t] = at, parts
    return z - h.sum(1), h


def test_what_is_in_motion_is_known_from_what_was_measured():
    """Walks of one dimension with pushes of known covariance: whitened over 3, 2 and 4 steps, and h
    is where it is said to be."""
    generator, share, replicas, dimension = np.random.default_rng(3), 0.8, 2000, 50.0
    factor = np.array([[1.0, 0, 0], [1.4, 0.3, 0], [-0.3, -0.2, 0.2]])
    mean, one = np.array([3.0, -1.0]), np.eye(1)
    pushes = np.einsum("kl,tlr->tkr", factor, generator.normal(size=(9, 3, replicas)))
    x, h = walk(share, pushes / dimension, mean / dimension)
    covariance = (factor @ factor.T)[:, :, None, None]
    memory = Memory(share, mean[:, None], covariance)
    ahead = (mean * share ** np.array([1, 2]) / (1 - share ** np.array([1, 2]))).sum() / dimension
    found, before, start = [], [None] * replicas, 0
    for steps in (3, 2, 4):
        length, end = steps / dimension, start + steps
        interval = Remembered(
            one, one, memory, memory, length, start == 0, length * covariance[0, 0]
        )
        # z begins as far ahead as it ends, but for the first time, when it is not
        far = x[end - 1] - x[start - 1] if start else x[end - 1] + ahead
        known = [h or interval.at_start(1, dimension) for h in before]
        through = [
            interval.through(h, np.array([[own]]), 0 * one, dimension)
            for h, own in zip(known, far, strict=True)
        ]
        found.append(
            [np.sqrt(dimension / spread[0, 0]) * left[0, 0] for left, spread, _ in through]
        )
        before, start = [one[2] for one in through], end
        off = h[end - 1] - np.array([one.mean[0] for one in before]).T
        told = before[0].covariance
        np.testing.assert_allclose(dimension * np.cov(off), told, atol=0.1 * np.trace(told))
        assert np.abs(off.mean(1)).max() < 4 * off.std() / np.sqrt(replicas)
    np.testing.assert_allclose(np.cov(found), np.eye(3), atol=4 * np.sqrt(2 / replicas))
    assert np.abs(np.mean(found, axis=1)).max() < 4 / np.sqrt(replicas)
