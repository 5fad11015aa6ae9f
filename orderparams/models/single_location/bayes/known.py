"""The Bayes risk of a configured task, computed once."""

from __future__ import annotations

import functools

import numpy as np

from orderparams.models.single_location.bayes.risk import BayesRisk, bayes_risk
from orderparams.models.single_location.parameters import REFERENCES
from orderparams.models.single_location.setup import build_task
from orderparams.models.single_location.task_sections import TaskConfig


def known_as(task: TaskConfig) -> str:
    """Which of the risks to compare with it is."""
    bayes, projected = REFERENCES
    return bayes if task.signal_noise == 1.0 else projected


@functools.lru_cache(maxsize=64)
def known_bayes_risk(task: TaskConfig) -> BayesRisk:
    """Bayes risk of a configured task (theory 5c), or the least risk by projections, and its error.

    Both are NaN where it takes more memory than there is: all else can be had without it.
    """
    try:
        return bayes_risk(build_task(task))
    except MemoryError:
        return BayesRisk(np.nan, np.nan)
