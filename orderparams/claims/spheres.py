"""X9: on a sphere SGD comes to rest beside its target."""

from __future__ import annotations

import numpy as np

import orderparams as op
from orderparams.results.evidence import Evidence, Panel, above, below, close
from orderparams.results.trajectory import Trajectory

RATES = (0.1, 0.2, 0.4, 0.8, 1.6)

SETTINGS: dict[str, object] = {
    "task.signal": {"kind": "spikes", "strengths": [4.0]},
    "task.length": 3,
    "attention.heads": 1,
    "attention.activation": "softmax",
    "initial": {"kind": "explicit", "overlap": [[0.5]], "self_overlap": [[2.25]]},
    "training.constraint": "sphere",
    "training.duration": 200.0,
    "output.points": 41,
}


def trained(learning_rate: float) -> Trajectory:
    """A head on a sphere by SGD of a learning rate, by gradient flow for zero."""
    rule: dict[str, object] = {"training.rule": "sgd", "training.learning_rate": learning_rate}
    exact: dict[str, object] = {"integrator.rtol": 1e-8}
    return op.solve("single-head", settings=SETTINGS | (rule if learning_rate else exact))


def rest_on_a_sphere() -> Evidence:
    """One softmax head of fixed length 1.5 on one spike, ν = 4, L = 3, to t = 200 from the overlap
    0.5. Gradient flow turns it onto the hidden direction, where its residual vanishes and the Gram
    matrix is singular: its cosine with k* is 1. The noise of SGD keeps the cosine below 1 by an
    amount of order γ: it doubles with γ at small γ, and extrapolates to 1 at γ = 0. SGD at D = 1000
    with γ = 1.6 ends there and not at 1. (Ours; spheres are those of Marion et al., arXiv
    2410.01537.)
    """
    flow = trained(0.0)
    cosine = {rate: float(trained(rate).overlap[-1, 0, 0]) / 1.5 for rate in RATES}
    flow_cosine = flow.overlap[-1, 0, 0] / flow.self_overlap[-1, 0, 0] ** 0.5
    missed = 1 - np.array([cosine[rate] for rate in RATES])
    fit = np.polyfit(RATES[:3], missed[:3], 2)
    settings = SETTINGS | {"training.learning_rate": RATES[-1], "training.duration": 30.0}
    small: dict[str, object] = {
        "simulation.dimension": 1000,
        "simulation.replicas": 16,
        "output.points": 31,
    }
    run = op.simulate("single-head", settings=settings | small, risks=False)
    late = run["overlap"][:, 16:, 0, 0].mean(axis=1) / 1.5
    error = late.std(ddof=1) / len(late) ** 0.5
    length = np.abs(run["self_overlap"] - 2.25).max()
    checks = (
        below("gradient flow: |1 − cosine|", abs(float(flow_cosine) - 1), 1e-7),
        above("γ = 0.1: 1 − cosine", missed[0], 1e-4),
        close("its ratio from γ = 0.1 to 0.2", 2.0, missed[1] / missed[0], relative=0.1),
        below("|1 − cosine| extrapolated to γ = 0", abs(float(fit[-1])), 0.02 * missed[2]),
        close("SGD, γ = 1.6: mean cosine", cosine[1.6], late.mean(), absolute=4 * error + 2e-3),
        above("its distance from 1 in standard errors", (1 - late.mean()) / error, 10),
        below("its largest change of a length", float(length), 1e-9),
    )
    curves = {"1 − cosine": missed, "linear": missed[0] * np.array(RATES) / RATES[0]}
    panel = Panel(
        "sphere", "learning_rate", "learning rate γ", np.array(RATES), "1 − cosine", curves,
        ("log", "log"),
    )  # fmt: skip
    return Evidence(flow.problem, checks, (panel,), flow)
