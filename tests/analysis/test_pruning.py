"""Pruning: risks of what is left, against configurations that never had the removed heads."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest

import orderparams as op
from orderparams.analysis import pruning as module
from orderparams.analysis.pruning import prune
from orderparams.analysis.rests import vectors_at
from orderparams.models.single_location.setup import Heads, initial_heads
from orderparams.models.vectors.geometry import Vectors
from orderparams.results.analyzed.optimum import Pruning, Removal

OVERLAP = np.array([[1.5, 0.2], [-0.3, 1.0], [1.4, 0.3]])
RESIDUAL = np.array([[0.3, 0.0, 0.0], [0.1, 0.2, 0.0], [0.0, 0.1, 0.4]])
SETTINGS = {
    "softmax": {"bias": "none", "head_weights": "mean"},
    "softmax-1": {"bias": "norm", "head_weights": "sum"},
    "bayes-softmax": {"bias": [-0.5, -1.0, -0.8], "head_weights": "sum"},
    "given": {"bias": [-0.5, -1.0, -0.8], "head_weights": [0.5, 0.3, 0.4]},
}


def layer(name, kept=(0, 1, 2)):
    """Configuration of some of the heads, written down by hand."""
    kept = list(kept)
    attention = {
        key: [value[h] for h in kept] if isinstance(value, list) else value
        for key, value in SETTINGS[name].items()
    }
    overlap = OVERLAP[kept]
    self_overlap = (OVERLAP @ OVERLAP.T + RESIDUAL @ RESIDUAL.T)[np.ix_(kept, kept)]
    return op.load(
        {
            "task": {"length": 4, "signal": {"kind": "spikes", "strengths": [4.0, 2.0]}},
            "attention": attention
            | {"heads": len(kept), "activation": "softmax-1" if name == "given" else name},
            "initial": {
                "kind": "explicit",
                "overlap": overlap.tolist(),
                "self_overlap": self_overlap.tolist(),
            },
        }
    )


@pytest.mark.parametrize("name", SETTINGS)
def test_all_subsets_have_the_risk_of_the_layer_without_them(name):
    """Oracle: ``evaluate`` of a configuration with the remaining heads only."""
    problem = layer(name)
    found = prune(problem, initial_heads(problem))
    assert found.exhaustive
    risks = {}
    for size in range(3):
        for removed in combinations(range(3), size):
            kept = [h for h in range(3) if h not in removed]
            risks[removed] = op.evaluate(layer(name, kept)).risk
    assert found.subsets == pytest.approx(risks, abs=2e-8)
    for removal in found.removals:
        size = len(removal.learners)
        assert removal.risk == min(r for key, r in found.subsets.items() if len(key) == size)
        assert removal.reoptimized_risk < removal.risk
    for g, h in combinations(range(3), 2):
        expected = risks[g, h] - risks[g,] - risks[h,] + risks[()]
        assert found.interaction[g, h] == pytest.approx(expected, abs=1e-7)
        assert found.interaction[h, g] == found.interaction[g, h]


def test_copies_can_go_for_nothing_in_softmax():
    """Theory 7: equal heads with mean weights are one head; any number but one can go."""
    problem = layer("softmax")
    copies = Heads(np.tile([1.2, 0.4], (3, 1)), np.zeros((3, 3)), np.zeros(3), np.full(3, 1 / 3))
    found = prune(problem, copies)
    assert [removal.risk for removal in found.removals] == pytest.approx([found.risk] * 3, abs=1e-8)
    assert found.removable(1e-6) == 2
    np.testing.assert_allclose(found.interaction, 0, atol=1e-7)


def test_a_stated_cost_counts_heads():
    removals = (Removal((), 0.5, 0.4), Removal((2,), 0.504, 0.41), Removal((1, 2), 0.6, 0.5))
    found = Pruning(removals, True, {}, np.zeros((3, 3)))
    assert [found.removable(cost) for cost in (0.007, 0.009, 0.19, 0.21)] == [0, 1, 1, 2]
    assert [found.removable(cost, reoptimized=True) for cost in (0.001, -0.1)] == [2, 1]
    assert found.removable(-0.5) == 0


def test_many_heads_are_removed_greedily(monkeypatch):
    """Each step extends the last; the first is the best, and pairs interact as before."""
    problem = layer("softmax")
    heads = initial_heads(problem)
    every = prune(problem, heads)
    monkeypatch.setattr("orderparams.analysis.pruning.ALL_SUBSETS", 2)
    greedy = prune(problem, heads)
    assert not greedy.exhaustive
    assert greedy.removals[1] == every.removals[1]
    assert set(greedy.removals[1].learners) < set(greedy.removals[2].learners)
    assert greedy.removals[2].risk >= every.removals[2].risk
    np.testing.assert_array_equal(greedy.interaction, every.interaction)


def test_of_two_heads_no_pair_can_go():
    problem = layer("softmax", (0, 1))
    found = prune(problem, initial_heads(problem))
    assert set(found.subsets) == {(), (0,), (1,)}
    np.testing.assert_array_equal(found.interaction, np.zeros((2, 2)))


@pytest.mark.parametrize(("count", "every"), [(6, True), (7, False)])
def test_up_to_six_heads_all_subsets_are_tried(monkeypatch, count, every):
    """Of a risk that is known: heads are worth their numbers, and the first two stand in for each
    other, so that without both 10 more is lost. Nothing is trained again."""

    def without(problem, vectors, removed):
        risk = 1.0 + sum(removed) + 10.0 * ({0, 1} <= set(removed))
        return SimpleNamespace(risk=lambda x: risk), None

    monkeypatch.setattr(module, "left", without)
    monkeypatch.setattr(module, "best_of_rest", lambda problem, vectors, removed: 0.0)
    found = prune(None, Vectors(np.zeros((count, 1)), np.zeros((count, count))))
    assert found.exhaustive == every
    sizes = [len(removal.learners) for removal in found.removals]
    assert sizes == list(range(count))
    assert [removal.learners for removal in found.removals[:3]] == [(), (0,), (0, 2)]
    expected = np.zeros((count, count))
    expected[0, 1] = expected[1, 0] = 10.0
    np.testing.assert_allclose(found.interaction, expected)
    pairs = 1 + 7 + 21
    assert len(found.subsets) == (2**6 - 1 if every else pairs + 5 + 4 + 3 + 2)


def test_one_head_cannot_go():
    problem = op.load("single-head")
    start = initial_heads(problem)
    found = prune(problem, Heads(np.array([[2.0]]), start.residual, start.bias, start.head_weights))
    assert len(found.removals) == 1
    assert found.removable(1.0) == 0


def test_training_again_has_the_weight_decay_of_the_problem():
    """Oracle: the flow itself, run to its end; two heads kept or one, with decay."""
    problem = op.load(
        {
            "task": {"length": 4, "signal": {"kind": "spikes", "strengths": [4.0, 2.0]}},
            "attention": {"heads": 2, "activation": "bayes-softmax"},
            "training": {"weight_decay": 0.05, "duration": 400.0},
            "initial": {"kind": "explicit", "overlap": [[1.5, 0.2], [-0.3, 1.0]]},
        }
    )
    run = op.solve(problem)
    found = prune(problem, vectors_at(run, -1))
    assert found.removals[0].reoptimized_risk == pytest.approx(run.risk[-1], abs=1e-5)
    (removed,) = found.removals[1].learners
    overlap = f"initial={{kind='explicit', overlap=[{run.overlap[-1, 1 - removed].tolist()}]}}"
    alone = op.load(
        {
            "task": {"length": 4, "signal": {"kind": "spikes", "strengths": [4.0, 2.0]}},
            "attention": {"heads": 1, "activation": "bayes-softmax"},
            "training": {"weight_decay": 0.05, "duration": 400.0},
        },
        [overlap],
    )
    expected = op.solve(alone).risk[-1]
    assert found.removals[1].reoptimized_risk == pytest.approx(expected, abs=1e-5)
