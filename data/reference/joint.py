"""Reference values of Bayes-softmax, in ``joint.json``: run ``python data/reference/joint.py``.

Plain NumPy, and nothing of the package: trapezoid sums on one full grid per law, every kernel at
every node (theory 5b). Each value is computed with two settings, of which the one has neither the
nodes nor the steps of the other; the file says by how much they differ.
"""

import itertools
import json
from pathlib import Path

import numpy as np

CASES = {
    "mixture": {
        "length": 4,
        "kappa": 0.0,
        "signal": [
            [0.4, [1.5, 0.2], [[0.0, 0.0], [0.0, 0.0]]],
            [0.6, [-0.5, 1.8], [[0.4, 0.0], [0.0, 0.1]]],
        ],
        "weights": [[0.8, 0.3, 0.5477225575, 0.0], [-0.2, 1.1, 0.1825741858, 0.4082482905]],
        "bias": [-0.515, -0.725],
    },
    "one head, long": {
        "length": 1000,
        "kappa": 0.0,
        "signal": [[0.5, [3.0], [[0.0]]], [0.5, [-2.0], [[0.5]]]],
        "weights": [[1.7, 0.4]],
        "bias": [0.3],
    },
    "constant in the normaliser": {
        "length": 3,
        "kappa": 1.0,
        "signal": [[1.0, [1.0, -1.0], [[0.5, 0.2], [0.2, 0.3]]]],
        "weights": [[1.2, 0.4, 0.3, 0.0], [0.9, -0.8, 0.1, 0.2]],
        "bias": [-0.5, 0.2],
    },
    "three heads": {
        "length": 8,
        "kappa": 0.0,
        "signal": [[0.3, [2.0, 0.0], [[0, 0], [0, 0]]], [0.7, [0.0, 1.5], [[0, 0], [0, 0]]]],
        "weights": [
            [1.0, 0.1, 0.3, 0.0, 0.0],
            [-0.2, 0.9, 0.1, 0.3, 0.0],
            [0.5, 0.5, -0.2, 0.1, 0.2],
        ],
        "bias": [-0.6, -0.5, -0.3],
    },
}
SETTINGS = [(0.30, 0.25, 8.0), (0.26, 0.29, 8.5)]  # steps in g·standard deviation and τ; range of g


def nodes(covariance, step, reach):
    """Trapezoid nodes (n, H) and weights (n,) of a centred Gaussian; a step of at most 0.7 in g."""
    variances, axes = np.linalg.eigh(covariance)
    scales = np.sqrt(np.maximum(variances, 0.0))
    grids = []
    for scale in scales:
        width = min(step / scale, 0.7)
        grids.append(width * (np.arange(-int(reach / width), int(reach / width) + 1) + 0.3))
    points = np.array(list(itertools.product(*grids)))
    density = np.exp(-0.5 * (points**2).sum(axis=1))
    return points @ (axes * scales).T, density / density.sum()


def risk(case, weights, bias, settings):
    step, tau_step, reach = settings
    tau = np.arange(-45.0, 40.0, tau_step)
    features = len(case["signal"][0][1])
    overlap, self_overlap = weights[:, :features], weights @ weights.T

    def kernels(mean, covariance):
        logits, masses = nodes(covariance, step, reach)
        score = np.logaddexp.reduce(mean + bias + logits, axis=1)
        sums = np.zeros((4, len(tau)))
        for i, shift in enumerate(tau):
            s = np.minimum(shift + score, 30.0)
            dead = np.exp(-np.exp(s))
            sums[:, i] = (
                masses @ -np.expm1(-np.exp(s)),
                masses @ dead,
                masses @ (np.exp(s) * dead),
                masses @ (np.exp(2 * s) * dead),
            )
        return sums

    deficit, _, _, phi2 = kernels(0.0, self_overlap)
    psi0, psi1, psi2 = sum(
        weight
        * kernels(overlap @ mean, self_overlap + overlap @ np.array(covariance) @ overlap.T)[1:]
        for weight, mean, covariance in case["signal"]
    )
    others = case["length"] - 1
    log_phi0 = np.log1p(-np.minimum(deficit, 1.0 - 1e-16))
    power = np.exp(others * log_phi0)
    one_less = np.exp((others - 1) * log_phi0)
    integrand = (psi2 - 2 * psi1) * power + others * phi2 * psi0 * one_less
    return 1.0 + tau_step * np.sum(np.exp(-case["kappa"] * np.exp(tau)) * integrand)


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
        slopes = [
            gradient(case, weights, bias, settings)
            for settings in (SETTINGS if len(weights) < 3 else SETTINGS[:0])
        ]
        results[name] = case | {
            "risk": risks[0],
            "risk_difference": abs(risks[1] - risks[0]),
        }
        if slopes:
            results[name] |= {
                "weights_gradient": slopes[0].tolist(),
                "gradient_difference": float(np.abs(slopes[1] - slopes[0]).max()),
            }
        print(name, risks, [abs(slopes[1] - slopes[0]).max() if slopes else None])
    Path(__file__).with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
