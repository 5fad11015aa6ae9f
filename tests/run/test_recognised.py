"""Slips in data, taken back. The oracle is a judge that knows the data as they were measured."""

from types import SimpleNamespace

import numpy as np
import pytest

import orderparams as op
from orderparams.errors import SolverError
from orderparams.measured.measure import Measured
from orderparams.run.recognised import recognised

GENERATOR = np.random.default_rng(5)
D = 1000
TIME = 5 * np.arange(0, 2400, 300) / D
SETTINGS = {
    "simulation.dimension": D,
    "training.learning_rate": 5.0,
    "task.signal": {"kind": "spikes", "strengths": [4.0, 2.0]},
    "attention.heads": 2,
}


def course():
    """Order parameters (1, T, …) of two heads against two directions."""
    keys = np.cumsum(GENERATOR.normal(size=(1, len(TIME), 2, 5)), axis=1) + np.arange(5.0)
    return keys[..., :2], keys @ np.swapaxes(keys, 2, 3)


M, Q = course()


def measured(m=M, q=Q, time=TIME, *, stepped=True):
    problem = op.load("finite-learning-rate", SETTINGS | {"initial": {"kind": "random"}})
    return Measured(problem, time, stepped, {"overlap": m, "self_overlap": q}, [])


def judge(found):
    """Agrees with the data as they were measured, and with their first times."""
    right = {"overlap": M, "self_overlap": Q}
    rows = len(found.time)
    alike = np.allclose(found.time, TIME[:rows]) and all(
        np.allclose(found.parameters[name], right[name][:, :rows]) for name in right
    )
    if np.abs(found.parameters["self_overlap"]).max() > 1e5:
        raise SolverError("too far")
    return SimpleNamespace(verdict="agree" if alike else "disagree")


SLIPS = {
    "m_1_2 is taken for m_2_1": measured(np.swapaxes(M, 2, 3)),
    "direction 2 has the other sign": measured(M * [1, -1]),
    "direction 1, 2 has the other sign": measured(-M),
    "heads of m are put in the order 2, 1": measured(M[:, :, ::-1]),
    "directions of m are put in the order 2, 1": measured(M[..., ::-1]),
    "multiplied by the learning rate 5 .it looks like step/D": measured(
        time=TIME / 5, stepped=False
    ),
    "multiplied by learning rate / D = 0.005": measured(time=TIME * D / 5, stepped=False),
    "divided by D = 1000": measured(time=TIME * D, stepped=False),
}


@pytest.mark.parametrize("words", SLIPS)
def test_a_slip_is_named(words):
    found = recognised(SLIPS[words], judge)
    assert found.startswith("Theory and simulation agree if ")
    assert words.replace(" .it", " (it") in found


@pytest.mark.parametrize(
    ("words", "m", "q"),
    [
        ("you divide m by √D and divide q by D.", D**0.5, D),
        ("you multiply m by D and multiply q by D.", 1 / D, 1 / D),
        ("you multiply q by √D.", 1, D**-0.5),
    ],
)
def test_powers_of_d_are_named(words, m, q):
    assert words in recognised(measured(m * M, q * Q), judge, scaled=True)


def test_what_is_no_slip_is_not_named():
    assert recognised(measured(1.1 * M, 2 * Q), judge) == ""
    assert recognised(measured(time=TIME / 5), judge) == ""  # steps have told them


def test_other_scales_of_times_are_looked_for_where_linear_theory_fails():
    late = measured(time=TIME * D, stepped=False)
    assert "divided by D = 1000" in recognised(late, judge, scaled=True)


def test_a_loss_with_half_its_length_beside_a_right_weight_decay_is_named():
    """SGD of half the learning rate and twice the decay, told at the times of the whole rate."""
    half = {"training.learning_rate": 2.5, "training.weight_decay": 0.04, "training.duration": 12}
    small = {"simulation.dimension": D, "simulation.replicas": 1, "output.points": 11}
    run = op.simulate("finite-learning-rate", settings=half | small, risks=False)
    data = {
        "time": 2 * run.time,
        "m": run["overlap"][0],
        "q": run["self_overlap"][0],
    }
    theory = {"training.weight_decay": 0.02}
    found = op.judge(data, "finite-learning-rate", settings=theory, dimension=D)
    assert found.verdict == "disagree"
    assert "the loss, and not the weight decay, is multiplied by 2" in found.explanation
    assert "it has a factor 1/2 too many" in found.explanation
