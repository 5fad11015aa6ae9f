"""Penalties for vectors that are alike. Oracles: formulas written out, differences, SGD."""

import numba
import numpy as np
import pytest

import orderparams as op
from orderparams.analysis.optimum import without_decay
from orderparams.analysis.stationary import unspecialized_point
from orderparams.errors import ConfigurationError
from orderparams.models.vectors.landscape import Landscape
from orderparams.models.vectors.repulsion import Repulsion, penalty, repel, slopes
from orderparams.run.simulate import simulate
from orderparams.run.solve import solve

WEIGHTS = np.array([[0.8, 0.3, 0.2], [-0.2, 1.1, 0.1], [0.5, 0.5, -0.4]])
KINDS = {"cosine": Repulsion(0.1), "gaussian": Repulsion(0.1, False, 1.5)}
HEADS = {
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0, 2.0]}},
    "attention": {"heads": 2},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.8, 0.2], [0.7, -0.1]],
        "self_overlap": [[1.0, 0.6], [0.6, 0.9]],
    },
    "training": {"duration": 4.0, "learning_rate": 1.0},
    "output": {"points": 5},
    "simulation": {"dimension": 400, "replicas": 24},
}


def of_weights(repulsion, weights):
    """R of vectors, pair by pair."""
    total = 0.0
    for i, one in enumerate(weights):
        for other in weights[:i]:
            if repulsion.cosine:
                total += (one @ other / np.linalg.norm(one) / np.linalg.norm(other)) ** 2
            else:
                total += np.exp(-((one - other) @ (one - other)) / (2 * repulsion.width**2))
    return repulsion.strength * total


@pytest.mark.parametrize(
    ("kind", "value"), [("cosine", 0.067402066428), ("gaussian", 0.237301017474)]
)
def test_the_penalty_is_that_of_all_pairs(kind, value):
    found = penalty(KINDS[kind], WEIGHTS @ WEIGHTS.T)
    assert found == pytest.approx(of_weights(KINDS[kind], WEIGHTS), abs=1e-15)
    assert found == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_its_gradient_is_that_of_the_vectors(kind):
    """2 Γ K against central differences; that of cosines changes no norm."""
    q = WEIGHTS @ WEIGHTS.T
    gamma = np.empty_like(q)
    slopes(KINDS[kind], q, gamma)
    gradient = 2 * gamma @ WEIGHTS
    for index in np.ndindex(WEIGHTS.shape):
        step = np.zeros_like(WEIGHTS)
        step[index] = 1e-5
        ends = [of_weights(KINDS[kind], WEIGHTS + sign * step) for sign in (1, -1)]
        assert gradient[index] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-9)
    if kind == "cosine":
        np.testing.assert_allclose((gradient * WEIGHTS).sum(1), 0, atol=1e-15)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_vectors_alone(kind):
    """The penalty, slopes and gradient of two of three are those of two."""
    both, two = KINDS[kind]._replace(among=2), WEIGHTS[:2]
    q = WEIGHTS @ WEIGHTS.T
    assert penalty(both, q) == pytest.approx(of_weights(both, two), abs=1e-15)
    gamma, small, room = np.full_like(q, np.nan), np.empty((2, 2)), np.full((2, 3, 3), np.nan)
    slopes(both, q, gamma)
    slopes(KINDS[kind], two @ two.T, small)
    np.testing.assert_allclose(gamma[:2, :2], small, rtol=0, atol=1e-16)
    assert not gamma[2].any()
    assert not gamma[:, 2].any()
    change = np.zeros_like(WEIGHTS)
    call = numba.njit(lambda *arguments: repel(*arguments))
    call(both, WEIGHTS, 1.0, 3.0, room, change)
    np.testing.assert_allclose(change[:2], 6.0 * small @ two, rtol=0, atol=1e-15)
    assert not change[2].any()


VALUED = HEADS | {
    "task": {**HEADS["task"], "target": "scalar"},
    "attention": {"heads": 2, "value": "learned"},
    "initial": {
        **HEADS["initial"],
        "key_target_overlap": [0.2, -0.1],
        "value_alignment": [0.4, 0.6],
        "value_self_overlap": [[0.5, 0.2], [0.2, 0.6]],
    },
    "expectation": {"tolerance": 1e-6, "samples": 4096},
}


def test_keys_of_learned_values_repel_each_other():
    """−2 Γ_R K on keys, v* in K; no velocity of values; their penalty is that of the keys."""
    settings = {"training.repulsion": {"kind": "cosine", "strength": 0.4}}
    plain, found = op.evaluate(VALUED), op.evaluate(VALUED, settings=settings)
    q, gamma = np.array(HEADS["initial"]["self_overlap"]), np.empty((2, 2))
    slopes(Repulsion(0.4), q, gamma)
    assert found.observables["penalty"] == pytest.approx(penalty(Repulsion(0.4), q), abs=1e-14)
    moved = {name: found.velocity[name] - plain.velocity[name] for name in plain.velocity}
    for name in ("overlap", "key_target_overlap", "key_value_overlap"):
        np.testing.assert_allclose(moved[name], -2 * gamma @ plain[name], rtol=0, atol=1e-12)
    np.testing.assert_allclose(moved["self_overlap"], -2 * (gamma @ q + q @ gamma), atol=1e-12)
    for name in ("value_alignment", "value_self_overlap", "value_overlap"):
        np.testing.assert_allclose(moved[name], 0.0, atol=1e-14)
    assert np.abs(moved["overlap"]).max() > 0.05


@pytest.mark.parametrize("backend", ["gram", "direct"])
def test_sgd_of_keys_and_values_follows(backend):
    """With the repulsion in theory and simulation; not if the theory has none."""
    settings = {
        "training": {"repulsion": {"kind": "cosine", "strength": 0.4}, "duration": 2.0},
        "simulation": {"backend": backend, "replicas": 24},
        "output.points": 4,
    }
    found = op.validate(VALUED, settings=settings, dimensions=[100, 400], risks=False)
    assert found.verdict == "agree"
    last = found.simulations[400]["overlap"][:, -1].mean(axis=0)
    settings["training"] = {"duration": 2.0, "rule": "sgd"}
    free = op.solve(VALUED, settings=settings)["overlap"][-1]
    assert np.abs(last - free).max() > 0.03


REPULSIONS = ["{kind='cosine', strength=0.4}", "{kind='gaussian', strength=0.8, width=0.7}"]


@pytest.mark.parametrize("written", REPULSIONS)
@pytest.mark.parametrize("backend", ["gram", "direct"])
def test_the_flow_follows_sgd(written, backend):
    """Means of replicas of both backends; without repulsion they are far away."""
    settings = [f"training.repulsion={written}", "training.rule='sgd'"]
    if backend == "direct":
        settings += ["simulation.backend='direct'", "training.duration=1", "output.points=3"]
    problem = op.load(HEADS, settings)
    run, flow = simulate(problem), solve(problem)
    free = solve(op.load(problem, ["training.repulsion.strength=0"]))

    def largest(flow):
        z = []
        for name in ("overlap", "self_overlap"):
            moved = (run[name] - flow[name])[:, 1:]
            z.append(np.abs(moved.mean(0) / moved.std(0, ddof=1)).max() * len(moved) ** 0.5)
        return max(z)

    assert largest(flow) < 4.5
    assert largest(free) > 12


@pytest.mark.parametrize("written", REPULSIONS)
def test_risk_and_penalty_fall_together(written):
    """Gradient flow: d(E + R)/dt = −|dK/dt|², where K moves as the flow says; R is stored."""
    problem = op.load(HEADS, [f"training.repulsion={written}", "integrator.rtol=1e-9"])
    run = solve(problem)
    total = run.risk + run["penalty"]
    assert (np.diff(total) < 0).all()
    assert run["penalty"][-1] < run["penalty"][0]
    landscape = Landscape(problem)
    x = landscape.point(landscape.flow.start)
    assert landscape.risk(x) + landscape.penalty(x) == pytest.approx(total[0], abs=1e-9)
    numeric = [
        (
            landscape.risk(x + step)
            + landscape.penalty(x + step)
            - landscape.risk(x - step)
            - landscape.penalty(x - step)
        )
        / 2e-4
        for step in 1e-4 * np.eye(len(x))
    ]
    np.testing.assert_allclose(landscape.gradient(x), numeric, rtol=0, atol=1e-7)
    start = op.evaluate(problem)
    assert start["penalty"] == pytest.approx(run["penalty"][0], abs=1e-14)


def test_equal_heads_do_not_feel_a_repulsion_of_cosines():
    same = {"kind": "explicit", "overlap": [[0.5, 0.1]] * 2, "self_overlap": [[0.4] * 2] * 2}
    settings = ["training.repulsion={kind='cosine', strength=0.5}"]
    run = solve(op.load({**HEADS, "initial": same}, settings))
    free = solve(op.load({**HEADS, "initial": same}))
    np.testing.assert_allclose(run.overlap, free.overlap, rtol=0, atol=1e-10)


def test_students_repel_each_other():
    written = "training.repulsion={kind='gaussian', strength=0.1}"
    run, free = op.solve("saad-solla", settings=[written]), op.solve("saad-solla")
    assert run["penalty"].shape == run.time.shape
    assert run["self_overlap"][5, 0, 1] < free["self_overlap"][5, 0, 1]
    assert "penalty" not in free


def test_the_optimum_is_that_of_the_risk_alone():
    problem = op.load(HEADS, ["training.repulsion.strength=0.2", "training.weight_decay=0.1"])
    assert problem.training.penalties == ("weight decay", "repulsion")
    bare = without_decay(problem)
    assert not bare.training.penalties
    assert bare == op.load(HEADS)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["attention.heads=1", "initial.kind='random'"], "there is one head, and no other"),
        (["training.repulsion.width=2"], "training.repulsion.width has no meaning for"),
        (["training.repulsion.strength=-1"], "training.repulsion.strength: expected a finite"),
        (["initial.self_overlap=[[1, 0], [0, 0]]"], "head 2 starts at the origin"),
    ],
)
def test_what_makes_no_sense_is_told(settings, said):
    base = {key: value for key, value in HEADS.items() if key != "initial"}
    start = {"kind": "explicit", "overlap": [[0.8, 0.2], [0.0, 0.0]]}
    source = {**HEADS, "initial": start} if "origin" in said else base
    with pytest.raises(ConfigurationError, match=said):
        op.load(source, ["training.repulsion={kind='cosine', strength=0.1}", *settings])


def test_equal_heads_are_found_where_none_may_be_at_the_origin():
    """The best single head is the oracle: equal heads feel no repulsion of cosines."""
    problem = op.load(HEADS, ["training.repulsion={kind='cosine', strength=0.1}"])
    point = unspecialized_point(Landscape(problem, residual=0))
    plain = unspecialized_point(Landscape(op.load(HEADS), residual=0))
    assert point.risk == pytest.approx(plain.risk, abs=1e-9)
