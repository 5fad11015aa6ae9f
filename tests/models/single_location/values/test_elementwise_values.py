"""Keys and values of erf and linear attention: risk, gradient, V, flow and SGD.

Oracles: Gauss–Hermite rules over the logits with all other fields conditioned on them, complex
steps and differences, sequences drawn with NumPy, known values, and numbers that two routes agree
on.
"""

import dataclasses

import numpy as np
import pytest
from activation_cases import PLAIN, activation
from scipy.integrate import solve_ivp
from scipy.special import erf

import orderparams as op
from orderparams.errors import ConfigurationError, SolverError
from orderparams.models.single_location import model
from orderparams.models.single_location.curved_sgd import CurvedRule, Lines
from orderparams.models.single_location.engines.elementwise import Elementwise
from orderparams.models.single_location.setup import build_task
from orderparams.models.single_location.task import Signal, Task
from orderparams.models.single_location.values import curved_sgd
from orderparams.models.single_location.values.curved import CurvedValueSampling
from orderparams.models.single_location.values.elementwise import ElementwiseValues
from orderparams.models.single_location.values.elementwise_noise import ElementwiseNoise
from orderparams.models.single_location.values.heads import build_values
from orderparams.models.single_location.values.sgd import value_model
from orderparams.models.single_location.values.stability import conflict

MIXED = Signal(np.array([0.6, 0.4]), np.array([[2.0], [-1.0]]), np.array([[[0.0]], [[0.3]]]))
TASK = Task(np.array([4]), np.ones(1), MIXED, "scalar", 0.1, 0.7**0.5)
RANDOM = dataclasses.replace(
    TASK, lengths=np.array([1, 2, 5]), length_weights=np.array([0.2, 0.3, 0.5])
)
K = [[0.9, 0.2, 0.3, 0.0], [-0.5, 0.1, 0.2, 0.4]]
U = [[0.1, 0.8, 0.2, 0.0], [0.2, 0.5, 0.0, 0.3]]
ROWS = np.zeros((4, 6))
ROWS[:, :4] = K + U
WEIGHTS, CONSTANTS = np.array([1.0, 0.7]), np.array([0.2, -0.3])
BIAS = np.array([0.2, -0.3])
BOTH = np.concatenate([WEIGHTS, CONSTANTS])


def gradient(found, rows=ROWS, known=2):
    """∂E/∂T of moments."""
    slopes = 2 * found.self_overlap_gradient @ rows
    slopes[:, :known] += found.overlap_gradient
    return slopes


@pytest.mark.parametrize(
    ("name", "weights", "risk"),
    [
        ("erf", [1.0, 0.7, 0.0, 0.0], 2.214060208895),
        ("erf", [1.0, 0.7, 1.0, 0.7], 6.734744932019),
        ("linear", [0.2, 0.14, 0.25, 0.175], 0.79330287736),
    ],
    ids=["erf", "1+erf", "linear"],
)
def test_two_heads_anywhere(name, weights, risk):
    engine = ElementwiseValues(TASK, activation(name), 2)
    found = engine.evaluate(ROWS, np.zeros(2), np.array(weights))
    assert found.risk == pytest.approx(risk, abs=1e-12)
    assert found.error < 1e-12
    if weights[2] == 0:
        slopes = gradient(found)
        keys = [0.153701544259, 3.293851343460, 0.965958811152, 0.463270292036]
        values = [-2.311797729059, 0.206335347553, 0.504257544853, 1.726724862874]
        np.testing.assert_allclose(slopes[0, :4], keys, rtol=0, atol=2e-12)
        np.testing.assert_allclose(slopes[3, :4], values, rtol=0, atol=2e-12)


def conditioned_risk(name, task, rows, bias, both):
    """E of two heads, tokens by tokens: fields and z given both logits on a Gauss–Hermite grid."""
    g, w = np.polynomial.hermite_e.hermegauss(90)
    x, w = np.stack(np.meshgrid(g, g), -1).reshape(-1, 2), np.outer(w, w).ravel() / w.sum() ** 2
    m = rows[:, :2]
    q, variance = rows @ rows.T, task.signal_variance

    def token(mean, covariance):
        """E[F], E[F²], E[Fz] of fields (χ, χ', ω, ω', z)."""
        root = np.linalg.cholesky(covariance[:2, :2])
        logits = mean[:2] + x @ root.T
        turn = covariance[2:, :2] @ np.linalg.inv(covariance[:2, :2])
        rest = covariance[2:, 2:] - turn @ covariance[:2, 2:]
        given = mean[2:] + (logits - mean[:2]) @ turn.T
        a = both[2:] + both[:2] * PLAIN[name](logits)[0]
        f = (a * given[:, :2]).sum(1)
        square = f**2 + np.einsum("ni,ij,nj->n", a, rest[:2, :2], a)
        return np.array([w @ f, w @ square, w @ (f * given[:, 2] + a @ rest[:2, 2])])

    cov = np.zeros((5, 5))
    cov[:4, :4] = q
    noise = token(np.append(bias, np.zeros(3)), cov + np.diag([0, 0, 0, 0, 1.0]))
    signal = np.zeros(3)
    for weight, mu, sigma in zip(
        task.signal.weights, task.signal.means, task.signal.covariances, strict=True
    ):
        cov[:4, :4] = variance * q + sigma[0, 0] * np.outer(m[:, 0], m[:, 0])
        cov[:4, 4] = cov[4, :4] = variance * m[:, 1]
        cov[4, 4] = variance
        mean = np.append(m[:, 0] * mu[0], 0.0)
        mean[:2] += bias
        signal += weight * token(mean, cov)
    total = variance + task.label_noise + signal[1] - 2 * signal[2]
    for length, share in zip(task.lengths, task.length_weights, strict=True):
        n = length - 1
        beside = noise[1] + 2 * signal[0] * noise[0] + (n - 1) * noise[0] ** 2
        total += share * n * beside
    return total


@pytest.mark.parametrize("name", ["erf", "linear"])
def test_by_conditioning_on_logits(name):
    engine = ElementwiseValues(RANDOM, activation(name), 2)
    found = engine.evaluate(ROWS, BIAS, BOTH)
    expected = conditioned_risk(name, RANDOM, ROWS, BIAS, BOTH)
    assert found.risk == pytest.approx(expected, abs=1e-11)
    step, generator = 1e-4, np.random.default_rng(0)
    rows, bias, both = (generator.standard_normal(of.shape) for of in (ROWS, BIAS, BOTH))
    for by, slope in (
        ((rows, 0, 0), (gradient(found) * rows).sum()),
        ((0, bias, 0), found.bias_gradient @ bias),
        ((0, 0, both), found.head_weight_gradient @ both),
    ):
        ends = [
            conditioned_risk(name, RANDOM, ROWS + s * by[0], BIAS + s * by[1], BOTH + s * by[2])
            for s in (step, -step)
        ]
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("name", ["erf", "linear"])
def test_equal_heads_are_one(name):
    single = np.array([[0.9, 0.2, 0.3, 0.0], [0.1, 0.8, 0.2, 0.0]])
    double = np.zeros((4, 6))
    double[:, :4] = single.repeat(2, axis=0)
    two = ElementwiseValues(TASK, activation(name), 2).evaluate(double, BIAS[[0, 0]], BOTH)
    one = ElementwiseValues(TASK, activation(name), 1).evaluate(
        single, BIAS[:1], np.add.reduceat(BOTH, [0, 2])
    )
    assert two.risk == pytest.approx(one.risk, abs=1e-13)
    merged = np.add.reduceat(gradient(two, double), [0, 2], axis=0)
    np.testing.assert_allclose(merged[:, :4], gradient(one, single), atol=1e-12)


@pytest.mark.parametrize("name", ["erf", "linear"])
def test_values_along_the_target_are_head_weights(name):
    """Of known values the head weights are u m^v and the offset Σ_h d_h m^v_h."""
    rows = np.zeros((4, 6))
    rows[:2, [0, 2, 3]] = np.array(K)[:, [0, 2, 3]]
    along = np.array([0.8, 0.5])
    rows[2:, 1] = along
    found = ElementwiseValues(TASK, activation(name), 2).evaluate(rows, BIAS, BOTH)
    keys = np.ascontiguousarray(rows[:2, [0, 2, 3]])
    known = Elementwise(TASK, activation(name)).evaluate(
        keys, BIAS, WEIGHTS * along, offset=float(CONSTANTS @ along)
    )
    assert found.risk == pytest.approx(known.risk, abs=1e-13)
    slopes = gradient(found, rows)
    np.testing.assert_allclose(slopes[:2, [0, 2, 3]], gradient(known, keys, 1), atol=1e-12)
    of_values = WEIGHTS * known.head_weight_gradient + CONSTANTS * known.offset_gradient
    np.testing.assert_allclose(slopes[2:, 1], of_values, atol=1e-12)
    np.testing.assert_array_equal(slopes[:2, 1], 0)
    np.testing.assert_array_equal(slopes[2:, [0, 2, 3]], 0)


def drawn_noise(name, task, count, seed):
    """V of sequences drawn one by one, and its standard error; the signal in the first token."""
    generator = np.random.default_rng(seed)
    chosen = generator.choice(2, count, p=task.signal.weights)
    theta = task.signal.means[chosen, 0] + np.sqrt(
        task.signal.covariances[chosen, 0, 0]
    ) * generator.standard_normal(count)
    x = generator.standard_normal((count, int(task.lengths[0]), ROWS.shape[1]))
    x[:, 0] *= task.signal_noise
    x[:, 0, 0] += theta
    fields = x @ ROWS.T
    phi, slope, _ = PLAIN[name](fields[..., :2] + BIAS)
    a = CONSTANTS + WEIGHTS * phi
    error = (a * fields[..., 2:]).sum((1, 2)) - x[:, 0, 1]
    error += task.noise * generator.standard_normal(count)
    g = 2 * error[:, None, None] * np.concatenate([WEIGHTS * slope * fields[..., 2:], a], -1)
    g[:, 0] *= task.signal_noise
    products = np.einsum("nli,nlj->nij", g, g)
    return products.mean(0), products.std(0) / count**0.5


@pytest.mark.parametrize("name", ["erf", "linear"])
def test_noise_of_drawn_sequences(name):
    drawn, error = drawn_noise(name, TASK, 300_000, 2)
    if name == "linear":
        engine = ElementwiseValues(TASK, activation(name), 2)
        found = engine.evaluate(ROWS, BIAS, BOTH, gradient_covariance=True).gradient_covariance
    else:
        engine = CurvedValueSampling(TASK, activation(name), 2, samples=2**16, seed=0)
        found = engine.evaluate(ROWS, BIAS, BOTH, gradient_covariance=True).gradient_covariance
        of_logits = ElementwiseNoise(TASK, activation(name), 2, samples=2**12, seed=0)
        near = of_logits.evaluate(ROWS, BIAS, BOTH).gradient_covariance
        assert (np.abs(near - drawn) < 4 * error).all()
    assert (np.abs(found - drawn) < 4 * error + 0.01).all()
    assert (error < 0.02 * np.abs(np.diag(drawn)).max()).all()


@pytest.mark.parametrize("name", ["erf", "linear"])
def test_sampling_anywhere(name):
    exact = ElementwiseValues(RANDOM, activation(name), 2)
    expected = exact.evaluate(ROWS, BIAS, BOTH, gradient_covariance=name == "linear")
    engine = CurvedValueSampling(RANDOM, activation(name), 2, samples=2**14, seed=3)
    found = engine.evaluate(ROWS, BIAS, BOTH, gradient_covariance=True)
    assert engine.risk(ROWS, BIAS, BOTH).value == found.risk
    assert abs(found.risk - expected.risk) < found.error
    assert np.abs(gradient(found) - gradient(expected)).max() < 2 * found.error
    for numbers in ("bias_gradient", "head_weight_gradient"):
        off = np.abs(getattr(found, numbers) - getattr(expected, numbers)).max()
        assert off < found.error
    assert found.error < 0.4
    if name == "linear":
        off = np.abs(found.gradient_covariance - expected.gradient_covariance).max()
        assert off < found.gradient_covariance_error


SPHERE = op.load("erf-sphere")
DELTAS = {"task.signal.strengths": [4.0], "task.length": 3, "task.noise": 0.2}


def test_a_step_is_the_gradient_of_the_loss():
    """Of one sequence, by differences in its fields and in all learned numbers."""
    problem = op.load(
        "erf-sphere",
        settings=DELTAS | {"training.constraint": "none", "training.value_rate": 0.4},
    )
    for name, tied in (("erf", False), ("linear", False), ("erf", True)):
        setup = dataclasses.replace(build_values(problem), activation=activation(name))
        own = value_model(problem, setup)._replace(tied=tied, noise=0.0)
        generator = np.random.default_rng(1)
        count = 2 if tied else 4
        fields, targets = generator.standard_normal((count, 3)), generator.standard_normal((1, 3))
        lines = Lines(BIAS, WEIGHTS, np.array([0.9, 1.2]), np.array([0.2, -0.1]))

        def loss(fields, lines, name=name, targets=targets):
            phi = PLAIN[name](fields[:2] + lines.bias[:, None])[0]
            a = lines.intercept[:, None] + lines.slope[:, None] * phi
            f = (lines.head_weights[:, None] * a * fields[-2:]).sum()
            return (f - targets[0, 1]) ** 2

        rows, slopes = fields.copy(), np.zeros((4, count))
        rule = CurvedRule(1.0)
        value = curved_sgd.respond(
            own, rule, generator, 1, lines, targets, rows, np.zeros(count), slopes
        )
        assert value == pytest.approx(loss(fields, lines), rel=1e-13)
        step = 1e-6
        for i, token in np.ndindex(fields.shape):
            by = np.zeros_like(fields)
            by[i, token] = step
            slope = (loss(fields + by, lines) - loss(fields - by, lines)) / (2 * step)
            rate = 1.0 if i < 2 else 0.4
            assert rows[i, token] == pytest.approx(rate * slope, abs=1e-8)
        for number, h in np.ndindex(4, 2):
            ends = []
            for s in (step, -step):
                moved = [of.copy() for of in lines]
                moved[number][h] += s
                ends.append(loss(fields, Lines(*moved)))
            slope = (ends[0] - ends[1]) / (2 * step)
            assert slopes[number, h] == pytest.approx(slope, abs=1e-8)


def spherical_flow(length, strength, variance, rate):
    """Risk of one erf head at rows T (…, 2, D), by a one-dimensional quadrature; and dT/dt on
    spheres, by complex steps."""
    g, w = np.polynomial.hermite_e.hermegauss(80)
    w, theta, n = w / w.sum(), strength**0.5, length - 1

    def risk(rows):
        q, m = rows @ rows.swapaxes(-1, -2), rows[..., :2]
        (kk, kv), (_, vv) = np.moveaxis(q, (-2, -1), (0, 1))[..., None]
        (mk, kt), (vk, mv) = np.moveaxis(m, (-2, -1), (0, 1))[..., None]

        def token(scale, mean):
            away = g / np.sqrt(scale * kk)
            phi = erf(mean * mk + scale * kk * away)
            omega, z = mean * vk + scale * kv * away, scale * kt * away
            rest, with_z = scale * (vv - kv**2 / kk), scale * (mv - kv * kt / kk)
            return (
                (phi * omega) @ w,
                (phi**2 * (omega**2 + rest)) @ w,
                (phi * (omega * z + with_z)) @ w,
            )

        noise, signal = token(1.0, 0.0), token(variance, theta)
        beside = noise[1] + 2 * signal[0] * noise[0] + (n - 1) * noise[0] ** 2
        return variance + signal[1] - 2 * signal[2] + n * beside

    def velocity(_, y):
        rows = y.reshape(2, -1)
        steps = 1e-30j * np.eye(y.size).reshape(-1, *rows.shape)
        slopes = (risk(rows + steps).imag / 1e-30).reshape(rows.shape)
        along = (slopes * rows).sum(1) / (rows**2).sum(1)
        moving = along[:, None] * rows - slopes
        return (moving * [[1.0], [rate]]).ravel()

    return risk, velocity


def test_an_erf_head_on_spheres():
    """The preset in coordinates k*, v* and two more, by another integrator."""
    settings = {
        "training.rule": "gradient-flow",
        "training.duration": 0.3,
        "output.points": 4,
        "integrator.rtol": 1e-10,
        "integrator.atol": 1e-12,
    }
    run = op.solve("erf-sphere", settings=settings)
    risk, velocity = spherical_flow(5, 64.0, 0.5, 25.0)
    key, value = np.array([0.06, 0.02, 0, 0]), np.array([0.1, 0.3, 0, 0])
    key[2] = np.sqrt(0.04 - key @ key)
    value[2] = -(key @ value) / key[2]
    value[3] = np.sqrt(1.0 - value @ value)
    found = solve_ivp(
        velocity, (0, 0.3), np.append(key, value), "DOP853", run.time, rtol=1e-10, atol=1e-12
    )
    rows = found.y.T.reshape(4, 2, 4)
    expected = {
        "overlap": rows[:, 0, 0],
        "key_target_overlap": rows[:, 0, 1],
        "value_overlap": rows[:, 1, 0],
        "value_alignment": rows[:, 1, 1],
        "key_value_overlap": (rows[:, 0] * rows[:, 1]).sum(1),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(run[name].reshape(4), values, rtol=0, atol=1e-8)
    np.testing.assert_allclose(run.risk, risk(rows), rtol=0, atol=1e-8)
    for name, square in (("self_overlap", 0.04), ("value_self_overlap", 1.0)):
        np.testing.assert_allclose(run[name], square, rtol=0, atol=1e-8)
    assert run.risk[-1] < 0.4 * run.risk[0]


TWO = {
    "task.length": 3,
    "task.noise": 0.2,
    "task.signal_noise": 0.8,
    "task.signal.strengths": [4.0],
    "attention.heads": 2,
    "attention.head_weights": "learned",
    "attention.intercept": "learned",
    "attention.bias": "learned",
    "training": {"learning_rate": 0.8, "value_rate": 0.25, "duration": 1.0, "weight_decay": 0.2},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.4], [-0.2]],
        "self_overlap": [[0.4, 0.05], [0.05, 0.3]],
        "key_target_overlap": [0.1, -0.1],
        "value_overlap": [[0.1], [0.2]],
        "value_alignment": [0.3, 0.2],
        "value_self_overlap": [[0.4, 0.0], [0.0, 0.5]],
        "key_value_overlap": [[0.1, 0.05], [0.0, -0.05]],
        "head_weights": [0.6, 0.5],
        "intercept": [0.2, -0.1],
    },
    "expectation.samples": 8192,
    "simulation": {"dimension": 400, "replicas": 64},
    "output.points": 3,
}
BALL = {
    "task.length": 3,
    "task.signal.strengths": [4.0],
    "training": {"constraint": "sphere", "value_rate": 0.7, "learning_rate": 1.0, "duration": 1.0},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.3]],
        "self_overlap": [[0.5]],
        "key_target_overlap": [0.1],
        "value_overlap": [[0.1]],
        "value_alignment": [0.3],
        "value_self_overlap": [[0.6]],
        "key_value_overlap": [[0.1]],
    },
    "expectation.samples": 4096,
    "simulation": {"dimension": 1000, "replicas": 32},
    "output.points": 5,
}
EVEN = {
    "initial.key_target_overlap": [0, 0],
    "initial.value_overlap": [[0], [0]],
    "initial.key_value_overlap": [[0, 0], [0, 0]],
}


def deviations(run, flow):
    """Of the last means of replicas, in standard errors."""
    root = run["overlap"].shape[0] ** 0.5
    return np.concatenate(
        [
            ((run[key][:, -1].mean(0) - flow[key][-1]) * root).ravel()
            / run[key][:, -1].std(0, ddof=1).ravel()
            for key in flow
        ]
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("system", ["full", "manifold"])
def test_sgd_of_both_backends_follows_the_theory(system):
    settings = TWO | (EVEN if system == "manifold" else {})
    theory = op.solve("erf-sphere", settings=settings | {"training.rule": "sgd"})
    quiet = op.solve("erf-sphere", settings=settings)
    for backend in ("gram", "direct"):
        run = op.simulate("erf-sphere", settings=settings | {"simulation.backend": backend})
        assert np.abs(deviations(run, theory)).max() < 4.5
        assert np.abs(deviations(run, quiet)).max() > 9


@pytest.mark.filterwarnings("ignore")
def test_sgd_on_spheres_follows_the_theory():
    """And a validation does not judge lengths, which all replicas keep."""
    found = op.validate("erf-sphere", settings=BALL)
    assert found.verdict == "agree"
    quiet = op.validate("erf-sphere", settings=BALL | {"simulation.seed": 1}, rule="gradient-flow")
    assert quiet.verdict == "disagree"


@pytest.mark.parametrize("value", ["learned", "tied"])
@pytest.mark.parametrize("name", ["erf", "linear"])
def test_velocities_are_the_gradient_at_two_rates(name, value):
    settings = TWO | {"attention.value": value, "attention.activation": name}
    if name == "linear":
        settings |= {"attention.slope": "learned", "attention.bias": "none"}
    if value == "tied":
        own = ("kind", "overlap", "self_overlap", "key_target_overlap", "intercept", "head_weights")
        settings["initial"] = {key: TWO["initial"][key] for key in own}
        settings["training"] = {"weight_decay": 0.2}
    flow = model.flow(op.load("erf-sphere", settings=settings | {"training.constraint": "none"}))
    y, step = flow.initial_state, 1e-5
    found = flow.evaluate(y)
    lost = sum((found.gradient[key] * found.velocity[key]).sum() for key in found.state)
    ends = [flow.risk(flow.state(y + s * flow.derivative(0.0, y))) for s in (step, -step)]
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(lost, rel=1e-6)
    for key, values in flow.state(flow.point(found.state)).items():
        np.testing.assert_allclose(values, found.state[key], atol=1e-12)
    if value == "tied":
        assert -1 <= conflict(flow.problem, found.state) <= 1


def test_what_is_written_of_it(tmp_path):
    settings = {"training.rule": "gradient-flow", "training.duration": 0.1, "output.points": 5}
    run = op.solve("erf-sphere", settings=settings)
    assert run.engine == "closed form"
    again = op.open(op.save(run, tmp_path / "run.h5"))
    np.testing.assert_array_equal(again["value_alignment"], run["value_alignment"])
    names = [of.name for of in op.analyze(run).chapters]
    assert names == ["ends", "manifold", "stability", "values", "saddles", "least", "removals"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"attention.bias": "norm"}, "has no meaning for erf"),
        ({"expectation.engine": "quadrature"}, "has no rule of V"),
        ({"attention.kappa": 1.0}, "normaliser, which erf has not"),
        ({"initial.value_alignment": [0.0], "initial.value_overlap": [[0.0]],
          "initial.value_self_overlap": [[0.0]]}, "no direction"),
    ],
    ids=["bias", "noise", "kappa", "sphere"],
)  # fmt: skip
def test_what_cannot_be_is_said(settings, words):
    with pytest.raises(ConfigurationError, match=words):
        op.evaluate("erf-sphere", settings=settings)


def test_numbers_out_of_range_are_told():
    engine = ElementwiseValues(build_task(SPHERE.task), activation("erf"), 1)
    with pytest.raises(SolverError, match="fields of keys and values are as large as"):
        engine.risk(np.full((2, 4), 1e8), np.zeros(1), np.ones(2))
