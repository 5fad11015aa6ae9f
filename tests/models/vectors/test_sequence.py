"""Oracles: the laws of theory 1, counted on 20,000 draws; false alarm 1e-3 in each test."""

from __future__ import annotations

import numpy as np
from scipy import stats
from simulation_cases import SIGNAL, SOFTMAX

from orderparams.models.single_location.sgd import build_model, draw
from orderparams.models.single_location.task import Task

DRAWS = 20_000


def draws(task: Task):
    """Lengths (n,), hidden positions (n,) and signals (n, F)."""
    model, generator = build_model(task, SOFTMAX), np.random.default_rng(4)
    shifts = np.empty((DRAWS, model.sizes.directions, model.sizes.longest))
    places = np.array([draw(model, generator, shift) for shift in shifts])
    signals = np.take_along_axis(shifts, places[:, 1][:, None, None], 2)[..., 0]
    assert ((shifts != 0).sum(2) <= 1).all()
    return places[:, 0], places[:, 1], signals


def test_lengths_and_positions_have_their_law():
    """χ² of the counts of all pairs: weight of the length, uniform position."""
    task = Task(np.array([2, 5, 3]), np.array([0.2, 0.5, 0.3]), SIGNAL)
    lengths, positions, _ = draws(task)
    expected, counts = [], []
    for length, weight in zip(task.lengths, task.length_weights, strict=True):
        for position in range(length):
            expected.append(DRAWS * weight / length)
            counts.append(np.sum((lengths == length) & (positions == position)))
    assert sum(counts) == DRAWS
    assert stats.chisquare(counts, expected).pvalue > 1e-3


def test_signals_have_the_mean_and_second_moment_of_the_mixture():
    """z-scores of the entries, Bonferroni."""
    theta = draws(Task(np.array([2]), np.ones(1), SIGNAL))[2]
    squares = (theta[:, :, None] * theta[:, None, :]).reshape(DRAWS, -1)
    sample = np.concatenate([theta, squares], axis=1)
    exact = np.concatenate([SIGNAL.mean, SIGNAL.second_moment.ravel()])
    pvalues = stats.ttest_1samp(sample, exact).pvalue
    assert pvalues.min() * pvalues.size > 1e-3
