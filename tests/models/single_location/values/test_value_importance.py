"""Importances of heads whose values are learned or tied.

Oracles: known values, differences of evaluations at other weights, the direct simulation.
"""

import numpy as np
import pytest

import orderparams as op
from orderparams.analysis.optimum import optimum
from orderparams.models.vectors.landscape import Landscape

HEADS = {
    "task": {
        "length": 3,
        "target": "scalar",
        "noise": 0.1,
        "signal": {"kind": "spikes", "strengths": [4.0]},
    },
    "attention": {
        "heads": 2,
        "activation": "softmax-1",
        "head_weights": "importance",
        "importance_total": 1.3,
        "value": "learned",
    },
    "initial": {
        "kind": "explicit",
        "overlap": [[0.8], [-0.3]],
        "self_overlap": [[1.0, 0.1], [0.1, 0.6]],
        "value_alignment": [0.5, 0.3],
        "value_self_overlap": [[0.5, 0.1], [0.1, 0.4]],
        "importance": [5, 3],
    },
    "training": {"duration": 2.0, "importance_rate": 2.0, "importance_penalty": 0.15},
    "output": {"points": 3},
}
SYSTEMS = {
    "manifold": {},
    "full": {"initial.key_target_overlap": [0.2, 0.0], "initial.value_overlap": [[0.1], [-0.2]]},
    "tied": {
        "attention.value": "tied",
        "initial": {
            **{key: HEADS["initial"][key] for key in ("kind", "overlap", "importance")},
            "self_overlap": [[1.2, 0.1], [0.1, 0.6]],
            "key_target_overlap": [0.5, 0.2],
        },
    },
}


def test_values_at_rest_at_the_target_are_known():
    ones = {"initial.value_alignment": [1, 1], "initial.value_self_overlap": [[1, 1], [1, 1]]}
    learned = op.solve(HEADS, settings=ones | {"training.value_rate": 0})
    known = op.solve(
        HEADS
        | {"attention": {**HEADS["attention"], "value": "known"}}
        | {"initial": {k: v for k, v in HEADS["initial"].items() if "value" not in k}}
    )
    assert np.ptp(known["importance"][:, 0]) > 0.1
    for name in ("overlap", "self_overlap", "importance", "penalty"):
        np.testing.assert_allclose(learned[name], known[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("system", SYSTEMS)
def test_gradient_and_velocity(system):
    """By differences of the risk at other weights, and of a run."""
    settings = SYSTEMS[system]
    at = op.evaluate(HEADS, settings=settings)
    short = op.solve(HEADS, settings=settings | {"training.duration": 1e-4, "output.points": 2})
    for name in at:
        moved = (short[name][1] - short[name][0]) / 1e-4
        np.testing.assert_allclose(at.velocity[name], moved, rtol=1e-3, atol=1e-3)
    weights = 1.3 * np.array([5, 3]) / 8
    own = ("head_weights", "importance_total")
    attention = {k: v for k, v in HEADS["attention"].items() if k not in own}
    initial = {k: v for k, v in HEADS["initial"].items() if k != "importance"}
    plain = HEADS | {"attention": attention, "initial": initial, "training": {}}
    settings = {
        key: {k: v for k, v in of.items() if k != "importance"} if key == "initial" else of
        for key, of in settings.items()
    }
    for h in range(2):
        ends = []
        for sign in (1, -1):
            u = (weights + 1.3e-3 * sign * np.eye(2)[h]).tolist()
            ends.append(op.evaluate(plain, settings=settings | {"attention.head_weights": u}).risk)
        slope = (ends[0] - ends[1]) / 2e-3
        assert at.gradient["importance"][h] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("system", SYSTEMS)
def test_risk_and_penalty_fall_along_the_gradient(system):
    landscape = Landscape(op.load(HEADS, settings=SYSTEMS[system]))
    x = landscape.point(landscape.flow.start)
    rng, step = np.random.default_rng(0), 1e-4
    by = rng.standard_normal(len(x))
    ends = [landscape.risk(x + s * by) + landscape.penalty(x + s * by) for s in (step, -step)]
    along = landscape.gradient(x) @ by
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(along, abs=1e-5)
    run = op.solve(HEADS, settings=SYSTEMS[system])
    assert (np.diff(run.risk + run["penalty"]) < 0).all()
    np.testing.assert_allclose(run["importance"].sum(1), 1, atol=1e-12)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("system", "backend", "rate", "penalty"),
    [("manifold", "gram", 1.0, 0.15), ("manifold", "direct", 1.0, 0.15), ("tied", "gram", 0.2, 1)],
)
def test_the_flow_follows_sgd(system, backend, rate, penalty):
    """A theory without the penalty is rejected."""
    own = SYSTEMS[system] | {
        "training.rule": "sgd",
        "training.learning_rate": rate,
        "training.duration": 1.5,
        "training.importance_penalty": penalty,
        "expectation.samples": 2048,
        "output.points": 2,
        "simulation.dimension": 300,
        "simulation.replicas": 96,
        "simulation.backend": backend,
    }
    run = op.simulate(HEADS, settings=own)
    flow = op.solve(HEADS, settings=own)
    free = op.solve(HEADS, settings=own | {"training.importance_penalty": 0})

    def largest(flow):
        z = []
        for name in flow:
            moved = (run[name] - flow[name])[:, -1]
            z.append(np.abs(moved.mean(0) / moved.std(0, ddof=1)).max() * 96**0.5)
        return max(z)

    assert largest(flow) < 4.5
    assert largest(free) > 9


def test_a_start_is_that_of_a_stored_state(tmp_path):
    run = op.solve(HEADS)
    run.save(tmp_path / "run.h5")
    longer = {"training.duration": 3.0, "output.points": 4}
    on = op.solve(HEADS, settings=longer, resume=op.open(tmp_path / "run.h5"))
    whole = op.solve(HEADS, settings=longer)
    for name in whole:
        np.testing.assert_allclose(on[name][-1], whole[name][-1], rtol=0, atol=1e-5)


def test_a_search_for_the_optimum_knows_heads_from_rows():
    """One head has all importance: the optimum is that of a weight without importance."""
    one = {"attention.heads": 1, "attention.activation": "softmax", "attention.bias": "none",
           "initial": {"kind": "random"}, "training": {}}  # fmt: skip
    best = optimum(op.load(HEADS, settings=one | {"expectation.tolerance": 1e-6}))
    assert best.risk == pytest.approx(0.204123974, abs=2e-6)
    assert {name: best.state[name].shape for name in ("importance", "bias", "head_weight")} == {
        "importance": (1,), "bias": (1,), "head_weight": (1,)
    }  # fmt: skip
    np.testing.assert_allclose(best.state["value_alignment"], 1 / 1.3, atol=1e-3)


def test_bayes_softmax_has_no_weights_to_weigh():
    with pytest.raises(op.ConfigurationError, match="bayes-softmax has no head weights"):
        op.load(HEADS, settings={"attention.activation": "bayes-softmax"})
