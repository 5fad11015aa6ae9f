"""How often chance alone is an alarm, of verdicts and scores of one replica each.

Oracle: the program's SGD, which knows nothing of fluctuations, and the binomial distribution.
"""

import numpy as np
import pytest
import scipy.stats

import orderparams as op
from orderparams.results.causes import CAUSES
from orderparams.run.altered import with_fluctuations
from orderparams.run.innovations import sizes
from orderparams.run.restarts import Restarts
from orderparams.run.scores import score_tests
from orderparams.run.whiteness import pvalue
from orderparams.run.whitening import Measured, between, slopes_of

REPLICAS = {5.0: 50, 2.0: 150, 0.5: 150}
"""By learning rate; the larger it is the longer takes each."""


def alone(learning_rate):
    """p-values (R,) of verdicts and z (R, K) of scores, each of one replica at D = 1000."""
    settings = {
        "training.learning_rate": learning_rate,
        "simulation.dimension": 1000,
        "simulation.replicas": REPLICAS[learning_rate],
        "simulation.seed": 7,
        "output.points": 6,
    }
    asked = with_fluctuations(op.load("finite-learning-rate", settings))
    run = op.simulate("finite-learning-rate", settings=settings, risks=False)
    restarts = Restarts(asked, run.end(0), 1.0, lambda t: None)
    x = restarts.packed(run.parameters)
    scale = sizes(x, [f"{i}_" for i in range(x.shape[2])])
    found = between(restarts, Measured(1000, run.time, dict(run.parameters), x, scale))
    innovation = np.stack([one.innovation for one in found], axis=1)
    slopes = slopes_of(found)
    own = [slice(r, r + 1) for r in range(REPLICAS[learning_rate])]
    scores = [
        [s.z for s in score_tests(innovation[r], slopes[r], "sgd", stepped=True)] for r in own
    ]
    return np.array([pvalue(innovation[r]) for r in own]), np.array(scores)


@pytest.mark.slow
@pytest.mark.parametrize("learning_rate", REPLICAS)
def test_false_alarms_are_as_few_as_they_are_said_to_be(learning_rate):
    (pvalues, scores), count = alone(learning_rate), REPLICAS[learning_rate]
    for found in (pvalues, *(2 * scipy.stats.norm.sf(np.abs(z)) for z in scores.T)):
        for level in (0.01, 0.1):
            alarms = int((found < level).sum())
            assert scipy.stats.binom.sf(alarms - 1, count, level) > 1e-3
    assert scores.shape[1] == len(CAUSES)
    assert np.abs(scores.mean(0)).max() < 4.5 / np.sqrt(count)
    assert np.abs(scores.std(0) - 1).max() < 4.5 / np.sqrt(2 * count)
