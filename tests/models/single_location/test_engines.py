"""What all engines have in common: the risk by itself, and pure functions of the heads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

import orderparams as op
from orderparams.models.single_location import model as single_location
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Engine, joint
from orderparams.models.single_location.engines.auto import Combined
from orderparams.models.single_location.engines.joint import JointQuadrature
from orderparams.models.single_location.engines.sampling import Sampling
from orderparams.models.single_location.engines.separate import Quadrature
from orderparams.models.single_location.task import Signal, Task

Array = NDArray[np.float64]

SIGNAL = Signal(
    np.array([0.4, 0.6]),
    np.array([[1.5, 0.2], [-0.5, 1.8]]),
    np.array([np.zeros((2, 2)), np.diag([0.4, 0.1])]),
)
TASK = Task(np.array([2, 5]), np.array([0.3, 0.7]), SIGNAL, "scalar", 0.5)
SOFTMAX = Activation("softmax", joint=False, kappa=0.0)
SOFTMAX_1 = Activation("softmax-1", joint=False, kappa=1.0)
BAYES = Activation("bayes-softmax", joint=True, kappa=0.0)


def combined() -> Combined:
    return Combined(Quadrature(TASK, SOFTMAX, 3), Sampling(TASK, SOFTMAX, 3, samples=512, seed=0))


ENGINES: dict[str, Callable[[], Engine]] = {
    "softmax": lambda: Quadrature(TASK, SOFTMAX, 3),
    "softmax-1": lambda: Quadrature(TASK, SOFTMAX_1, 3),
    "bayes-softmax": lambda: JointQuadrature(TASK, BAYES, 3),
    "sampling": lambda: Sampling(TASK, SOFTMAX, 3, samples=512, seed=0),
    "sampling, joint": lambda: Sampling(TASK, BAYES, 3, samples=512, seed=0),
    "combined": combined,
}


def heads(scale: float) -> tuple[Array, Array, Array]:
    """Reduced weights, biases and head weights; the first two heads are nearly equal."""
    rng = np.random.default_rng(4)
    weights = scale * rng.standard_normal((3, 5))
    weights[1] = weights[0] + 1e-3
    return weights, 0.3 * rng.standard_normal(3), rng.uniform(0.2, 1.0, 3)


@pytest.mark.parametrize("scale", [0.01, 1.0, 3.0])
@pytest.mark.parametrize("name", ENGINES)
def test_the_risk_by_itself(name: str, scale: float) -> None:
    """Oracle: the risk among the moments; on the sampling engine's nodes, to the bit."""
    engine = ENGINES[name]()
    moments, alone = engine.evaluate(*heads(scale)), engine.risk(*heads(scale))
    assert alone.engine == moments.engine == engine.name
    assert 0 < alone.error <= max(1e-8, moments.error)
    sampled = name.startswith("sampling")
    assert abs(alone.value - moments.risk) <= (0.0 if sampled else alone.error + moments.error)


def test_how_expectations_were_taken_comes_with_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is forgotten by the engine: the same heads have the same result whatever came before."""
    engine = JointQuadrature(TASK, BAYES, 3)
    first, before = engine.evaluate(*heads(1.0)), dict(vars(engine))
    with monkeypatch.context() as patch:
        patch.setattr(joint, "LARGEST_GRID", 0)
        patch.setattr(joint, "LARGEST_NET", 0)
        coarse, risk = engine.evaluate(*heads(1.0)), engine.risk(*heads(1.0))
    again = engine.evaluate(*heads(1.0))
    assert [first.engine, coarse.engine, again.engine] == [
        "quadrature",
        "quasi-Monte Carlo",
        "quadrature",
    ]
    assert risk.engine == "quasi-Monte Carlo"
    assert abs(risk.value - first.risk) <= risk.error
    assert risk.value == pytest.approx(coarse.risk, abs=1e-14)
    assert again.risk == first.risk != coarse.risk
    assert vars(engine) == before
    assert engine.name == "quadrature"


@pytest.mark.parametrize("alone", [False, True], ids=["moments", "risk"])
def test_a_run_names_all_ways_that_it_met(alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = op.load("bayes-softmax", ["attention.heads=2", "initial.seed=1"])
    flow = single_location.flow(problem)

    def take() -> None:
        if alone:
            flow.risk(flow.state(flow.initial_state))
        else:
            flow.evaluate(flow.initial_state)

    take()
    assert flow.engine_name == "quadrature"
    with monkeypatch.context() as patch:
        patch.setattr(joint, "LARGEST_GRID", 0)
        patch.setattr(joint, "LARGEST_NET", 0)
        take()
    assert flow.engine_name.startswith("quadrature, in part quasi-Monte Carlo")


@pytest.mark.parametrize("name", ENGINES)
def test_threads_share_an_engine(name: str) -> None:
    """Four at a time, each with heads of its own: to the bits of one after the other."""
    engine = ENGINES[name]()
    covariance = name not in ("softmax", "softmax-1")

    def digest(scale: float) -> bytes:
        found = engine.evaluate(*heads(scale), gradient_covariance=covariance)
        parts = [found.overlap_gradient, found.self_overlap_gradient, found.bias_gradient]
        if found.gradient_covariance is not None:
            parts.append(found.gradient_covariance)
        return np.append(found.risk, np.concatenate([part.ravel() for part in parts])).tobytes()

    scales = [0.1, 0.5, 1.0, 2.0] * 5
    alone = [digest(scale) for scale in scales[:4]] * 5
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(digest, scales)) == alone
