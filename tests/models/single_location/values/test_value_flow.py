"""The flow of keys and values, SGD, stability across the manifold, and what a start must satisfy.

Oracles: learned head weights, differences of the stored gradient's risk, a trajectory integrated
elsewhere to eight digits, the direct simulation, and the eigenvalues of a two by two matrix.
"""

import numpy as np
import pytest

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models.single_location import model
from orderparams.models.single_location.values.flow import descent_of_values
from orderparams.models.single_location.values.stability import transverse_rates

ONE = {
    "task": {
        "length": 3,
        "target": "scalar",
        "noise": 0.2,
        "signal": {"kind": "spikes", "strengths": [4.0]},
    },
    "attention": {"heads": 1, "value": "learned"},
    "training": {"duration": 3.0},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.3]],
        "self_overlap": [[0.26]],
        "key_target_overlap": [0.1],
        "value_overlap": [[0.1]],
        "value_alignment": [0.2],
        "value_self_overlap": [[0.18]],
        "key_value_overlap": [[0.13]],
    },
    "output": {"points": 4},
}
TWO = {
    "attention.heads": 2,
    "attention.activation": "softmax-1",
    "attention.head_weights": [0.6, 0.5],
    "initial.overlap": [[0.4], [-0.2]],
    "initial.self_overlap": [[0.4, 0.05], [0.05, 0.3]],
    "initial.key_target_overlap": [0.1, -0.1],
    "initial.value_overlap": [[0.1], [0.2]],
    "initial.value_alignment": [0.3, 0.2],
    "initial.value_self_overlap": [[0.4, 0.0], [0.0, 0.5]],
    "initial.key_value_overlap": [[0.1, 0.05], [0.0, -0.05]],
}
EVEN = {
    "initial.key_target_overlap": [0, 0],
    "initial.value_overlap": [[0], [0]],
    "initial.key_value_overlap": [[0, 0], [0, 0]],
}
CROSSES = {"key_target_overlap", "value_overlap", "key_value_overlap"}


def start(**initial):
    """An explicit start with these overlaps alone."""
    return ONE | {"initial": {"kind": "explicit", **initial}}


def test_seven_order_parameters_of_one_head():
    run = op.solve(ONE)
    names = ("overlap", "key_target_overlap", "self_overlap", "value_overlap", "value_alignment",
             "value_self_overlap", "key_value_overlap")  # fmt: skip
    assert list(run) == ["overlap", "self_overlap", "value_alignment", "value_self_overlap",
                         "key_target_overlap", "value_overlap", "key_value_overlap"]  # fmt: skip
    found = np.array([run[name].ravel()[[1, 3]] for name in names]).T
    expected = [
        [0.5829049358, 0.0449273685, 0.4448655674, -0.0104737001, 0.7674337745, 0.6085911366,
         0.0459619819],
        [0.9563148168, 0.0047311182, 0.9402805550, -0.0009683235, 1.0995753743, 1.2092713461,
         0.0050769136],
    ]  # fmt: skip
    np.testing.assert_allclose(found, expected, atol=3e-6)
    np.testing.assert_allclose(run.risk[[1, 3]], [0.4490893517, 0.2664364546], atol=3e-6)


def test_values_along_the_target_are_head_weights():
    """W^v = 0, u = 1: dw/dt = 2ρ(A − Gw), as learned head weights have it."""
    training = {"duration": 4.0, "value_rate": 0.5, "head_weight_rate": 0.5}
    tight = {"integrator": {"rtol": 1e-10, "atol": 1e-12}, "expectation": {"tolerance": 1e-11}}
    keys = {"overlap": [[0.4], [-0.2]], "self_overlap": [[0.3, 0.05], [0.05, 0.2]]}
    attention = {"heads": 2, "activation": "softmax-1", "bias": "learned"}
    common = ONE | tight | {"training": training}
    values = op.solve(
        common
        | {"attention": attention | {"value": "learned", "head_weights": "sum"}}
        | {"initial": {"kind": "explicit", **keys, "value_alignment": [0.7, 0.2]}}
    )
    weights = op.solve(
        common
        | {"attention": attention | {"head_weights": "learned"}}
        | {"initial": {"kind": "explicit", **keys, "head_weights": [0.7, 0.2]}}
    )
    assert not CROSSES & set(values)
    for name in ("overlap", "self_overlap", "bias"):
        np.testing.assert_allclose(values[name], weights[name], atol=1e-8)
    np.testing.assert_allclose(values["value_alignment"], weights["head_weight"], atol=1e-8)
    np.testing.assert_allclose(values.risk, weights.risk, atol=1e-8)


@pytest.mark.parametrize("value", ["learned", "tied"])
@pytest.mark.parametrize("bias", ["norm", "none"])
def test_velocities_are_the_gradient_at_two_rates(value, bias):
    rate = 0.3 if value == "learned" else 1.0
    settings = TWO | {
        "attention.value": value, "attention.bias": bias, "training.weight_decay": 0.1
    }  # fmt: skip
    if value == "learned":
        settings["training.value_rate"] = rate
    table = ONE
    if value == "tied":
        given = ("overlap", "self_overlap", "key_target_overlap")
        kept = {f"initial.{name}": settings[f"initial.{name}"] for name in given}
        settings = {k: v for k, v in settings.items() if not k.startswith("initial.")} | kept
        table = ONE | {"initial": {"kind": "explicit", "overlap": [[0.3]]}}
    flow = model.flow(op.load(table, settings=settings))
    y, step = flow.initial_state, 1e-4
    found = flow.evaluate(y)
    lost = sum((found.gradient[name] * found.velocity[name]).sum() for name in found.state)
    risks = [flow.risk(flow.state(y + s * flow.derivative(0.0, y))) for s in (step, -step)]
    assert (risks[0] - risks[1]) / (2 * step) == pytest.approx(lost, rel=1e-5)
    vectors = flow.vectors(y)
    back = flow.point(found.state)
    for name, values in flow.state(back).items():
        np.testing.assert_allclose(values, found.state[name], atol=1e-12)
    gradient = flow.gradient(vectors, covariance=False)
    slopes = 2 * gradient.self_overlap @ vectors.weights + 0.1 * vectors.weights
    slopes[:, :2] += gradient.overlap
    rows = np.where(np.arange(len(slopes)) < 2, 1.0, rate)[:, None]
    moved = -rows * slopes @ vectors.weights.T
    velocity = flow.names.split(-(rows * slopes)[:, :2], moved + moved.T)
    for name, values in velocity.items():
        np.testing.assert_allclose(found.velocity[name], values, atol=1e-10)


def test_the_small_system_is_the_full_one_on_the_manifold():
    problem = op.load(ONE, settings=TWO | EVEN)
    small, full = model.flow(problem), descent_of_values(problem)
    state = small.state(small.initial_state)
    assert not CROSSES & set(state)
    found = small.evaluate(small.initial_state)
    other = full.evaluate(full.point(state))
    for name, values in found.velocity.items():
        np.testing.assert_allclose(values, other.velocity[name], atol=1e-7)
    for name in CROSSES:
        np.testing.assert_allclose(other.velocity[name], 0, atol=1e-12)


def test_equal_heads_stay_equal():
    settings = TWO | {
        "attention.head_weights": "mean",
        "initial.overlap": [[0.4], [0.4]],
        "initial.self_overlap": [[0.3, 0.3], [0.3, 0.3]],
        "initial.key_target_overlap": [0.1, 0.1],
        "initial.value_overlap": [[0.1], [0.1]],
        "initial.value_alignment": [0.3, 0.3],
        "initial.value_self_overlap": [[0.3, 0.3], [0.3, 0.3]],
        "initial.key_value_overlap": [[0.1, 0.1], [0.1, 0.1]],
        "training.duration": 1.0,
    }
    flow = model.flow(op.load(ONE, settings=settings))
    assert flow.initial_state.size == 2 * 2 + 2 * 4
    run = op.solve(ONE, settings=settings)
    assert (run["overlap"][:, 0] == run["overlap"][:, 1]).all()


SGD = {"training.learning_rate": 2.0, "training.value_rate": 0.25, "training.duration": 1.5,
       "training.weight_decay": 0.2, "simulation.dimension": 300,
       "simulation.replicas": 96}  # fmt: skip
KINDS = {
    "full": TWO | {"attention.bias": "norm"},
    "manifold": TWO | EVEN | {"attention.bias": "learned"},
    "bayes": TWO | {"attention.activation": "bayes-softmax", "attention.head_weights": "sum"},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_sgd_of_both_backends_follows_the_theory(kind):
    settings = KINDS[kind] | SGD
    theory = op.solve(ONE, settings=settings | {"training.rule": "sgd"})
    quiet = op.solve(ONE, settings=settings)
    far = {}
    for backend in ("gram", "direct"):
        run = op.simulate(ONE, settings=settings | {"simulation.backend": backend})
        for flow, name in ((theory, "noise"), (quiet, "none")):
            off = [
                (run[key][:, -1].mean(0) - flow[key][-1]).ravel()
                / (run[key][:, -1].std(0, ddof=1).ravel() / 96**0.5)
                for key in flow
            ]
            far[backend, name] = np.concatenate(off)
    for backend in ("gram", "direct"):
        assert np.abs(far[backend, "noise"]).max() < 4.5
        assert np.abs(far[backend, "none"]).max() > 9


@pytest.mark.filterwarnings("ignore")
def test_tied_sgd_follows_the_theory():
    table = ONE | {
        "initial": {"kind": "explicit", "overlap": [[0.3]], "key_target_overlap": [0.2]},
        "attention": {"heads": 1, "value": "tied"},
    }
    settings = {"training.learning_rate": 1.0, "training.duration": 1.5,
                "simulation.dimension": 300, "simulation.replicas": 96}  # fmt: skip
    theory = op.solve(table, settings=settings | {"training.rule": "sgd"})
    for backend in ("gram", "direct"):
        run = op.simulate(table, settings=settings | {"simulation.backend": backend})
        for key in theory:
            error = run[key][:, -1].std(0, ddof=1) / 96**0.5
            assert (np.abs(run[key][:, -1].mean(0) - theory[key][-1]) < 4.5 * error).all()


BALL = {
    "task": {
        "length": 4, "target": "scalar", "signal": {"kind": "spikes", "strengths": [5.0]},
    },
    "attention": {"heads": 1, "value": "learned", "activation": "softmax-1", "bias": "none"},
    "training": {"duration": 4.0, "value_rate": 0.7, "constraint": "sphere"},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.4]],
        "self_overlap": [[0.81]],
        "key_target_overlap": [0.1],
        "value_overlap": [[0.1]],
        "value_alignment": [0.3],
        "value_self_overlap": [[0.3]],
        "key_value_overlap": [[0.23]],
    },
    "output": {"points": 5},
}  # fmt: skip


def test_keys_and_values_on_spheres():
    run = op.solve(BALL)
    names = ("overlap", "key_target_overlap", "value_overlap", "value_alignment",
             "key_value_overlap")  # fmt: skip
    expected = [
        [0.6127715956, 0.0461904078, -0.0102585187, 0.5116893175, 0.0499440493],
        [0.8753432262, 0.0035190185, -0.0001692595, 0.5477128729, 0.0018564689],
    ]
    found = np.array([run[name].ravel()[[1, 4]] for name in names]).T
    np.testing.assert_allclose(found, expected, atol=3e-6)
    np.testing.assert_allclose(run.risk[[1, 4]], [0.6439125062, 0.5044029129], atol=3e-6)
    for name in ("self_overlap", "value_self_overlap"):
        np.testing.assert_allclose(np.ptp(run[name]), 0, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "rule",
    [{"constraint": "sphere"}, {"momentum": 0.5}, {"schedule": {"kind": "inverse", "time": 1.0}}],
    ids=["sphere", "momentum", "schedule"],
)
def test_other_rules_of_learning(rule):
    training = {"rule": "sgd", "value_rate": 0.7, "duration": 1.0, **rule}
    table = BALL | {"training": training, "output": {"points": 3}}
    settings = {"simulation.replicas": 64, "simulation.dimension": 800}
    theory = op.solve(table)
    run = op.simulate(table, settings=settings)
    for key in theory:
        found = run[key][:, -1].ravel()
        error = found.std(ddof=1) / 8 + 1e-6  # of the integrator
        assert abs(found.mean() - theory[key][-1].item()) < 4.5 * error


def test_mass_on_nothing_is_that_of_keys():
    start = op.evaluate(BALL)
    keys = {"kind": "explicit", "overlap": [[0.4]], "self_overlap": [[0.81]]}
    known = BALL | {"initial": keys, "training": {}}
    known["attention"] = BALL["attention"] | {"value": "known"}
    expected = op.evaluate(known).observables["nothing"]
    np.testing.assert_allclose(start.observables["nothing"], expected, atol=1e-9)


def test_random_values_are_drawn_like_keys():
    table = ONE | {"initial": {"variance": 0.2, "dimension": 50, "seed": 3}}
    state = op.evaluate(table).parameters
    assert all(np.abs(values).min() > 0 for values in state.values())
    zero = op.evaluate(table, settings={"initial.values": "zero"}).parameters
    assert zero["value_self_overlap"] == zero["value_alignment"] == 0
    assert zero["overlap"] == state["overlap"]
    run = op.simulate(
        table,
        settings={"initial.values": "zero", "simulation.dimension": 400, "training.duration": 0.01},
    )
    assert (run["value_self_overlap"][:, 0] == 0).all()
    assert run["self_overlap"][:, 0].mean() == pytest.approx(0.2, rel=0.2)
    on_it = op.evaluate(ONE | {"initial": {"variance": 0.0}}).parameters
    assert not CROSSES & set(on_it)


@pytest.mark.parametrize(
    ("initial", "length", "rate"),
    [
        ({"overlap": [[0.0]]}, 3, -0.403350),
        (
            {"overlap": [[2.0]], "value_alignment": [1.0]},
            3,
            0.113,
        ),
        (
            {"overlap": [[1.0]], "self_overlap": [[2.0]], "value_alignment": [-1.0],
             "value_self_overlap": [[2.0]]},
            3,
            -0.598,
        ),
    ],
    ids=["origin", "Bayes point", "wrong way"],
)  # fmt: skip
def test_lowest_eigenvalue_across_the_manifold(initial, length, rate):
    problem = op.load(start(**initial), settings={"task.noise": 0.0, "task.length": length})
    state = op.evaluate(problem).parameters
    assert transverse_rates(problem, [state])[0] == pytest.approx(rate, abs=6e-4)


def test_growth_off_the_manifold_is_what_the_eigenvalue_says():
    tiny = 1e-5
    table = start(overlap=[[0.0]], self_overlap=[[tiny**2]], key_target_overlap=[tiny])
    run = op.solve(table, settings={"training.duration": 1e-3, "training.value_rate": 0.5})
    problem = op.load(table, settings={"training.value_rate": 0.5})
    matrix = np.array([[0, -8 / 9], [-8 / 9, 14 / 9]])  # of K·v* and U·k*, at K = U = 0
    rates = np.sqrt([1.0, 0.5])
    lowest = np.linalg.eigvalsh(rates[:, None] * matrix * rates)[0]
    assert transverse_rates(problem, [run.state(0)])[0] == pytest.approx(lowest, abs=1e-4)
    moved = (run["value_overlap"][-1, 0, 0]) / (1e-3 * tiny)
    assert moved == pytest.approx(0.5 * 8 / 9, rel=2e-3)


def test_an_analysis_tells_of_values():
    found = op.analyze(ONE, settings={"training.duration": 6.0})
    names = [chapter.name for chapter in found.chapters]
    own = {"ends", "manifold", "stability", "values", "saddles"}
    assert set(names) == own | {"least", "removals"}, names
    assert (found.chapter("stability")["transverse_rate"] > -1).all()
    tied = op.analyze("tied-values", settings={"training.duration": 20.0})
    cosines = tied.chapter("conflict")["cosine"]
    assert cosines[0] > 0.9
    assert cosines[1] < -0.99


BAD = {
    "tied needs": ({"task": ONE["task"] | {"target": "token", "noise": 0.0}}, "target = 'token'"),
    "no values": ({"attention": {"heads": 1}}, "attention.value = 'known'"),
    "tied": ({"attention": {"heads": 1, "value": "tied"}}, "values are the keys"),
    "random": ({"initial": {"value_alignment": [0.1]}}, "initial.kind = 'random'"),
    "number": (start(overlap=[[0.1]], value_alignment=[0.1, 0.2]), "expected 1 number, one a head"),
    "rows": (start(overlap=[[0.1]], value_overlap=[[0.1, 0.2]]), "expected 1 row .* of 1 number$"),
    "gram": (
        start(overlap=[[0.1]], value_alignment=[0.5], key_value_overlap=[[0.3]]),
        "least eigenvalue -0.3",
    ),
    "short": (
        start(overlap=[[0.1]], self_overlap=[[0.01]], key_target_overlap=[0.2]),
        "least eigenvalue -0.04",
    ),
    "dimension": ({"initial": {"dimension": 3}}, "at least 4"),
    "sphere": (
        start(overlap=[[0.3]]) | {"training": {"constraint": "sphere"}}, "no direction"
    ),
    "weights": (
        {"attention": {"heads": 1, "value": "learned", "activation": "bayes-softmax",
                       "head_weights": "learned"}},
        "bayes-softmax has no head weights",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_a_start_cannot_be_is_said(case):
    table, words = BAD[case]
    with pytest.raises(ConfigurationError, match=words):
        op.load(ONE | table)


def test_a_key_shorter_than_its_overlaps_is_told_once():
    with pytest.raises(ConfigurationError, match=r"initial\.self_overlap: q - m") as told:
        op.load(ONE | start(overlap=[[0.5]], self_overlap=[[0.2]], key_target_overlap=[0.2]))
    assert "errors" not in str(told.value)


@pytest.mark.parametrize(
    "settings",
    [{"training.rule": "sgd"}, {"attention.activation": "bayes-softmax"}],
    ids=["noise", "joint"],
)
def test_quadrature_that_there_is_not_is_not_promised(settings):
    with pytest.raises(ConfigurationError, match="has no rule"):
        op.evaluate(ONE, settings={"expectation.engine": "quadrature", **settings})
