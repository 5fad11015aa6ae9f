"""C6: softmax has a noise floor, softmax-1 does not."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

import orderparams as op
from orderparams.analysis.stationary import descend
from orderparams.config import Problem
from orderparams.models.vectors.geometry import Vectors, geometry_of
from orderparams.models.vectors.landscape import Landscape
from orderparams.results.evidence import Evidence, Panel, below, close

Array = NDArray[np.float64]

LENGTH = 4
STRENGTHS = (1.0, 4.0, 9.0, 16.0, 25.0, 36.0)
STRONGER = (49.0, 64.0)
LIMIT = 10000.0
BIASES = ("none", "norm", "learned")
REFERENCE = {
    "softmax": (0.7208, 0.5852, 0.4737, 0.4210, 0.3955, 0.3809),
    "softmax-1": (0.7810, 0.4537, 0.1882, 0.0617, 0.0165, 0.0036),
    "Bayes": (0.6898, 0.3804, 0.1124, 0.0186, 0.0018, 0.0001),
}
"""Values of an independent program at STRENGTHS, all its digits."""


def problem(activation: str, strength: float, bias: str) -> Problem:
    """Two heads on ±√ν."""
    settings = [
        f"task.signal.strengths=[{strength}]",
        f"task.length={LENGTH}",
        "attention.heads=2",
        f"attention.activation='{activation}'",
        f"attention.bias='{bias}'",
    ]
    return op.load("flipped-spikes", settings)


def bayes_risk(strength: float) -> float:
    """What no layer is below."""
    return geometry_of(problem("softmax", strength, "none")).floor.value


def symmetric(landscape: Landscape, scale: float, residual: float = 0.0) -> Vectors:
    """k = ±c√ν k*, with ``residual`` as the length of what stands outside k* in each head.

    The bias is the norm's where it is learned.
    """
    strength = landscape.geometry.directions[0].variance
    overlap = scale * strength**0.5 * np.array([[1.0], [-1.0]])
    numbers = dict(landscape.flow.start.numbers)
    if "bias" in landscape.flow.rule.rates:
        numbers["bias"] = np.full(2, -0.5 * (scale**2 * strength + residual**2))
    return Vectors(overlap, residual * np.eye(2), numbers)


@functools.cache
def best_scale(activation: str, strength: float, bias: str) -> tuple[float, float]:
    """The c of least risk over symmetric heads, and that risk.

    The logit cν of the signal token is of the order of log ν; under the norm bias there is another
    minimum near c = 1.
    """
    landscape = Landscape(problem(activation, strength, bias), residual=0, tolerance=1e-9)

    def risk(scale: float) -> float:
        return landscape.risk(landscape.point(symmetric(landscape, scale)))

    logit = min(strength, 4 + np.log(1 + strength))
    brackets = [(0.2 * logit / strength, 3 * logit / strength)]
    brackets += [(0.7, 1.3)] * (bias == "norm")
    found = []
    for bracket in brackets:
        best = minimize_scalar(risk, bounds=bracket, method="bounded", options={"xatol": 1e-5})
        found.append((float(best.fun), float(best.x)))
    least, scale = min(found)
    return scale, least


def trained(strength: float, bias: str) -> tuple[float, float]:
    """Least risk of softmax-1 that descents from symmetric heads find, and the residual there.

    Heads, residual and learned biases are free.
    """
    landscape = Landscape(problem("softmax-1", strength, bias), tolerance=1e-9)
    ends = []
    for scale in (best_scale("softmax-1", strength, "none")[0], 1.0):
        x = landscape.point(symmetric(landscape, scale, 0.1))
        for stage in (landscape.rough, landscape):
            x = descend(stage.value_and_gradient, x)
        ends.append((landscape.risk(x), float(np.abs(landscape.vectors(x).residual).max())))
    return min(ends)


def noise_floor() -> Evidence:
    """Flipped spikes ±√ν, L = 4, two heads k = ±c√ν k* with the best c, ν = 1 … 64 and 10⁴. As ν
    grows softmax tends to L/(4(L−1)): one head finds the signal token, the other one spreads its
    half over all the others. Without a bias softmax-1 tends to (L−1)/L²: the other head cannot be
    off when noise logits vanish. With the norm bias the risk goes to zero, as ν^(−1/2) e^(−ν/8): a
    head must tell √ν from noise by a threshold. In the last panel heads, residual and biases are
    all free, and no residual grows in these minima.
    """
    softmax = np.array([best_scale("softmax", strength, "none")[1] for strength in STRENGTHS])
    strengths = np.array([*STRENGTHS, *STRONGER])
    softmax_1 = np.array([best_scale("softmax-1", strength, "norm")[1] for strength in strengths])
    bayes = np.array([bayes_risk(strength) for strength in STRENGTHS])
    least = softmax_1[: len(STRENGTHS)]
    scaled = np.log(softmax_1[-2:] * np.sqrt(strengths[-2:]))
    decay = -float(np.diff(scaled)[0] / np.diff(strengths[-2:])[0])
    ends = {bias: [trained(strength, bias) for strength in STRENGTHS] for bias in BIASES}
    risks = {bias: np.array([risk for risk, _ in pairs]) for bias, pairs in ends.items()}
    residual = max(length for pairs in ends.values() for _, length in pairs)
    others = np.minimum(risks["none"], risks["norm"])
    checks = (
        *(
            below(f"{name}: − reference, largest", deviation(name, found), 1e-4)
            for name, found in (("softmax", softmax), ("softmax-1", least), ("Bayes", bayes))
        ),
        close("softmax at ν = 10⁴", LENGTH / (4 * LENGTH - 4), limit("softmax"), relative=0.01),
        close("softmax-1, no bias", (LENGTH - 1) / LENGTH**2, limit("softmax-1"), relative=0.01),
        below("softmax-1, norm bias, ν = 64", float(softmax_1[-1]), 1e-4),
        close("its decay in ν", 0.125, decay, relative=0.05),
        below("norm / no bias, largest", float((risks["norm"] / risks["none"]).max()), 1.0),
        below("learned bias / best other, largest", float((risks["learned"] / others).max()), 1.0),
        below("residual in the minima, largest", residual, 1e-3),
    )
    curves = {"softmax": softmax, "softmax-1, norm bias": least, "Bayes risk": bayes}
    panels = (
        panel("activations", curves),
        panel("biases", {f"softmax-1, bias: {bias}": row for bias, row in risks.items()}),
    )
    return Evidence(problem("softmax-1", 9.0, "norm"), checks, panels)


def deviation(name: str, found: Array) -> float:
    """The largest from the reference."""
    return float(np.abs(found - REFERENCE[name]).max())


def limit(activation: str) -> float:
    """The risk without a bias where ν is huge."""
    return best_scale(activation, LIMIT, "none")[1]


def panel(name: str, curves: dict[str, Array]) -> Panel:
    """Risks over the strengths."""
    axis = ("strength", "signal strength ν", np.array(STRENGTHS))
    return Panel(name, *axis, "risk E", curves, ("linear", "log"))
