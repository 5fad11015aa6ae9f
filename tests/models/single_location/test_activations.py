"""Activations other than the exponential: sampling, closed forms, quadrature, configuration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from activation_cases import PLAIN, activation, attend, moments
from node_sequences import sequences

import orderparams as op
from orderparams.errors import ConfigurationError, SolverError
from orderparams.expectations import elementwise
from orderparams.expectations.curves import tabulate
from orderparams.models.single_location.activations.table import TABLE
from orderparams.models.single_location.engines.curved import CurvedSampling
from orderparams.models.single_location.engines.elementwise import Elementwise
from orderparams.models.single_location.engines.scored import ScoredQuadrature
from orderparams.models.single_location.examples import SEED, attend_to_examples, draw
from orderparams.models.single_location.setup import Heads
from orderparams.models.single_location.task import Signal, Task, spikes

SIGNAL = Signal(
    np.array([0.4, 0.6]),
    np.array([[1.5, 0.2], [-0.5, 1.8]]),
    np.array([np.zeros((2, 2)), [[0.4, 0.1], [0.1, 0.2]]]),
)
WEIGHTS = np.array([[0.9, 0.3, 0.2, 0.0], [-0.5, 0.2, 0.4, 0.6]])
BIAS = np.array([0.3, -0.2])
LINE = np.array([1.0, 0.7])
HEADS = (WEIGHTS, BIAS, LINE)

NAMES = ("linear", "erf", "softplus")
CLOSED = ("linear", "erf")


def make_task(*lengths: int, target: str = "token", noise: float = 0.0) -> Task:
    """Equal weights on the lengths."""
    return Task(np.array(lengths), np.full(len(lengths), 1 / len(lengths)), SIGNAL, target, noise)


def offset_of(name: str) -> dict[str, float]:
    """A constant in the attention weights, where there is one."""
    return {"offset": 0.2} if TABLE[name].elementwise else {}


def normal_grid(dimension: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Hermite nodes (N, dimension) and weights (N,)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    weights = weights / weights.sum()
    x = np.array(list(itertools.product(nodes, repeat=dimension)))
    return x, np.prod(list(itertools.product(weights, repeat=dimension)), axis=1)


@pytest.mark.parametrize("name", NAMES)
def test_a_curve_has_the_derivatives_of_phi(name):
    """Normalised activations give log φ: φ′/φ and φ″/φ − (φ′/φ)²."""
    x = np.array([-700.0, -40.0, -18.5, -17.5, -3.0, -0.2, 0.0, 1.4, 25.0, 40.0, 700.0])
    found = np.empty((3, x.size))
    tabulate(TABLE[name].curve(), x, found)
    phi, first, second = PLAIN[name](x)
    if not TABLE[name].elementwise:
        phi, first = np.logaddexp(0.0, x), first / np.logaddexp(0.0, x)
        second = second / phi - first**2
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found[0], np.log(phi), rtol=1e-14, atol=1e-16)
        np.testing.assert_allclose(found[1], first, rtol=1e-7)
        return
    np.testing.assert_allclose(found, [phi, first, second], rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("target", ["token", "scalar"])
@pytest.mark.parametrize("name", NAMES)
def test_sampling_equals_plain_numpy_on_the_same_nodes(name, target):
    """A law on lengths uses the first tokens."""
    task = make_task(2, 4, target=target, noise=0.3 * (target == "scalar"))
    kappa = 0.4 * (name == "softplus")
    engine = CurvedSampling(task, activation(name, kappa), 2, samples=256, seed=3)
    found = engine.evaluate(*HEADS, gradient_covariance=True, **offset_of(name))
    x, masses = sequences(SIGNAL, 4, 2, engine.samples, seed=3)
    masses = masses / masses.sum()
    label = task.noise if target == "scalar" else None
    parts = [
        moments(
            name, x[:, :length], masses, HEADS, offset_of(name).get("offset", 0.0), kappa, label
        )
        for length in (2, 4)
    ]
    for key in ("risk", "self_overlap_gradient", "bias_gradient", "head_weight_gradient",
                "offset_gradient", "gradient_covariance"):  # fmt: skip
        expected = np.mean([getattr(part, key) for part in parts], axis=0)
        np.testing.assert_allclose(getattr(found, key), expected, rtol=0, atol=1e-13, err_msg=key)
    drift = found.overlap_gradient + 2 * found.self_overlap_gradient @ WEIGHTS[:, :2]
    expected = np.mean([part.weights_gradient for part in parts], axis=0)[:, :2]
    np.testing.assert_allclose(drift, expected, rtol=0, atol=1e-13)
    assert engine.risk(*HEADS, **offset_of(name)).value == found.risk


COVARIANCES = {
    "generic": [[1.3, 0.4], [0.4, 0.7]],
    "equal heads": [[0.8, 0.8], [0.8, 0.8]],
    "opposite heads": [[0.8, -0.8], [-0.8, 0.8]],
    "independent": [[2.0, 0.0], [0.0, 0.1]],
    "no heads": [[0.0, 0.0], [0.0, 0.0]],
    "one head": [[1.5, 0.0], [0.0, 0.0]],
}


@pytest.mark.parametrize("covariance", COVARIANCES.values(), ids=COVARIANCES)
@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_equal_trapezoid_rules(name, covariance):
    """Also where means are zero on one axis or on both, and where heads coincide."""
    means = np.array([[0.0, 0.0], [0.7, 0.0], [0.0, -0.4], [0.3, 0.3], [-0.6, 0.6], [1.1, 0.2]])
    covariances = np.array([covariance] * len(means))
    curve = TABLE[name].curve()
    expected, error = elementwise.expected(curve, means, covariances, 1e-13)
    assert error < 1e-13
    for found, part in zip(curve.expected(means, covariances), expected, strict=True):
        np.testing.assert_allclose(found, part, rtol=0, atol=5e-15)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_the_risk(name):
    """Central differences in the reduced weights, biases, head weights and the offset."""
    task, act = make_task(2, 4), activation(name, 0.3 * (name == "softplus"))
    scored = not act.elementwise
    engine = (ScoredQuadrature if scored else Elementwise)(task, act, tolerance=1e-11)
    found, offset = engine.evaluate(*HEADS, **offset_of(name)), offset_of(name)

    def slope(which: int, index) -> float:
        values = []
        for sign in (1, -1):
            moved = [part.copy() for part in HEADS]
            moved[which][index] += sign * 1e-4
            values.append(engine.risk(*moved, **offset).value)
        return (values[0] - values[1]) / 2e-4

    expected = 2 * found.self_overlap_gradient @ WEIGHTS
    expected[:, :2] += found.overlap_gradient
    for index in np.ndindex(WEIGHTS.shape):
        assert slope(0, index) == pytest.approx(expected[index], abs=3e-8)
    for h in range(2):
        assert slope(1, h) == pytest.approx(found.bias_gradient[h], abs=3e-8)
        assert slope(2, h) == pytest.approx(found.head_weight_gradient[h], abs=3e-8)
    if not scored:
        up, down = (engine.risk(*HEADS, offset=0.2 + step).value for step in (1e-4, -1e-4))
        assert (up - down) / 2e-4 == pytest.approx(found.offset_gradient, abs=3e-8)
    assert engine.risk(*HEADS, **offset).value == pytest.approx(found.risk, abs=1e-12)


@pytest.mark.parametrize("target", ["token", "scalar"])
@pytest.mark.parametrize("name", CLOSED)
def test_closed_noise_equals_tensor_quadrature(name, target):
    """V of one head and three tokens, by Gauss–Hermite in their logits and the plain formulas."""
    signal, noise = spikes([2.0]), 0.4 * (target == "scalar")
    task = Task(np.array([3]), np.ones(1), signal, target, noise)
    weights, bias, v = np.array([[0.5, 0.3]]), np.array([0.2]), np.array([0.8])
    engine = Elementwise(task, activation(name))
    found = engine.evaluate(weights, bias, v, gradient_covariance=True, offset=0.1)
    g, masses = normal_grid(3, 40)
    deviation = np.hypot(0.5, 0.3)
    x = np.stack([deviation * g, np.zeros_like(g)], axis=2)
    x[:, 0, 0] += 0.5 * np.sqrt(2.0)
    logits = (np.array([[1.0, 0.0]]), bias, v)
    label = noise if target == "scalar" else None
    expected = moments(name, x, masses, logits, 0.1, 0.0, label)
    np.testing.assert_allclose(found.risk, expected.risk, rtol=1e-9)
    np.testing.assert_allclose(found.gradient_covariance, expected.gradient_covariance, rtol=1e-8)


@pytest.mark.parametrize("target", ["token", "scalar"])
@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_agree_with_sampling(name, target):
    """Two heads, a mixture, two lengths; the error of sampling is three standard errors."""
    task = make_task(2, 5, target=target, noise=0.3 * (target == "scalar"))
    exact = Elementwise(task, activation(name)).evaluate(
        *HEADS, gradient_covariance=True, offset=0.2
    )
    sampled = CurvedSampling(task, activation(name), 2, samples=2**14, seed=1).evaluate(
        *HEADS, gradient_covariance=True, offset=0.2
    )
    for key in ("risk", "overlap_gradient", "self_overlap_gradient", "bias_gradient"):
        difference = np.abs(np.asarray(getattr(exact, key)) - getattr(sampled, key)).max()
        assert difference < sampled.error, key
    away = np.abs(exact.gradient_covariance - sampled.gradient_covariance).max()
    assert away < sampled.gradient_covariance_error
    assert exact.error < 1e-13


@pytest.mark.parametrize("kappa", [0.0, 0.5])
def test_softplus_equals_tensor_quadrature(kappa):
    """Risk, A and G of two heads and two tokens, by Gauss–Hermite in the four logits."""
    task = Task(np.array([2]), np.ones(1), spikes([4.0]))
    weights = np.array([[0.8, 0.5, 0.0], [-0.4, 0.3, 0.6]])
    engine = ScoredQuadrature(task, activation("softplus", kappa), tolerance=1e-10)
    found = engine.evaluate(weights, BIAS, LINE)
    g, masses = normal_grid(4, 22)
    factor = np.linalg.cholesky(weights @ weights.T)
    logits = np.einsum("hk,nkl->nhl", factor, g.reshape(-1, 2, 2)) + BIAS[:, None]
    logits[:, :, 0] += weights[:, 0] * 2.0
    residual = attend("softplus", logits, LINE, kappa=kappa) - np.eye(2)[0]
    assert found.risk == pytest.approx(masses @ (residual**2).sum(1), abs=1e-8)
    assert found.error < 1e-9


def test_softplus_of_three_tokens():
    """The same of one head, by 40³ nodes, with A and G from derivatives in the head weight."""
    task, weights = Task(np.array([3]), np.ones(1), spikes([4.0])), np.array([[1.2, 0.5]])
    engine = ScoredQuadrature(task, activation("softplus"), tolerance=1e-11)
    g, masses = normal_grid(3, 40)
    logits = 1.3 * g[:, None]
    logits[:, :, 0] += 2.4
    a = attend("softplus", logits, np.ones(1))
    attended, overlap = masses @ a[:, 0], masses @ (a**2).sum(1)
    for u in (1.0, 0.6):
        found = engine.evaluate(weights, np.zeros(1), np.array([u]))
        assert found.risk == pytest.approx(1 - 2 * u * attended + u**2 * overlap, abs=1e-10)
        slope = 2 * (u * overlap - attended)
        assert found.head_weight_gradient[0] == pytest.approx(slope, abs=1e-10)


def test_softplus_of_equal_heads_is_that_of_one():
    """Identity: shares are equal; and of a million tokens those near zero share them."""
    one = ScoredQuadrature(make_task(3), activation("softplus"), tolerance=1e-10)
    single = one.evaluate(WEIGHTS[:1, :3], BIAS[:1], np.ones(1))
    twin = np.array([[0.9, 0.3, 0.2, 0.0]] * 2)
    both = one.evaluate(twin, np.full(2, 0.3), np.full(2, 0.5))
    assert both.risk == pytest.approx(single.risk, abs=1e-11)
    np.testing.assert_allclose(
        both.overlap_gradient, np.tile(single.overlap_gradient / 2, (2, 1)), atol=1e-10
    )
    million = Task(np.array([10**6]), np.ones(1), spikes([1.0]))
    long = ScoredQuadrature(million, activation("softplus"))
    found = long.risk(np.zeros((1, 2)), np.zeros(1), np.ones(1))
    assert found.value == pytest.approx(1 - 1e-6, abs=1e-9)


def test_softplus_agrees_with_sampling():
    """Large, strongly correlated logits of three heads, two of them equal."""
    weights = np.array([[1.5, 0.3, 0.2, 0.0, 0.0], [1.2, 0.5, 0.1, 0.4, 0.0]])
    weights = weights[[0, 1, 1]]
    bias, v = np.array([0.3, -0.2, -0.2]), np.array([0.7, 0.4, 0.3])
    exact = ScoredQuadrature(make_task(2, 4), activation("softplus")).evaluate(weights, bias, v)
    sampled = CurvedSampling(make_task(2, 4), activation("softplus"), 3, samples=2**13, seed=1)
    found = sampled.evaluate(weights, bias, v)
    for key in ("risk", "overlap_gradient", "self_overlap_gradient", "bias_gradient"):
        difference = np.abs(np.asarray(getattr(exact, key)) - getattr(found, key)).max()
        assert difference < found.error, key


@pytest.mark.parametrize(("name", "size"), [("erf", 1e7), ("softplus", 100.0)])
def test_logits_out_of_range_are_refused(name, size):
    act = activation(name)
    engine = (Elementwise if act.elementwise else ScoredQuadrature)(make_task(3), act)
    with pytest.raises(SolverError, match="serves"):
        engine.risk(size * WEIGHTS, BIAS, LINE)


BASE = {
    "task": {"length": 4, "signal": {"kind": "spikes", "strengths": [4.0]}},
    "attention": {"heads": 1, "activation": "linear"},
    "training": {"duration": 400.0},
    "initial": {"kind": "explicit", "overlap": [[0.5]]},
}


LINE_OF = {"slope": "logit_slope", "intercept": "intercept"}
RATES = {name: key for key, name in LINE_OF.items()}


def test_learned_linear_attention_becomes_the_best():
    """E = L(L−1)/(L² + (L−1)ν) (theory 7), from a head with or without a slope of its own."""
    for learned in (("intercept",), ("intercept", "slope")):
        run = op.solve(op.load(BASE, [f"attention.{key}=learned" for key in learned]))
        assert run.risk[-1] == pytest.approx(12 / (16 + 3 * 4), abs=1e-9)
        assert all(run[LINE_OF[key]][-1] != run[LINE_OF[key]][0] for key in learned)


@pytest.mark.parametrize("name", NAMES)
def test_learned_numbers_have_the_gradient_of_the_risk(name):
    """Central differences in the start of each; they descend at their rates."""
    given = {"head_weight": [0.5, 0.7]}
    if name != "linear":
        given["bias"] = [0.1, -0.3]
    if TABLE[name].elementwise:
        given["intercept"] = [0.2, -0.1]
    if TABLE[name].sloped:
        given["logit_slope"] = [0.9, 1.3]
    keys = {"head_weight": "head_weights", "logit_slope": "slope"}
    keys = {name: keys.get(name, name) for name in given}
    learned = [f"attention.{keys[key]}=learned" for key in given]
    learned += [f"training.{RATES.get(key, key)}_rate={0.5 + i}" for i, key in enumerate(given)]
    place = ["initial.overlap=[[0.5],[-0.2]]", "initial.self_overlap=[[0.4,0.1],[0.1,0.5]]"]

    def evaluated(numbers):
        starts = [f"initial.{keys[key]}={values}" for key, values in numbers.items()]
        changes = [f"attention.activation={name}", "attention.heads=2", *learned, *place, *starts]
        return op.evaluate(op.load(BASE, [*changes, "expectation.tolerance=1e-11"]))

    found = evaluated(given)
    for i, key in enumerate(given):
        for h in range(2):
            risks = []
            for sign in (1, -1):
                moved = [*given[key]]
                moved[h] += sign * 1e-4
                risks.append(evaluated({**given, key: moved}).risk)
            slope = (risks[0] - risks[1]) / 2e-4
            assert found.gradient[key][h] == pytest.approx(slope, abs=2e-8)
            assert found.velocity[key][h] == pytest.approx(-(0.5 + i) * slope, abs=1e-7)


REFUSED = {
    "linear with a bias": (["attention.bias=learned"], "attention.intercept"),
    "a norm bias": (["attention.activation=erf", "attention.bias=norm"], "no meaning for erf"),
    "a norm bias of softplus": (
        ["attention.activation=softplus", "attention.bias=norm"],
        "no meaning for softplus",
    ),
    "a normaliser": (["attention.kappa=1"], "normaliser"),
    "a slope of erf": (["attention.activation=erf", "attention.slope=2"], "scale the head weights"),
    "an intercept of softmax": (
        ["attention.activation=softmax", "attention.intercept=0.1"],
        "only erf and linear",
    ),
    "a start of what is given": (["initial.slope=[1]"], "attention.slope = 'learned'"),
    "a list of another length": (["attention.slope=[1, 2]"], "expected 1 number,"),
    "a word": (["attention.slope=mean"], "learned, a number, a list of numbers"),
}


@pytest.mark.parametrize(("settings", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_contradictory_is_refused(settings, words):
    with pytest.raises(ConfigurationError, match=r"attention|initial") as caught:
        op.load(BASE, settings)
    assert words in str(caught.value)


def test_noise_of_softplus_is_sampled_and_said_to_be():
    settings = ["attention.activation=softplus", "training.rule=sgd", "expectation.samples=256"]
    assert "sampling for V" in op.evaluate(op.load(BASE, settings)).engine
    with pytest.raises(ConfigurationError, match="no rule for the gradient covariance"):
        op.evaluate(op.load(BASE, [*settings, "expectation.engine=quadrature"]))
    assert op.evaluate(op.load(BASE, ["training.rule=sgd"])).engine == "closed form"


def test_commands_show_slopes_and_intercepts(run, tmp_path):
    (tmp_path / "linear.toml").write_text(
        """
        task = { length = 4, signal = { kind = "spikes", strengths = [4] } }
        attention = { heads = 2, activation = "linear", slope = "learned", intercept = "learned" }
        training = { duration = 5 }
        """,
        "utf-8",
    )
    status, out, err = run("solve", "linear.toml")
    assert status == 0, err
    assert "engine     closed form" in out
    assert "m_1        q        s        c" in out
    assert run("export", "linear.h5", "--to", "csv")[0] == 0
    rows = (tmp_path / "linear.csv").read_text("utf-8")
    assert "slope" in rows
    assert "intercept" in rows
    status, _, err = run("evaluate", "linear.toml", "-s", "attention.bias=learned")
    assert (status, err.count("\n")) == (2, 1)
    assert "attention.intercept" in err


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_attended_to_by_the_plain_formula(name):
    """What figures of attention show, written out."""
    line = {"logit_slope": np.array([0.9, 1.2]), "intercept": np.array([0.2, -0.1])}
    line = line if TABLE[name].elementwise else {}
    heads = Heads(WEIGHTS[:, :2], np.diag([0.4, 0.6]), BIAS, LINE, line)
    task, act = make_task(5), activation(name, 0.3 * (name == "softplus"))
    [found] = attend_to_examples(task, act, [heads])
    drawn = draw(task, 2, np.random.default_rng(SEED))
    for example, sequence in zip(found, drawn, strict=False):
        logits = heads.weights @ sequence.tokens.T + BIAS[:, None]
        v, offset = LINE * heads.slope, float(LINE @ heads.intercept)
        expected = attend(name, logits, v, offset, act.kappa)
        np.testing.assert_allclose(example.attention, expected, rtol=0, atol=1e-14)


def test_what_softplus_heads_leave_to_nothing():
    """κ/(κ + Σφ) by Gauss–Hermite in the logits of two tokens, by component of the signal."""
    kappa, signal = 0.7, spikes([4.0, 1.0])
    engine = ScoredQuadrature(
        Task(np.array([2]), np.ones(1), signal), activation("softplus", kappa), tolerance=1e-10
    )
    overlap, square = np.array([[0.8, -0.3]]), np.array([[1.1]])
    found = engine.nothing(overlap, square, np.array([0.2]))
    g, masses = normal_grid(2, 60)
    expected = []
    for mean in signal.means:
        logits = 0.2 + np.sqrt(1.1) * g
        logits[:, 0] += overlap[0] @ mean
        phi = PLAIN["softplus"](logits)[0]
        expected.append(masses @ (kappa / (kappa + phi.sum(1))))
    np.testing.assert_allclose(found[:, 0], expected, rtol=0, atol=1e-9)
    settings = ["attention.activation=softplus", "attention.kappa=0.7", "training.duration=1"]
    run = op.solve(op.load(BASE, settings))
    assert ((run["nothing"] > 0) & (run["nothing"] < 1)).all()


def test_an_analysis_of_learned_slopes_is_read_as_it_was(tmp_path):
    """The derivative that is left at a point and the slope of a head have names of their own."""
    learned = ["attention.slope=learned", "attention.intercept=learned"]
    found = op.analyze(op.load(BASE, [*learned, "training.duration=20", "output.points=6"]))
    found.save(tmp_path / "found.h5")
    again = op.open(tmp_path / "found.h5")
    for name in LINE_OF.values():
        np.testing.assert_array_equal(again.optimum.state[name], found.optimum.state[name])
    assert again.optimum.point.residual == found.optimum.point.residual
