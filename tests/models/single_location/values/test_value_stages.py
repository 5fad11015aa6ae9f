"""Stages and portraits of keys beside values.

Oracles: known values, which values at rest at the target are; the flow itself for its velocities.
"""

import numpy as np
import pytest

import orderparams as op
from orderparams.analysis.plane import plane_of
from orderparams.analysis.stages import stages_of
from orderparams.models.single_location.values import stability
from orderparams.models.vectors.field import velocities
from orderparams.scans.actions import perform
from orderparams.views.story import tell

RUN = {
    "task": {
        "length": 3,
        "target": "scalar",
        "signal": {"kind": "spikes", "strengths": [6.0, 3.0]},
    },
    "attention": {"heads": 2, "value": "learned"},
    "training": {"duration": 60.0, "value_rate": 0.0},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.1, 0.02], [0.05, 0.1]],
        "self_overlap": [[0.05, 0.0], [0.0, 0.05]],
        "value_alignment": [1.0, 1.0],
        "value_self_overlap": [[1.0, 1.0], [1.0, 1.0]],
    },
    "output": {"points": 61},
}
KEYS = ("kind", "overlap", "self_overlap")
KNOWN = RUN | {
    "attention": {"heads": 2},
    "training": {"duration": 60.0},
    "initial": {name: RUN["initial"][name] for name in KEYS},
}


@pytest.fixture(scope="module")
def found():
    with pytest.MonkeyPatch.context() as patch:  # what is across the manifold is not looked at
        patch.setattr(stability, "TOLERANCE", 1e-4)
        return op.analyze(RUN)


def times(stages):
    """What happened, and when."""
    names = [(event.learner, event.target, event.common) for event in stages.events]
    when = [(event.start, event.half_time, event.complete) for event in stages.events]
    return names, np.array(when)


def test_keys_turn_as_heads_do_whose_values_are_known(found):
    expected, when = times(stages_of(op.solve(KNOWN)))
    names, known = times(found.stages)
    assert names == expected
    assert len(names) > 1
    np.testing.assert_allclose(known, when, rtol=0, atol=1e-3)


def test_stages_stand_in_files_words_and_json(found, tmp_path):
    found.save(tmp_path / "found.h5")
    stored = op.open(tmp_path / "found.h5")
    assert times(stored.stages)[0] == times(found.stages)[0]
    np.testing.assert_array_equal(times(stored.stages)[1], times(found.stages)[1])
    assert stored.stages.groups == found.stages.groups
    first, *others = tell.tell(stored)
    assert first.title == "What happened"
    assert any("A row is a key that turns" in str(block) for block in first.blocks)
    assert [chapter.title for chapter in others] == [one.title for one in found.chapters]
    assert [event["key"] for event in found.document()["stages"]["events"]] == [
        event.learner + 1 for event in found.stages.events
    ]
    assert stored.facts()["stages"] == found.stages.counts


@pytest.mark.parametrize("value", ["manifold", "full", "tied"])
def test_the_field_of_a_portrait_is_the_velocity_of_the_flow(value):
    crosses = {
        "initial.key_target_overlap": [0.1, 0.05],
        "initial.value_overlap": [[0.1, 0]] * 2,
        "initial.value_self_overlap": [[1.2, 1.0], [1.0, 1.3]],
    }
    tied = {"attention.value": "tied", "initial": KNOWN["initial"], "training": {}}
    settings = {"manifold": {}, "full": crosses, "tied": tied}[value]
    problem = op.load(RUN, settings=settings)
    at = op.evaluate(problem)
    plane = plane_of(problem, at["overlap"])
    for head in range(2):
        here = at["overlap"][head][None]
        moved = velocities(problem, at.parameters, head, plane.axes, here)
        np.testing.assert_allclose(moved[0], at.velocity["overlap"][head], rtol=0, atol=1e-6)


def test_portraits_are_drawn_of_keys_and_no_attention(found, tmp_path):
    figure = op.plot(found, tmp_path / "phase.png", kind="phase")
    assert {"head 1", "head 2"} <= {line.get_label() for line in figure.axes[0].lines}
    with pytest.raises(op.ConfigurationError, match="is not told by attention alone"):
        op.plot(found.trajectory, tmp_path / "weights.png", kind="weights")


def test_points_of_scans_have_times_of_stages():
    problem = op.load(RUN)
    times = perform("solve", problem).values["stage_time"]
    assert len(times) == len(
        {event.stage for event in stages_of(op.solve(problem)).specializations}
    )
