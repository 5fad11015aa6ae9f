"""What vectors are worth while the weights of all others are held."""

from itertools import combinations

import numpy as np
import pytest

import orderparams as op
from orderparams.analysis.synergy import synergy
from orderparams.models.committee.setup import build
from orderparams.models.single_location.setup import initial_heads

OVERLAP = np.array([[1.2, 0.3], [-0.4, 0.9], [0.8, -0.5]])
RESIDUAL = np.diag([0.2, 0.1, 0.3])


def layer(activation, head_weights):
    return op.load(
        {
            "task": {"signal": {"kind": "spikes", "strengths": [4.0, 2.0]}, "length": 3},
            "attention": {"heads": 3, "activation": activation, "head_weights": head_weights},
            "initial": {
                "kind": "explicit",
                "overlap": OVERLAP.tolist(),
                "self_overlap": (OVERLAP @ OVERLAP.T + RESIDUAL).tolist(),
            },
        }
    )


@pytest.mark.parametrize(("activation", "weights"), [("softmax", "mean"), ("softmax-1", "sum")])
def test_heads_whose_weights_are_zero(activation, weights):
    """Oracle: risks of the same heads, of which some have weight zero."""
    problem = layer(activation, weights)
    heads = initial_heads(problem)
    found = synergy(problem, heads)

    def lost(*removed):
        kept = [0.0 if h in removed else float(u) for h, u in enumerate(heads.head_weights)]
        return op.evaluate(layer(activation, kept)).risk

    base = lost()
    costs = [lost(h) - base for h in range(3)]
    np.testing.assert_allclose(found.cost, costs, atol=1e-7)
    for g, h in combinations(range(3), 2):
        both = lost(g, h) - base - costs[g] - costs[h]
        assert found.interaction[g, h] == pytest.approx(both, abs=1e-7)
        assert found.interaction[h, g] == found.interaction[g, h]
        assert both > 0
    assert not np.diag(found.interaction).any()


def test_students():
    """Oracle: risks of the committee with second layers of which some entries are zero."""
    overlap = [[0.9, 0.1], [0.2, 0.8], [0.3, -0.4]]
    settings = {
        "network.students": 3,
        "initial": {
            "kind": "explicit",
            "overlap": overlap,
            "self_overlap": (np.array(overlap) @ np.transpose(overlap) + RESIDUAL).tolist(),
        },
    }

    def with_weights(weights):
        return op.load("saad-solla", settings | {"network.second_layer": weights})

    problem = with_weights([1.0, 0.7, -0.5])
    found = synergy(problem, build(problem).start)
    risks = {
        gone: op.evaluate(
            with_weights([0.0 if k in gone else w for k, w in enumerate([1.0, 0.7, -0.5])])
        ).risk
        for gone in ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2))
    }
    for k in range(3):
        assert found.cost[k] == pytest.approx(risks[k,] - risks[()], abs=1e-10)
    for k, n in combinations(range(3), 2):
        both = risks[k, n] - risks[k,] - risks[n,] + risks[()]
        assert found.interaction[k, n] == pytest.approx(both, abs=1e-10)


def test_a_joint_normaliser_has_no_weights():
    problem = layer("bayes-softmax", "sum")
    assert synergy(problem, initial_heads(problem)) is None
