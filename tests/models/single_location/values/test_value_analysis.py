"""Optimum and worth of heads with values.

Oracles: the layer of the other heads written out; risks with weights set to zero; a search in all
directions; the Bayes risk.
"""

import numpy as np
import pytest

import orderparams as op
from orderparams.analysis.optimum import optimum
from orderparams.analysis.pruning import prune
from orderparams.analysis.stationary import descend
from orderparams.analysis.synergy import synergy
from orderparams.models.vectors.landscape import Landscape

PAIR = {
    "task": {
        "length": 3,
        "target": "scalar",
        "noise": 0.2,
        "signal": {"kind": "flipped-spikes", "strengths": [4.0, 2.0]},
    },
    "attention": {"heads": 2, "value": "learned", "head_weights": [0.6, 0.5]},
    "training": {"duration": 4.0},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.4, 0.1], [-0.2, 0.3]],
        "self_overlap": [[0.4, 0.05], [0.05, 0.3]],
        "key_target_overlap": [0.1, -0.1],
        "value_overlap": [[0.1, 0.0], [0.2, 0.1]],
        "value_alignment": [0.3, 0.2],
        "value_self_overlap": [[0.4, 0.0], [0.0, 0.5]],
        "key_value_overlap": [[0.1, 0.05], [0.0, -0.05]],
    },
    "output": {"points": 4},
}
ALONE = {
    "attention.heads": 1,
    "attention.head_weights": [0.5],
    "initial.overlap": [[-0.2, 0.3]],
    "initial.self_overlap": [[0.3]],
    "initial.key_target_overlap": [-0.1],
    "initial.value_overlap": [[0.2, 0.1]],
    "initial.value_alignment": [0.2],
    "initial.value_self_overlap": [[0.5]],
    "initial.key_value_overlap": [[-0.05]],
}
LINES = {
    "attention.activation": "erf",
    "attention.intercept": [0.2, -0.3],
    "attention.bias": "none",
}


def loaded(settings):
    return op.load(PAIR, settings=settings)


def test_a_head_goes_with_its_value():
    problem = loaded({})
    found = prune(problem, Landscape(problem).flow.start)
    assert found.subsets[(0,)] == pytest.approx(op.evaluate(loaded(ALONE)).risk, abs=1e-8)
    again = found.removals[1].reoptimized_risk
    assert again < found.removals[1].risk
    known = {"attention.value": "known", "attention.head_weights": "learned", "attention.heads": 1}
    known |= {"initial": {"kind": "random"}}
    assert again == pytest.approx(optimum(loaded(known)).risk, abs=1e-6)


@pytest.mark.parametrize("more", [{}, LINES], ids=["softmax", "erf"])
def test_worth_with_the_weights_of_others_held(more):
    problem = loaded(more)
    found = synergy(problem, Landscape(problem).flow.start)

    def risk(weights):
        return op.evaluate(problem, settings={"attention.head_weights": weights}).risk

    whole, first, second, none = (
        risk([u, v]) for u, v in ((0.6, 0.5), (0.0, 0.5), (0.6, 0.0), (0.0, 0.0))
    )
    np.testing.assert_allclose(found.cost, [first - whole, second - whole], atol=1e-8)
    both = none - whole - found.cost.sum()
    np.testing.assert_allclose(found.interaction, [[0, both], [both, 0]], atol=1e-8)


@pytest.mark.parametrize("more", [{}, LINES], ids=["softmax", "erf"])
def test_the_optimum_of_values_is_one_of_head_weights(more):
    """No descent in all directions, crosses of keys and values among them, ends lower."""
    problem = loaded(more)
    found, whole = optimum(problem), Landscape(problem)
    assert np.abs(whole.gradient(found.point.x)).max() < 1e-7
    assert whole.risk(found.point.x) == pytest.approx(found.risk, abs=1e-8)
    assert "value_alignment" in found.point.state
    start = next(whole.geometry.starts())
    anywhere = whole.risk(descend(whole.rough.value_and_gradient, whole.point(start), 200))
    assert found.risk <= anywhere + 1e-6


def test_what_analyze_says_of_it(tmp_path):
    settings = {"attention.head_weights": "importance", "training.weight_decay": 1e-3}
    found = op.analyze(PAIR, settings=settings)
    least = found.chapter("least")
    assert least.sentences[0].endswith("values along v*, which count as head weights.")
    run = found.trajectory
    assert run.bayes_risk < least["reached"][0] < run.risk[-1]
    assert list(found.chapter("held")["partner"]) == ["2", "1"]
    assert "Head " in found.chapter("held").sentences[0]
    path = tmp_path / "values.h5"
    op.save(found, path)
    np.testing.assert_array_equal(
        op.open(path).chapter("held")["cost"], found.chapter("held")["cost"]
    )


def test_one_head_can_reach_the_bayes_risk():
    problem = op.load("learned-values")
    assert optimum(problem).risk == pytest.approx(Landscape(problem).geometry.floor.value, abs=1e-8)
