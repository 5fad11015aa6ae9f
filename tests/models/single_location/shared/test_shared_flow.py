"""Shared keys in theory.

Oracles: numbers of a prototype that were checked by direct simulation; the engine of free keys at
k_h = Σ_j C_hj κ_j, by differences and by whole trajectories; gauge; a conservation law.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from shared_bases import SOFTMAX_1, C, M, Q, table

import orderparams as op
from orderparams.models.interface import model_of
from orderparams.models.single_location.shared.geometry import shared_out
from orderparams.provenance import provenance


def free(attention: dict[str, Any] | None, mixing=C, m=M, q=Q, **sections) -> dict:
    """The same keys as vectors of their own."""
    found = table(attention, mixing, m, q, **sections)
    del found["attention"]["keys"], found["attention"]["shared"]
    keys = {"overlap": (mixing @ m).tolist(), "self_overlap": (mixing @ q @ mixing.T).tolist()}
    more = {k: v for k, v in found["initial"].items() if not k.startswith("base_")}
    found["initial"] = more | keys
    return found


def test_softmax_of_the_prototype():
    found = op.evaluate(table())
    assert found.risk == pytest.approx(0.60840358405, abs=1e-10)
    expected = [[0.1019438001, 0.0650357833], [-0.0242856111, 0.0219848564]]
    np.testing.assert_allclose(found.velocity["base_overlap"], expected, rtol=0, atol=2e-10)
    expected = [
        [0.0374507981, 0.0161868214],
        [0.0381781838, 0.0273020172],
        [0.0471740894, 0.0130581749],
    ]
    np.testing.assert_allclose(found.velocity["mixing"], expected, rtol=0, atol=2e-10)


def test_softmax_1_with_norm_bias_of_the_prototype():
    found = op.evaluate(table(SOFTMAX_1))
    assert found.risk == pytest.approx(0.62043300005, abs=1e-10)
    assert found.velocity["base_self_overlap"][0, 0] == pytest.approx(0.0935355044, abs=2e-10)
    row = found.velocity["mixing"][0]
    np.testing.assert_allclose(row, [0.0425501639, 0.0332666364], rtol=0, atol=2e-10)


@pytest.mark.parametrize("attention", [{}, SOFTMAX_1, {"activation": "bayes-softmax"}])
def test_gradients_are_differences_of_the_risk_of_free_keys(attention):
    """Of bases and mixing; those of heads, and V, are what free keys have."""
    found = op.evaluate(table(attention, training={"rule": "sgd"}))
    plain = op.evaluate(free(attention, training={"rule": "sgd"}))
    for name in ("overlap", "self_overlap"):
        np.testing.assert_allclose(found.gradient[name], plain.gradient[name], rtol=0, atol=1e-9)
    sampled = found.noise_error + plain.noise_error
    np.testing.assert_allclose(found.noise, plain.noise, rtol=0, atol=max(sampled, 1e-7))
    assert sampled < 1e-3
    flow = model_of(plain.problem).flow(plain.problem)

    def risk(mixing=C, m=M, q=Q):
        state = {"overlap": mixing @ m, "self_overlap": mixing @ q @ mixing.T}
        return flow.risk(state)

    def slopes(name, x, symmetric=False):
        found, step = np.zeros_like(x), 1e-4
        for i in np.ndindex(x.shape):
            change = np.zeros_like(x)
            change[i] = step
            change = 0.5 * (change + change.T) if symmetric else change
            found[i] = (risk(**{name: x + change}) - risk(**{name: x - change})) / (2 * step)
        return found

    for name, key, x in (("mixing", "mixing", C), ("base_overlap", "m", M)):
        np.testing.assert_allclose(found.gradient[name], slopes(key, x), rtol=0, atol=1e-6)
    expected = slopes("q", Q, symmetric=True)
    np.testing.assert_allclose(found.gradient["base_self_overlap"], expected, rtol=0, atol=1e-6)


def test_keys_move_by_bases_and_mixing():
    """dK = C dT + dC T = −C Cᵀ 𝒥 − η 𝒥 TᵀT, written out of the gradient of free keys, with noise
    (γ/B) C Cᵀ V C Cᵀ in dq, and λ on the bases alone."""
    rates = {"rule": "sgd", "learning_rate": 1.5, "batch_size": 2, "mixing_rate": 0.7}
    decay = 0.2
    found = op.evaluate(table(SOFTMAX_1, training={**rates, "weight_decay": decay}))
    gradient = op.evaluate(free(SOFTMAX_1, training=rates))
    p, gamma, v = gradient.gradient["overlap"], gradient.gradient["self_overlap"], found.noise
    bases = np.hstack([M, np.linalg.cholesky(Q - M @ M.T)])
    pull = 2 * gamma @ C @ bases
    pull[:, :2] += p
    motion = -C @ C.T @ pull - 0.7 * pull @ bases.T @ bases - decay * C @ bases
    np.testing.assert_allclose(found.velocity["overlap"], motion[:, :2], rtol=0, atol=1e-8)
    half = motion @ (C @ bases).T
    expected = half + half.T + 0.75 * C @ C.T @ v @ C @ C.T
    np.testing.assert_allclose(found.velocity["self_overlap"], expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("rule", ["gradient-flow", "sgd"])
@pytest.mark.parametrize(
    "more",
    [
        {"bias": "learned", "head_weights": "learned"},
        {"head_weights": "importance"},
        {"bias": "norm"},
    ],
)
def test_a_base_for_each_head_is_free_keys(rule, more):
    """C = 1, fixed."""
    training = {"duration": 6.0, "rule": rule, "importance_penalty": 0.05}
    if more.get("head_weights") != "importance":
        del training["importance_penalty"]
    attention = {"activation": "softmax-1", **more}
    sections = {
        "training": training,
        "integrator": {"rtol": 1e-9, "atol": 1e-11},
        "output": {"points": 4},
    }
    shared = table(attention, np.eye(2), **sections)
    shared["attention"]["shared"]["learned"] = False
    found = op.solve(shared)
    plain = op.solve(free(attention, np.eye(2), **sections))
    for name in plain.parameters:
        np.testing.assert_allclose(found[name], plain[name], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.risk, plain.risk, rtol=0, atol=1e-7)
    np.testing.assert_allclose(found["base_overlap"], found["overlap"], rtol=0, atol=1e-14)
    assert np.ptp(found.risk) > 0.02


def test_the_gauge_changes_no_key():
    turn = np.array([[0.7, -0.4], [0.3, 1.2]])
    back = np.linalg.inv(turn)
    one = op.evaluate(table(SOFTMAX_1))
    other = op.evaluate(table(SOFTMAX_1, C @ back, turn @ M, turn @ Q @ turn.T))
    assert other.risk == pytest.approx(one.risk, abs=1e-12)
    for name in ("overlap", "self_overlap"):
        np.testing.assert_allclose(other.gradient[name], one.gradient[name], rtol=0, atol=1e-10)


def test_gradient_flow_conserves_mixing_less_bases():
    """CᵀC/η − TTᵀ; not with noise."""
    exact = {"integrator": {"rtol": 1e-11, "atol": 1e-13}, "output": {"points": 9}}

    def drift(**training):
        run = op.solve(table(training={"duration": 20.0, "mixing_rate": 2.5, **training}, **exact))
        mixing = run["mixing"]
        square = np.einsum("thi,thj->tij", mixing, mixing) / 2.5 - run["base_self_overlap"]
        assert np.abs(np.diff(run["mixing"][[0, -1]], axis=0)).max() > 0.3
        return np.abs(square - square[0]).max()

    assert drift() < 1e-9
    assert drift(weight_decay=0.05) > 1e-2


def test_heads_with_equal_rows_stay_equal():
    mixing = np.array([[1.0, 0.2], [0.3, -1.0], [1.0, 0.2]])
    run = op.solve(table(SOFTMAX_1 | {"head_weights": "sum"}, mixing, training={"duration": 20.0}))
    assert np.array_equal(run["mixing"][:, 0], run["mixing"][:, 2])
    assert np.array_equal(run["overlap"][:, 0], run["overlap"][:, 2])
    assert np.ptp(run["mixing"][:, 0]) > 0.1


def test_heads_with_other_weights_part():
    mixing = np.array([[1.0, 0.2], [0.3, -1.0], [1.0, 0.2]])
    run = op.solve(table(SOFTMAX_1, mixing, training={"duration": 5.0}))
    assert np.abs(run["mixing"][-1, 0] - run["mixing"][-1, 2]).max() > 1e-3


def test_bases_keep_their_lengths_on_spheres():
    training = {"duration": 5.0, "constraint": "sphere"}
    run = op.solve(table(training=training, integrator={"rtol": 1e-9, "atol": 1e-11}))
    lengths = np.einsum("tjj->tj", run["base_self_overlap"])
    np.testing.assert_allclose(lengths, np.broadcast_to(np.diag(Q), lengths.shape), rtol=1e-8)
    assert np.ptp(run["base_overlap"][:, 0, 0]) > 0.05


def test_bases_repel_each_other():
    """The penalty is that of the cosine of two bases."""
    training = {"duration": 5.0, "repulsion": {"kind": "cosine", "strength": 0.3}}
    run = op.solve(table(training=training))
    q = run["base_self_overlap"]
    cosine = q[:, 0, 1] ** 2 / (q[:, 0, 0] * q[:, 1, 1])
    np.testing.assert_allclose(run["penalty"], 0.3 * cosine, rtol=0, atol=1e-12)
    plain = op.solve(table(training={"duration": 5.0}))["base_self_overlap"][-1]
    assert cosine[-1] < 0.5 * plain[0, 1] ** 2 / (plain[0, 0] * plain[1, 1])


def test_a_run_goes_on_from_a_state():
    """The velocity at a state that was stored is that of the flow there, by neighbouring times."""
    run = op.solve(
        table(training={"duration": 1.0}, integrator={"rtol": 1e-10, "atol": 1e-12},
              output={"points": 201})
    )  # fmt: skip
    problem = model_of(run.problem).starting_at(run.problem, run.state(100))
    velocity = op.evaluate(problem).velocity
    for name in run.parameters:
        slope = (run[name][101] - run[name][99]) / (run.time[101] - run.time[99])
        np.testing.assert_allclose(velocity[name], slope, rtol=0, atol=1e-5)


def test_a_mixing_that_is_drawn():
    """Variance 1/J of its entries; another seed, another mixing; bases as of free heads."""
    many = {"heads": 200, "keys": "shared", "shared": {"bases": 50, "learned": True}}
    settings = {"attention": many, "expectation.tolerance": 1e-4}
    flow = model_of(op.load("shared-keys", settings=settings)).flow
    mixing = flow(op.load("shared-keys", settings=settings)).start.mixing
    assert mixing.shape == (200, 50)
    assert 50 * mixing.var() == pytest.approx(1.0, abs=0.05)
    seeds = [op.evaluate("shared-keys", settings={"attention.shared.seed": s}) for s in (0, 1)]
    assert not np.allclose(seeds[0]["mixing"], seeds[1]["mixing"])
    assert np.array_equal(seeds[0]["base_overlap"], seeds[1]["base_overlap"])
    two = op.evaluate("shared-keys", settings={"attention.keys": "free", "attention.heads": 2})
    np.testing.assert_allclose(two["overlap"], seeds[0]["base_overlap"], rtol=0, atol=1e-15)


def test_bases_for_given_keys():
    """All keys of rank J can be made; of a given mixing the nearest."""
    generator = np.random.default_rng(0)
    keys = generator.standard_normal((4, 2)) @ generator.standard_normal((2, 6))
    mixing, bases = shared_out(keys, 3, None)
    np.testing.assert_allclose(mixing @ bases, keys, rtol=0, atol=1e-12)
    np.testing.assert_allclose(mixing.T @ mixing, bases @ bases.T, rtol=0, atol=1e-12)
    given = generator.standard_normal((4, 2))
    _, near = shared_out(keys, 2, given)
    np.testing.assert_allclose(given.T @ (keys - given @ near), 0.0, atol=1e-12)


def test_files_tell_the_seed_of_the_mixing():
    problem = op.load("shared-keys", settings={"attention.shared.seed": 3})
    assert json.loads(provenance(problem, "solve")["seeds"])["attention.shared"] == 3
