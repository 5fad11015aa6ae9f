"""Points at rest next to runs of learned and tied values.

Oracles: known values, which values along v* are; differences of the flow's own velocity; the risks
of the best tied head; the rate at which a run leaves.
"""

import numpy as np
import pytest

import orderparams as op
from orderparams.analysis.rests import point_near
from orderparams.analysis.saddles import Passed, of_saddles, passed, sentence
from orderparams.analysis.stability import spectrum
from orderparams.analysis.stages import stages_of
from orderparams.analysis.stationary import nearest_beside_lines, unspecialized_point
from orderparams.models.interface import model_of
from orderparams.models.vectors.geometry import geometry_of
from orderparams.models.vectors.landscape import Landscape

SPIKES = {"length": 3, "target": "scalar", "signal": {"kind": "flipped-spikes", "strengths": [6.0]}}
KEYS = {"kind": "explicit", "overlap": [[1e-3], [-5e-4]], "self_overlap": [[1e-5, 0], [0, 1e-5]]}
PAIR = {
    "task": SPIKES,
    "attention": {"heads": 2, "value": "learned"},
    "training": {"duration": 40.0, "value_rate": 4.0},
    "initial": {
        **KEYS,
        "value_alignment": [0.9, 0.9],
        "value_self_overlap": [[0.81, 0.81], [0.81, 0.81]],
    },
    "output": {"points": 101},
}


def chapter(problem, settings=None):
    run = op.solve(op.load(problem, settings))
    return of_saddles(run, geometry_of(run.problem), stages_of(run).plateaus, 1, lambda *_: None)


def first_plateau(problem, settings=None):
    run = op.solve(op.load(problem, settings))
    whole, geometry = Landscape(run.problem), geometry_of(run.problem)
    course = [whole.flow.vectors_at(run.state(index)) for index in range(len(run.time))]
    plateau = stages_of(run).plateaus[0]
    index = int(np.searchsorted(run.time, plateau.center))
    point = point_near(whole, run, index, nearest_beside_lines)[1]
    return run, point, passed(whole, geometry, run, course, plateau)


def test_a_plateau_is_that_of_known_values():
    """Two heads part at the saddle K = 0, where values are v*, as heads do whose values are known;
    along v1 - v2 there is a line of such saddles."""
    _, _, found = first_plateau(PAIR)
    known = Landscape(op.load({"task": SPIKES, "attention": {"heads": 2}}), residual=0)
    point = unspecialized_point(known)
    rate = spectrum(known, point)[0].rate
    assert found.risk == pytest.approx(point.risk, abs=1e-9)
    assert found.rate == pytest.approx(rate, abs=1e-6)
    assert found.observed == pytest.approx(rate, rel=0.02)
    assert (found.growing, found.towards) == (1, "keys along k* 100%")
    said = sentence("plateau 1", found)
    assert said.startswith("Next to plateau 1 lies a saddle of the risk 0.666667, where 1 direct")


def test_the_detour_of_one_head_leads_by_a_saddle_off_the_manifold():
    """Whose key lies along v*: rates are eigenvalues of the Jacobian of the flow."""
    settings = {"training.value_rate": 0.4, "training.duration": 12.0}
    run, there, found = first_plateau("learned-values", settings)
    assert there.converged
    assert abs(there.state["key_target_overlap"][0]) > 0.5
    flow = model_of(run.problem).flow(run.problem)
    moving = np.linalg.eigvals(differences(flow, flow.point(there.state))).real
    assert len(np.unique(moving[moving > 1e-4].round(6))) == found.growing == 2
    assert found.rate == pytest.approx(moving.max(), rel=1e-4)
    assert "a search leads to a saddle of the risk" in sentence("plateau 1", found)


def differences(flow, y, step=1e-4):
    """The Jacobian of dy/dt."""
    columns = [
        (flow.derivative(0.0, y + e) - flow.derivative(0.0, y - e)) / (2 * step)
        for e in step * np.eye(len(y))
    ]
    return np.array(columns).T


def test_the_best_tied_head_is_a_minimum():
    found = chapter("tied-values", {"task.noise": 0.0})
    assert found["risk_there"][-1] == pytest.approx(0.749623252, abs=1e-9)
    assert list(found["growing"]) == [0] * len(found["growing"])


def test_where_no_point_is_found_the_search_is_told():
    said = sentence("the end", Passed(np.nan, 3e-3, np.nan, 0, np.nan, "", np.nan))
    assert said.startswith("Next to the end no point at rest was found: a search by Newton's")
    assert "at a slope of 0.003 of the risk, and at rest it is below 1e-07" in said


@pytest.mark.parametrize("rule", ["gradient-flow", "sgd"])
def test_on_spheres_a_search_stays_on_them(rule):
    """The key along k*, the value along v*, each as long as at the start: beside the end of SGD,
    which noise keeps away."""
    settings = {"training.rule": rule, "training.duration": 0.2, "expectation.samples": 2**12}
    found = chapter("erf-sphere", settings)
    aligned = {"initial.overlap": [[0.2]], "initial.value_alignment": [1.0]}
    aligned |= {f"initial.{name}": [[0.0]] for name in ("value_overlap", "key_value_overlap")}
    aligned |= {"initial.key_target_overlap": [0.0], "training.rule": "gradient-flow"}
    least = op.evaluate("erf-sphere", settings=aligned).risk
    assert found["risk_there"][-1] == pytest.approx(least, abs=1e-10)
    assert found["growing"][-1] == 0
    assert ("noise balances the descent" in found.sentences[-1]) == (rule == "sgd")


def test_values_that_do_not_learn_rest_nowhere():
    found = chapter(PAIR, {"training.value_rate": 0.0, "training.duration": 1.0})
    assert found.sentences[0].startswith("Some vectors do not learn")
    assert len(found["rate"]) == 0
