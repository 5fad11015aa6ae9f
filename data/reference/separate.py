"""Reference values of softmax and softmax-1: ``python data/reference/separate.py``, some minutes.

Plain NumPy, and nothing of the package: trapezoid sums in τ and on one full grid along the
principal axes of every pair of logits (theory 5b). Each value in ``separate.json`` is computed with
two settings, of which the one has neither the nodes nor the steps of the other; the file says by
how much they differ.
"""

import json
from pathlib import Path

import numpy as np

MIXTURE = [
    [0.4, [1.5, 0.2], [[0.0, 0.0], [0.0, 0.0]]],
    [0.6, [-0.5, 1.8], [[0.4, 0.0], [0.0, 0.1]]],
]
TWO_HEADS = [[0.8, 0.3, 0.5477225575, 0.0], [-0.2, 1.1, 0.1825741858, 0.4082482905]]
CASES = {
    "softmax": {
        "lengths": [4],
        "length_weights": [1.0],
        "kappa": 0.0,
        "signal": MIXTURE,
        "weights": TWO_HEADS,
        "bias": [0.0, 0.0],
        "head_weights": [0.5, 0.5],
    },
    "softmax-1": {
        "lengths": [4],
        "length_weights": [1.0],
        "kappa": 1.0,
        "signal": MIXTURE,
        "weights": TWO_HEADS,
        "bias": [-0.515, -0.725],
        "head_weights": [1.0, 1.0],
    },
    "three heads, lengths by law": {
        "lengths": [2, 5, 300],
        "length_weights": [0.5, 0.3, 0.2],
        "kappa": 0.3,
        "signal": [[0.3, [2.0], [[0.0]]], [0.7, [-1.0], [[0.5]]]],
        "weights": [[1.0, 0.1, 0.3, 0.0], [-0.9, 0.4, 0.1, 0.3], [0.4, 0.5, -0.2, 0.1]],
        "bias": [-0.6, 0.5, -0.3],
        "head_weights": [0.9, 0.2, -0.3],
    },
    "a million tokens": {
        "lengths": [1000000],
        "length_weights": [1.0],
        "kappa": 0.0,
        "signal": [[0.5, [5.0], [[0.0]]], [0.5, [-4.0], [[0.2]]]],
        "weights": [[1.6, 0.4, 0.1], [-1.2, 0.2, 0.5]],
        "bias": [0.0, 0.0],
        "head_weights": [0.5, 0.7],
    },
}
SETTINGS = [(0.30, 0.25, 9.0), (0.26, 0.29, 9.5)]  # steps in logits and in τ; range of g


def nodes(covariance, step, reach):
    """Trapezoid nodes (n, 2) and weights (n,) of a centred Gaussian; a step of at most 0.7 in g."""
    variances, axes = np.linalg.eigh(covariance)
    scales = np.sqrt(np.maximum(variances, 0.0))
    grids = []
    for scale in scales:
        width = min(step / max(scale, 1e-300), 0.7)
        grids.append(width * (np.arange(-int(reach / width), int(reach / width) + 1) + 0.3))
    points = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1).reshape(-1, len(grids))
    density = np.exp(-0.5 * (points**2).sum(axis=1))
    return points @ (axes * scales).T, density / density.sum()


def kernels(tau, logits):
    """1 − K_0, K_1 and K_2 of τ + x, each (n, τ)."""
    s = np.minimum(tau + logits[:, None], 30.0)
    dead = np.exp(-np.exp(s))
    return -np.expm1(-np.exp(s)), np.exp(s) * dead, np.exp(2 * s) * dead


def risk(case, weights, bias, settings):
    step, tau_step, reach = settings
    tau = np.arange(-55.0, 40.0, tau_step)
    features = len(case["signal"][0][1])
    overlap, q, u = weights[:, :features], weights @ weights.T, case["head_weights"]
    laws = [(1.0, bias, q)] + [
        (share, bias + overlap @ mean, q + overlap @ np.array(covariance) @ overlap.T)
        for share, mean, covariance in case["signal"]
    ]
    damping = tau_step * np.exp(-case["kappa"] * np.exp(tau))

    def powers(deficit):
        """E_L[Φ^{L−1}] and its derivative."""
        logarithm = np.log1p(-np.minimum(deficit, 1.0 - 1e-16))
        result = np.zeros((2, *deficit.shape))
        for length, share in zip(case["lengths"], case["length_weights"], strict=True):
            result[0] += share * np.exp((length - 1) * logarithm)
            result[1] += share * (length - 1) * np.exp((length - 2) * logarithm)
        return result

    total = 1.0
    for h in range(len(weights)):
        rows = []
        for _, mean, covariance in laws:
            logits, masses = nodes(covariance[[h]][:, [h]], step, reach)
            rows.append([masses @ k for k in kernels(tau, logits[:, 0] + mean[h])])
        d, _, phi2 = rows[0]
        s0, s1, s2 = sum(law[0] * np.array(r) for law, r in zip(laws[1:], rows[1:], strict=True))
        whole, less = powers(d)
        total += damping @ (
            -2 * u[h] * s1 * whole + u[h] ** 2 * (s2 * whole + phi2 * (1 - s0) * less)
        )
        for k in range(h):
            tables = []
            for _, mean, covariance in laws:
                logits, masses = nodes(covariance[np.ix_([h, k], [h, k])], step, reach)
                d1, one, _ = kernels(tau, logits[:, 0] + mean[h])
                d2, two, _ = kernels(tau, logits[:, 1] + mean[k])
                both = (masses @ d1)[:, None] + masses @ d2 - (masses[:, None] * d1).T @ d2
                tables.append((both, (masses[:, None] * one).T @ two))
            d, phi11 = tables[0]
            s0 = sum(law[0] * t[0] for law, t in zip(laws[1:], tables[1:], strict=True))
            s11 = sum(law[0] * t[1] for law, t in zip(laws[1:], tables[1:], strict=True))
            whole, less = powers(d)
            total += 2 * u[h] * u[k] * damping @ (s11 * whole + phi11 * (1 - s0) * less) @ damping
    return total


def gradient(case, weights, bias, settings):
    """∂E/∂K at fixed bias, by central differences of fourth order."""
    step = 0.01
    result = np.empty_like(weights)
    for index in np.ndindex(*weights.shape):
        change = np.zeros_like(weights)
        change[index] = step
        near, far = (
            risk(case, weights + times * change, bias, settings)
            - risk(case, weights - times * change, bias, settings)
            for times in (1, 2)
        )
        result[index] = (8 * near - far) / (12 * step)
    return result


def main():
    results = {}
    for name, case in CASES.items():
        weights, bias = np.array(case["weights"]), np.array(case["bias"])
        risks = [risk(case, weights, bias, settings) for settings in SETTINGS]
        slopes = [gradient(case, weights, bias, settings) for settings in SETTINGS]
        results[name] = case | {
            "risk": risks[0],
            "risk_difference": abs(risks[1] - risks[0]),
            "weights_gradient": slopes[0].tolist(),
            "gradient_difference": float(np.abs(slopes[1] - slopes[0]).max()),
        }
        print(
            name, risks[0], results[name]["risk_difference"], results[name]["gradient_difference"]
        )
    Path(__file__).with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
