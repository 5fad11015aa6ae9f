"""Single steps of SGD on whole vectors in plain NumPy: what they do to order parameters.

Written from theory 1, 2, 4 and 6 without a look at the package. Tokens (N, L, D), heads k (H, D).
"""

import numpy as np


def frame(overlap, self_overlap, hidden, dimension):
    """Vectors k (H, D) with such overlaps with the first axes times √D."""
    overlap = np.asarray(overlap, float)
    heads, features = overlap.shape
    vectors = np.zeros((heads, dimension))
    vectors[:, :features] = overlap
    rest = np.asarray(self_overlap) - overlap @ overlap.T
    vectors[:, hidden : hidden + heads] = np.linalg.cholesky(rest)
    return vectors * np.sqrt(dimension)


def softmax_family(problem, overlap, self_overlap, beta, u, dimension, batches, seed, mixing=None):
    """Changes of m, q, β and u (N, parameters), times D/γ, in single steps of attention; with a
    mixing C (H, J) m and q are those of J bases, and C changes as well; with inertia of vectors and
    their velocities."""
    task, attention, training = problem.task, problem.attention, problem.training
    draw = np.random.default_rng(seed)
    features = task.signal.features
    scalar, gamma, batch = task.target == "scalar", training.learning_rate, training.batch_size
    decay = training.weight_decay
    root, axes = np.sqrt(dimension), directions(task)
    white = np.linalg.solve(axes, np.asarray(overlap, float).T).T
    bases = frame(white, self_overlap, features + scalar, dimension)
    if training.inertia:
        bases, speed = np.split(bases, 2)
    mixing = np.eye(len(bases)) if mixing is None else np.asarray(mixing)
    k, heads = mixing @ bases, len(mixing)
    norm = attention.bias == "norm"
    joint = attention.activation == "bayes-softmax"
    kappa = attention.kappa or 0.0
    beta = -0.5 * (k**2).sum(1) / dimension if norm else np.asarray(beta, float)
    by_mixing = np.zeros((batches, *mixing.shape))
    total = np.zeros((batches, heads, dimension))
    by_beta, by_u = np.zeros((2, batches, heads))
    for _ in range(batch):
        x, there = sequences(task, batches, dimension, draw)
        chi = np.einsum("hd,nld->nhl", k / root, x) + beta[:, None]
        e = np.exp(chi) * there[:, None]
        z = kappa + (e.sum((1, 2), keepdims=True) if joint else e.sum(2, keepdims=True))
        s = e / z
        a = s.sum(1) if joint else np.einsum("h,nhl->nl", u, s)
        c = upstream(task, a, x, draw)
        if joint:
            g = s * (c - (c * a).sum(1)[:, None])[:, None]
        else:
            g = u[:, None] * s * (c[:, None] - np.einsum("nl,nhl->nh", c, s)[:, :, None])
            by_u += np.einsum("nl,nhl->nh", c, s) / batch
        total += np.einsum("nhl,nld->nhd", g, x) / batch / root
        by_beta += g.sum(2) / batch
        by_mixing += np.einsum("nhl,nld,jd->nhj", g, x, bases / root) / batch
    if norm:
        total -= by_beta[:, :, None] * k / dimension
        by_mixing -= by_beta[:, :, None] * (k @ bases.T) / dimension
    pull = np.einsum("hj,nhd->njd", mixing, total)
    pull += (decay * bases + repelling(training, bases)) / dimension
    if training.inertia:
        new = speed * (1 - gamma / dimension * training.inertia.friction)
        new = new - training.inertia.gain * gamma * pull
        new = np.concatenate([bases + gamma / dimension * new, new], axis=1)
        bases = np.concatenate([bases, speed])
    else:
        new = constrained(training, bases, bases - gamma * pull)
    moved = changes(bases, new, features, dimension, gamma, axes)
    return moved, -by_beta, -by_u, -by_mixing.reshape(batches, -1)


def directions(task):
    """Axes (F, F) of which hidden directions with such correlations are rows, not orthogonal."""
    given = task.feature_correlation
    return np.eye(task.signal.features) if given is None else np.linalg.cholesky(given)


def repelling(training, vectors):
    """D times the gradient by vectors (n, D) of a repulsion of cosines, σ Σ cos²/2 over pairs."""
    if training.repulsion is None:
        return 0.0
    assert training.repulsion.kind == "cosine"
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    ways, dimension = vectors / lengths, vectors.shape[1]
    cosines = ways @ ways.T - np.eye(len(ways))
    turn = cosines @ ways - (cosines**2).sum(1)[:, None] * ways
    return 2 * training.repulsion.strength * turn / lengths * dimension


def constrained(training, before, after):
    """Vectors with the lengths that they had, on spheres."""
    if training.constraint == "none":
        return after
    lengths = (np.linalg.norm(of, axis=-1, keepdims=True) for of in (before, after))
    return after * next(lengths) / next(lengths)


def other_activations(problem, overlap, self_overlap, numbers, dimension, batches, seed):
    """Changes of m and q, times D/γ, and minus the derivatives by β, u, s and c (N, parameters), in
    single steps of attention by erf, by χ itself, or by softplus with a normaliser."""
    from scipy.special import erf, expit

    task, gamma, draw = problem.task, problem.training.learning_rate, np.random.default_rng(seed)
    features, (beta, u, slope, intercept) = task.signal.features, numbers
    k = frame(overlap, self_overlap, features + (task.target == "scalar"), dimension)
    x, there = sequences(task, batches, dimension, draw)
    chi = np.einsum("hd,nld->nhl", k / np.sqrt(dimension), x) + beta[:, None]
    value, steep = {
        "erf": lambda: (erf(chi), 2 / np.sqrt(np.pi) * np.exp(-(chi**2))),
        "linear": lambda: (chi, np.ones_like(chi)),
        "softplus": lambda: (np.log1p(np.exp(chi)), expit(chi)),
    }[problem.attention.activation]()
    value, steep = value * there[:, None], steep * there[:, None]
    if problem.attention.activation == "softplus":
        total = value.sum(2, keepdims=True)
        s = value / total
        c = upstream(task, np.einsum("h,nhl->nl", u, s), x, draw)
        by_u = np.einsum("nl,nhl->nh", c, s)
        g = u[:, None] * steep / total * (c[:, None] - by_u[:, :, None])
        by_line = np.zeros((batches, 0))
    else:
        line = (intercept[:, None] + slope[:, None] * value) * there[:, None]
        c = upstream(task, np.einsum("h,nhl->nl", u, line), x, draw)
        by_u = np.einsum("nl,nhl->nh", c, line)
        g = (u * slope)[:, None] * c[:, None] * steep
        by_line = np.hstack([u * np.einsum("nl,nhl->nh", c, value), u * c.sum(1)[:, None]])
    new = k - gamma * np.einsum("nhl,nld->nhd", g, x) / np.sqrt(dimension)
    return changes(k, new, features, dimension, gamma), -np.hstack([g.sum(2), by_u, by_line])


def sequences(task, batches, dimension, draw):
    """Tokens (N, L, D) with flipped spikes in the first, and which of them there are (N, L)."""
    length, features = task.length, task.signal.features
    strengths = np.sqrt(task.signal.strengths)
    lengths, weights = (
        (length.values, length.weights) if hasattr(length, "values") else ([length], [1])
    )
    chosen = draw.choice(lengths, size=batches, p=np.array(weights) / sum(weights))
    longest = max(lengths)
    x = draw.standard_normal((batches, longest, dimension))
    x[:, 0] *= task.signal_noise
    which, side = draw.integers(features, size=batches), draw.choice([-1, 1], size=batches)
    x[:, 0, :features] += (side * strengths[which])[:, None] * directions(task)[which]
    return x, np.arange(longest) < chosen[:, None]


def upstream(task, a, x, draw):
    """Derivatives of the loss by attention a (N, L)."""
    r = a.copy()
    r[:, 0] -= 1
    if task.target == "token":
        r[:, 0] *= task.signal_noise**2
        return 2 * r
    v = x[:, :, task.signal.features]
    error = (r * v).sum(1) - task.noise * draw.standard_normal(len(x))
    return 2 * error[:, None] * v


def committee(problem, overlap, self_overlap, dimension, steps, seed):
    """The same of students that learn from orthogonal teachers, and of their second layer."""
    from scipy.special import erf

    training, draw = problem.training, np.random.default_rng(seed)
    teachers, gamma = problem.task.teachers, training.learning_rate
    w = frame(overlap, self_overlap, teachers, dimension)
    a = np.array(problem.initial.second_layer)
    x = draw.standard_normal((steps, dimension))
    fields = x @ w.T / np.sqrt(dimension)
    labels = erf(x[:, :teachers] / np.sqrt(2)).sum(1) + problem.task.noise * draw.standard_normal(
        steps
    )
    values = erf(fields / np.sqrt(2))
    error = (values @ a - labels)[:, None]
    g = error * a * np.sqrt(2 / np.pi) * np.exp(-(fields**2) / 2)
    new = w - gamma / np.sqrt(dimension) * g[:, :, None] * x[:, None]
    new = new - gamma / dimension * training.weight_decay * w
    return changes(w, new, teachers, dimension, gamma), -error * values


def keys_and_values(problem, overlap, square, beta, u, dimension, batches, seed, constant=0.0):
    """The same of keys and values with overlaps M (n, F+1), with v* last, and Q (n, n), n = 2H, or
    H where values are keys; changes of stacked M and Q, of β and of u, and with erf of
    intercepts."""
    from scipy.special import erf

    task, attention, training = problem.task, problem.attention, problem.training
    draw = np.random.default_rng(seed)
    length, features, heads = task.length, task.signal.features, attention.heads
    gamma, rho, decay = training.learning_rate, training.value_rate, training.weight_decay
    rows = frame(overlap, square, features + 1, dimension)
    tied, root = attention.value == "tied", np.sqrt(dimension)
    strengths = np.sqrt(task.signal.strengths)
    norm, joint = attention.bias == "norm", attention.activation == "bayes-softmax"
    if norm:
        beta = -0.5 * (rows[:heads] ** 2).sum(1) / dimension
    x = draw.standard_normal((batches, length, dimension))
    x[:, 0] *= task.signal_noise
    x[np.arange(batches), 0, draw.integers(features, size=batches)] += strengths[0]
    fields = np.einsum("hd,nld->nhl", rows / root, x)
    values = fields if tied else fields[:, heads:]
    chi = fields[:, :heads] + np.asarray(beta)[:, None]
    if attention.activation == "erf":
        s = erf(chi) + np.asarray(constant)[:, None]
    else:
        e = np.exp(chi)
        s = e / ((attention.kappa or 0.0) + e.sum((1, 2) if joint else 2, keepdims=True))
    u = np.ones(heads) if joint else np.asarray(u)
    read = (s * values).sum(2)
    said = read @ u
    error = said - x[:, 0, features] - task.noise * draw.standard_normal(batches)
    c = 2 * error[:, None, None] * u[:, None] * s
    if attention.activation == "erf":
        steep = 2 / np.sqrt(np.pi) * np.exp(-(chi**2))
        g = 2 * error[:, None, None] * u[:, None] * steep * values
    else:
        g = c * (values - (said[:, None, None] if joint else read[:, :, None]))
    by_key, by_value = (np.einsum("nhl,nld->nhd", of, x) / root for of in (g, c))
    by_key = by_key - (g.sum(2)[:, :, None] * rows[:heads] / dimension if norm else 0.0)
    by_key = by_key + repelling(training, rows[:heads]) / dimension
    if tied:
        moved = by_key + by_value + decay / dimension * rows
    else:
        by_key = by_key + decay / dimension * rows[:heads]
        moved = np.concatenate([by_key, rho * (by_value + decay / dimension * rows[heads:])], 1)
    new = constrained(training, rows, rows - gamma * moved)
    found = changes(rows, new, features + 1, dimension, gamma)
    learned = [g.sum(2), 2 * error[:, None] * read]
    if attention.activation == "erf":
        learned.append(2 * error[:, None] * u * values.sum(2))
    return found, *(-of for of in learned)


def changes(before, after, features, dimension, gamma, axes=None):
    """Of m and the lower triangle of q (N, ·), times D/γ; m along the rows of ``axes``."""
    axes = np.eye(features) if axes is None else axes
    m, n = ((of[..., :features] @ axes.T / np.sqrt(dimension)) for of in (before, after))
    moved = (n - m).reshape(len(after), -1)
    q = before @ before.T / dimension
    new = np.einsum("nhd,ngd->nhg", after, after) / dimension - q
    rows, columns = np.tril_indices(len(before))
    return np.hstack([moved, new[:, rows, columns]]) * dimension / gamma
