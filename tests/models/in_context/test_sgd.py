"""SGD of heads that learn in context, in three backends.

Oracles: prompts in d dimensions by NumPy; differences of the loss of one prompt; the flow's
gradient; factors that are multiplied out; symmetry, which makes mean gradients off the manifold
vanish.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from simulation_oracles import differences

import orderparams as op
from orderparams.config import parse
from orderparams.config.words import of_backend
from orderparams.models.in_context import drawing, matrices, sgd
from orderparams.models.in_context.flow import Flow
from orderparams.models.in_context.replicas import Heads
from orderparams.models.in_context.setup import Prompts

SHARED = Prompts(
    12,
    np.array([3.0, 4.0]),
    np.array([[0.9, 0.4], [0.5, 0.8]]),
    np.array([0.3, 0.6]),
)
"""Two tasks on the same two blocks: their labels are correlated in a prompt."""

LINES = Prompts(6, np.array([1.0, 2.0]), np.ones((3, 2)), np.zeros(3))
"""Blocks of one and two coordinates, more tasks than these, no noise: Wishart's law is singular."""

WITHIN = SHARED._replace(query_in_softmax=True)
KEYS = np.array([[0.3, -0.1], [-0.2, 0.4], [0.1, 0.2]])
OUT = {2: np.array([[1.0, 0.3], [-0.6, 0.9], [0.2, -0.4]]), 3: np.array([[1.0, 0.3, 0.2]] * 3)}
ROUGH = {"engine": "quadrature", "tolerance": 1e-5}
"""Far below the errors of means over prompts, and without tables."""

MOST = 4.5
"""Standard errors; some hundred numbers are compared with fixed seeds."""


def drawn(prompts: Prompts, direct: bool, count: int, seed: int = 0):
    """Products, labels and targets of many prompts of the kernels."""
    law, generator = drawing.law_of(prompts, direct=direct), np.random.default_rng(seed)
    tasks, blocks = law.roots.shape
    tokens = law.length + law.query
    parts = [np.empty((count, *shape)) for shape in ((tokens, blocks), (tokens, tasks), (tasks,))]
    for one in zip(*parts, strict=True):
        drawing.draw(law, generator, *one)
    return parts


def vectors(prompts: Prompts, count: int, seed: int):
    """Tokens (n, N, d), labels (n, N, J), queries (n, d) and targets (n, J) in d dimensions."""
    generator, sizes = np.random.default_rng(seed), np.array(prompts.sizes)
    total, tasks = sizes.sum(), len(prompts.noise)
    x = generator.standard_normal((count, prompts.length, total))
    query = generator.standard_normal((count, total))
    beta = generator.standard_normal((count, tasks, total))
    beta *= np.repeat(np.sqrt(prompts.strengths / sizes), sizes, axis=1)
    labels = x @ beta.transpose(0, 2, 1)
    labels += prompts.noise * generator.standard_normal(labels.shape)
    return x, labels, query, (beta @ query[:, :, None])[:, :, 0]


def plain(prompts: Prompts, count: int, seed: int):
    """What heads see of these."""
    x, labels, query, targets = vectors(prompts, count, seed)
    if prompts.query_in_softmax:
        x = np.concatenate([x, query[:, None]], 1)
        labels = np.concatenate([labels, np.zeros((count, 1, labels.shape[2]))], 1)
    ends = np.cumsum(prompts.sizes)[:-1]
    products = [part.sum(2) for part in np.split(x * query[:, None], ends, axis=2)]
    return np.stack(products, 2), labels, targets


def missed(keys, out, products, labels, targets, length=None):
    """Errors ŷ − y (n, J); of linear attention where a length is given."""
    scores = np.einsum("nib,hb->nhi", products, keys)
    if length is None:
        weights = np.exp(scores - scores.max(2, keepdims=True))
        weights /= weights.sum(2, keepdims=True)
    else:
        weights = scores / length
    return np.einsum("nhi,nij,hj->nj", weights, labels, out) - targets


def moments(prompts: Prompts, sample):
    """Numbers of each prompt whose means the law decides: squares, fourth powers and products of
    errors, products of labels of two examples, of a label and a score."""
    products, labels, targets = sample
    error = missed(KEYS, OUT[labels.shape[2]], *sample)
    first, other = error[:, 0] ** 2, error[:, 1] ** 2
    pair = labels[:, 0, 0] * labels[:, 0, 1], labels[:, 0, 0] * labels[:, 1, 1]
    seen = labels[:, 0, 0] * products[:, 0, 0] * targets[:, 0]
    more = products[:, 0, 1] ** 2 * targets[:, 1] ** 2, pair[0] ** 2, pair[1] ** 2
    last = products[:, -1, 0] ** 2, (labels[:, -1] ** 2).sum(1)
    return np.stack([first, other, first * other, first**2, other**2, *pair, seen, *more, *last], 1)


def z_scores(x, y):
    """Differences of the means of independent samples (n, k) in standard errors; of one sample and
    numbers (k,) likewise."""
    error = x.var(0, ddof=1) / len(x)
    if y.ndim == 2:
        error = error + y.var(0, ddof=1) / len(y)
        y = y.mean(0)
    difference = x.mean(0) - y
    return np.divide(difference, np.sqrt(error), out=np.zeros_like(error), where=error > 0)


@pytest.mark.parametrize("direct", [False, True], ids=["reduced", "restricted"])
@pytest.mark.parametrize("prompts", [SHARED, LINES, WITHIN], ids=["shared", "singular", "query"])
def test_prompts_have_the_law_of_vectors_in_d_dimensions(prompts, direct):
    found = moments(prompts, drawn(prompts, direct, 40_000))
    expected = moments(prompts, plain(prompts, 40_000, 1))
    assert np.isfinite(found).all()
    assert np.abs(z_scores(found, expected)).max() < MOST


def test_the_query_is_one_more_example_without_a_label():
    products, labels, _ = drawn(WITHIN, False, 5)
    assert (labels[:, -1] == 0).all()
    assert (products[:, -1] > 0).all()


def prompt_gradients(prompts, keys, out, count, *, linear=False, direct=False, seed=0):
    """Derivatives of the losses of many prompts, a row each."""
    rows = []
    for one in zip(*drawn(prompts, direct, count, seed), strict=True):
        parts = np.zeros(keys.shape), np.zeros(out.shape)
        sgd.respond(linear, prompts.length, *one, keys, out, *parts)
        rows.append(np.concatenate([part.ravel() for part in parts]))
    return np.array(rows)


@pytest.mark.parametrize("linear", [False, True], ids=["softmax", "linear"])
@pytest.mark.parametrize("prompts", [SHARED, WITHIN], ids=["plain", "query"])
def test_the_gradient_of_one_prompt(prompts, linear):
    """Against differences of the loss."""
    products, labels, targets = sample = plain(prompts, 1, 3)
    length = prompts.length if linear else None

    def loss(keys, out):
        return float((missed(keys, out, *sample, length) ** 2).sum())

    found = np.zeros_like(KEYS), np.zeros_like(OUT[2])
    value = sgd.respond(linear, prompts.length, products[0], labels[0], targets[0], KEYS, OUT[2],
                        *found)  # fmt: skip
    assert value == pytest.approx(loss(KEYS, OUT[2]), rel=1e-12)
    np.testing.assert_allclose(found[0], differences(lambda k: loss(k, OUT[2]), KEYS), atol=1e-7)
    np.testing.assert_allclose(found[1], differences(lambda o: loss(KEYS, o), OUT[2]), atol=1e-7)


def problem(prompts: Prompts = SHARED, keys=KEYS, out=OUT[2], **sections: dict[str, Any]):
    """The configuration of a law and a start."""
    task = {
        "length": prompts.length,
        "blocks": list(prompts.sizes),
        "strengths": prompts.strengths.tolist(),
        "noise": prompts.noise.tolist(),
    }
    start = {"kind": "explicit", "key_query": keys.tolist(), "output": out.tolist()}
    sections["attention"] = {"heads": len(keys), **sections.get("attention", {})}
    table = {"model": "in-context-regression", "task": task, "initial": start, **sections}
    return parse(table)


@pytest.mark.parametrize("activation", ["softmax", "linear"])
def test_the_mean_gradient_is_that_of_the_flow(activation):
    rough = ROUGH if activation == "softmax" else {}
    flow = Flow(problem(attention={"activation": activation}, expectation=rough))
    expected = flow.at(KEYS, OUT[2])
    linear = activation == "linear"
    found = prompt_gradients(SHARED, KEYS, OUT[2], 40_000, linear=linear)
    numbers = np.concatenate([expected.key_query.ravel(), expected.output.ravel()])
    assert np.abs(z_scores(found, numbers)).max() < MOST


def after_a_step(metric, decay=0.3, rate=0.05, **simulation):
    """ω and μ after one step on one prompt, with the same random numbers."""
    training = {"metric": metric, "weight_decay": decay, "learning_rate": rate, "batch_size": 1}
    setting = problem(training=training, simulation={"replicas": 1, **simulation})
    end = Heads(setting, [0.0, rate]).run()
    return end["key_query"][0, -1], end["output"][0, -1]


def test_a_step_in_each_metric():
    """The scalar step tells the gradient; factors u = ± v are stepped and multiplied out."""
    rate, decay, sizes = 0.05, 0.3, np.array(SHARED.sizes)
    start, plain_end = (KEYS, OUT[2]), after_a_step("scalar", decay, rate)
    slopes = [(a - b) / rate - decay * a for a, b in zip(start, plain_end, strict=True)]
    key_query, output = after_a_step("matrix", decay, rate)
    np.testing.assert_allclose(key_query, KEYS - rate * (slopes[0] / sizes + decay * KEYS))
    np.testing.assert_allclose(output, plain_end[1])
    for end, value, slope in zip(after_a_step("factored", decay, rate), start, slopes, strict=True):
        u, v = np.sign(value) * np.sqrt(np.abs(value)), np.sqrt(np.abs(value))
        after = [w - rate * (other * slope + decay / 2 * w) for w, other in ((u, v), (v, u))]
        np.testing.assert_allclose(np.abs(after[0]), np.abs(after[1]))
        np.testing.assert_allclose(end, after[0] * after[1])


def test_a_batch_is_a_mean():
    """A step on 3 prompts is the mean of steps from one point on each of them."""
    rate = 0.05
    training = {"learning_rate": rate, "batch_size": 3, "metric": "scalar"}
    run = Heads(problem(training=training, simulation={"replicas": 1}), [0.0, rate])
    generator = np.random.Generator(
        np.random.SFC64(np.random.SeedSequence(0).spawn(1)[0].spawn(2)[0])
    )
    end = run.run()
    law, total, losses = run.law, [np.zeros_like(KEYS), np.zeros_like(OUT[2])], []
    for _ in range(3):
        one = np.empty((12, 2)), np.empty((12, 2)), np.empty(2)
        drawing.draw(law, generator, *one)
        losses.append(sgd.respond(False, 12, *one, KEYS, OUT[2], *total))
    np.testing.assert_allclose(end["key_query"][0, 1], KEYS - rate * total[0] / 3)
    np.testing.assert_allclose(end["output"][0, 1], OUT[2] - rate * total[1] / 3)
    assert end.loss[0, 1] == pytest.approx(np.mean(losses))


SMALL = Prompts(8, np.array([2.0, 2.0]), np.array([[0.9, 0.4], [0.5, 0.8]]), np.array([0.3, 0.6]))


def whole_gradient(prompts, keys, values, x, labels, query, target, *, linear=False):
    """Loss and derivatives by the matrices of one prompt of vectors."""
    tokens = np.concatenate([x, labels], 1)
    if prompts.query_in_softmax and not linear:
        tokens = np.concatenate([tokens, np.append(query, np.zeros(len(target)))[None]], 0)
    parts = np.zeros_like(keys), np.zeros_like(values)
    loss = matrices.respond(linear, prompts.length, tokens, query, target, keys, values, *parts)
    return loss, *parts


@pytest.mark.parametrize("linear", [False, True], ids=["softmax", "linear"])
@pytest.mark.parametrize("within", [False, True], ids=["plain", "query"])
def test_the_gradient_of_whole_matrices(within, linear):
    """At matrices off the manifold, against differences of the loss written out."""
    prompts, generator = SMALL._replace(query_in_softmax=within), np.random.default_rng(5)
    keys, values = generator.normal(0, 0.4, (2, 6, 4)), generator.normal(0, 0.4, (2, 2, 6))
    x, labels, query, target = (part[0] for part in vectors(prompts, 1, 6))
    tokens = np.concatenate([x, labels], 1)
    if within and not linear:
        tokens = np.concatenate([tokens, [[*query, 0.0, 0.0]]])

    def loss(keys, values):
        scores = tokens @ (keys @ query).T
        weights = scores / prompts.length
        if not linear:
            weights = np.exp(scores) / np.exp(scores).sum(0)
        answer = np.einsum("hjk,ik,ih->j", values, tokens, weights)
        return float(((answer - target) ** 2).sum())

    value, by_keys, by_values = whole_gradient(prompts, keys, values, x, labels, query, target,
                                               linear=linear)  # fmt: skip
    assert value == pytest.approx(loss(keys, values), rel=1e-12)
    np.testing.assert_allclose(by_keys, differences(lambda k: loss(k, values), keys), atol=1e-7)
    np.testing.assert_allclose(by_values, differences(lambda v: loss(keys, v), values), atol=1e-7)


def test_mean_gradients_leave_the_manifold_nowhere():
    """All entries of the matrices: (∂E/∂ω_hb/d_b) I, ∂E/∂μ_hj, and zero elsewhere."""
    keys, out = KEYS[:2], OUT[2][:2]
    sizes = np.array(SMALL.sizes)
    whole = matrices.on_the_manifold(sizes, keys, out)
    rows = []
    for one in zip(*vectors(SMALL, 20_000, 7), strict=True):
        rows.append(np.concatenate([p.ravel() for p in whole_gradient(SMALL, *whole, *one)[1:]]))
    found = Flow(problem(SMALL, keys, out, expectation=ROUGH)).at(keys, out)
    expected = matrices.on_the_manifold(sizes, found.key_query / sizes, found.output)
    numbers = np.concatenate([part.ravel() for part in expected])
    assert np.abs(z_scores(np.array(rows), numbers)).max() < MOST


def test_tokens_of_whole_matrices_have_the_law_of_vectors():
    law = drawing.law_of(WITHIN, direct=True)
    generator, rows = np.random.default_rng(8), []
    for _ in range(20_000):
        one = np.empty((13, 9)), np.empty(7), np.empty(2)
        matrices.draw_tokens(law, generator, *one)
        rows.append(one)
    tokens, query, targets = map(np.array, zip(*rows, strict=True))
    np.testing.assert_array_equal(tokens[:, 12, :7], query)
    products = tokens[:, :, :7] * query[:, None]
    sample = np.stack([products[:, :, :3].sum(2), products[:, :, 3:].sum(2)], 2), tokens[:, :, 7:]
    found, expected = (moments(WITHIN, s) for s in ((*sample, targets), plain(WITHIN, 20_000, 9)))
    assert np.abs(z_scores(found, expected)).max() < MOST


def test_the_manifold_and_the_distance_from_it():
    """Whatever is added off the manifold does not move the nearest point of it."""
    sizes, generator = np.array([2, 3]), np.random.default_rng(0)
    keys, values = matrices.on_the_manifold(sizes, KEYS, OUT[2])
    assert matrices.off_manifold(sizes, keys, values).max() < 1e-15
    turned = np.zeros_like(keys), np.zeros_like(values)
    turned[0][:, 0, 1], turned[0][:, 0, 0], turned[0][:, 1, 1] = 0.3, 0.4, -0.4
    turned[0][:, 5:] = generator.standard_normal((3, 2, 5))
    turned[1][:, :, :5] = generator.standard_normal((3, 2, 5))
    turned[1][:, 0, 6] = 0.7
    off = matrices.off_manifold(sizes, keys + turned[0], values + turned[1])
    norms = [np.sqrt((part**2).sum((1, 2))) for part in (turned[0][:, 5:], turned[1][:, :, :5])]
    np.testing.assert_allclose(off[:, 0], np.sqrt(0.09 + 2 * 0.16))
    np.testing.assert_allclose(off[:, 1:3], np.transpose(norms))
    np.testing.assert_allclose(off[:, 3], 0.7)
    found = matrices.projected(sizes, keys + turned[0], values + turned[1])
    np.testing.assert_allclose(found[0], KEYS)
    np.testing.assert_allclose(found[1], OUT[2])


BACKENDS = ("reduced", "restricted", "full")


def small(backend, **simulation):
    training = {"learning_rate": 0.05, "batch_size": 2}
    return problem(SMALL, KEYS[:2], OUT[2][:2], training=training,
                   simulation={"backend": backend, "replicas": 3, **simulation})  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
def test_bits_depend_on_nothing_but_the_configuration(backend, monkeypatch):
    """Not on workers, slices, interruptions and the number of replicas."""
    from orderparams.models import replicas

    times = [0.0, 0.05, 0.3, 0.3, 1.0]
    whole = Heads(small(backend), times).run()
    other = Heads(small(backend, replicas=5), times).run(3)
    monkeypatch.setattr(replicas, "SLICE", 0.0)
    monkeypatch.setattr(replicas, "FIRST", 1)
    part = Heads(small(backend), times)

    def stop(done, total):
        if done > total / 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        part.run(2, stop)
    resumed = Heads(small(backend), times)
    resumed.restore(part.state())
    pieces = resumed.run(2)
    assert ("off_manifold" in whole.parameters) == (backend == "full")
    for name, values in whole.parameters.items():
        np.testing.assert_array_equal(other[name][:3], values)
        np.testing.assert_array_equal(pieces[name], values)
    np.testing.assert_array_equal(pieces.loss, whole.loss)
    np.testing.assert_array_equal(whole.step, [0, 1, 6, 6, 20])
    assert len(np.unique(whole["output"][:, -1, 0, 0])) == 3


def few_steps(backend, rate, end=0.1):
    """Many replicas a few steps later, and the problem."""
    sections = {
        "training": {"learning_rate": rate, "batch_size": 8, "duration": end, "weight_decay": 0.5},
        "simulation": {"backend": backend, "replicas": 300},
        "expectation": ROUGH,
    }
    setting = problem(SMALL, KEYS[:2], OUT[2][:2], **sections)
    return Heads(setting, [0.0, end]).run(2), setting


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_mean_of_a_few_steps_is_that_of_the_flow(backend):
    """Oracle: Euler's steps, which are those of SGD without noise."""
    run, setting = few_steps(backend, 0.01)
    flow = Flow(setting)
    y = flow.initial_state
    for _ in range(10):
        y = y + 0.01 * flow.derivative(0.0, y)
    moved = np.concatenate([run[n][:, -1].reshape(300, -1) for n in ("key_query", "output")], 1)
    assert np.abs(z_scores(moved, y)).max() < 4


def test_matrices_leave_the_manifold_as_the_root_of_the_learning_rate():
    off = [few_steps("full", rate)[0]["off_manifold"][:, -1] for rate in (0.01, 0.0025)]
    np.testing.assert_allclose(np.median(off[0], 0) / np.median(off[1], 0), 2.0, rtol=0.15)


def test_fluctuations_are_of_the_order_of_the_root_of_the_learning_rate():
    """Oracle: the spread of ω at t = 8 in another program, N = 40, d = 5, B = 4."""
    prompts = Prompts(40, np.array([5.0]), np.ones((1, 1)), np.array([0.1**0.5]))
    keys, out, spread = np.array([[0.1], [-0.1]]), np.array([[0.5], [-0.5]]), []
    for rate in (0.08, 0.04):
        setting = problem(prompts, keys, out, training={"learning_rate": rate, "batch_size": 4},
                          simulation={"replicas": 600})  # fmt: skip
        ends = Heads(setting, [0.0, 8.0]).run(2)["key_query"][:, -1, :, 0]
        spread.append(ends.std(0).mean() / np.sqrt(rate))
    np.testing.assert_allclose(spread, [0.137, 0.129], rtol=0.12)


def test_sgd_can_end_before_its_flow():
    """Oracle: the last time; a bound beyond the flow's own end is none."""
    few = {"output.points": 3, "simulation.replicas": 1, "training.batch_size": 1}
    for end, last in ((0.4, 0.4), (5.0, 0.8)):
        settings = few | {"simulation.duration": end, "training.duration": 0.8}
        run = op.simulate("in-context-pairs", settings=settings)
        assert run.time[-1] == pytest.approx(last)
        assert (of_backend(run.problem) == "reduced, to t = 0.4") == (end < 0.8)
