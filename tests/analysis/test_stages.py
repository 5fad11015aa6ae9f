"""Stages: constructed trajectories whose events, plateaus and groups are known."""

import numpy as np
import pytest
import scipy.signal

from orderparams.analysis.plateaus import AT_REST, find_plateaus, without_turns
from orderparams.analysis.stages import find_stages, groups_of
from orderparams.models.single_location.geometry import (
    hidden_directions,
    principal_directions,
    signal_directions,
)
from orderparams.models.single_location.task import flipped_spikes, gaussian, hypercube, spikes

TIME = np.linspace(0, 1000, 401)
SIGNAL = hypercube([1.5, 0, 0], [0, 2.56, 1.0])
WIDTH = 8.0
NINE = WIDTH * np.log(9)  # of a logistic curve, from 50 % to 90 %


def step(center, width=WIDTH):
    return 1 / (1 + np.exp(-(TIME - center) / width))


def planted():
    """All heads align with direction 1 at t = 100; heads 1 and 2 part along direction 2 at 400 and
    420, heads 3 and 4 along direction 3 at 700."""
    overlap = np.zeros((len(TIME), 4, 3))
    overlap[:, :, 0] = 1.5 * step(100)[:, None] + 1e-3
    for head, feature, size, center in [
        (0, 1, 1.5, 400),
        (1, 1, -1.5, 420),
        (2, 2, 0.8, 700),
        (3, 2, -0.8, 700),
    ]:
        overlap[:, head, feature] = size * step(center)
    risk = 0.8 - 0.3 * step(100) - 0.1 * step(410, 12) - 0.02 * step(700)
    return overlap, risk


def lengths(overlap):
    return np.linalg.norm(overlap, axis=2)


def stages_of_arrays(overlap, risk, signal=SIGNAL, directions=None):
    directions = signal_directions(signal) if directions is None else directions
    return find_stages(TIME, overlap, lengths(overlap), risk, directions)


def test_there_is_no_plateau_while_a_head_turns():
    """The risk rests all the time after its fall; a head turns -2 → +2 in the middle of that."""
    overlap = np.zeros((len(TIME), 2, 3))
    overlap[:, :, 0] = 0.8
    overlap[:, 1, 1] = 1.5 - 3 * step(600)
    risk = 0.8 - 0.3 * step(100)
    stages = stages_of_arrays(overlap, risk)
    (event,) = stages.events
    assert (event.target, event.learner) == ("-2", 1)
    assert event.cosine_before == pytest.approx(-1.5 / 1.7, abs=1e-3)
    assert event.half_time == pytest.approx(600, abs=0.5)
    plateaus = [plateau for plateau in stages.plateaus if plateau.end > 200]
    (before, after) = plateaus
    assert before.end == pytest.approx(event.start, abs=2.5)
    assert after.start == pytest.approx(event.complete, abs=2.5)
    assert after.end == 1000
    for plateau in plateaus:
        assert plateau.start <= plateau.center <= plateau.end
        assert plateau.level == pytest.approx(0.5, abs=1e-3)
    assert without_turns(find_plateaus(TIME, risk), (), TIME, risk) == find_plateaus(TIME, risk)


def test_planted_events_are_found_with_their_times():
    """Oracle: the logistic curves that were planted; 400 stored times are interpolated."""
    overlap, risk = planted()
    stages = stages_of_arrays(overlap, risk)
    common = [event for event in stages.events if event.common]
    assert sorted(event.learner for event in common) == [0, 1, 2, 3]
    assert {event.target for event in common} == {"+1"}
    for event in common:
        assert event.half_time == pytest.approx(100, abs=0.5)
    expected = {(0, "+2"): 400, (1, "-2"): 420, (2, "+3"): 700, (3, "-3"): 700}
    found = {(event.learner, event.target): event for event in stages.specializations}
    assert set(found) == set(expected)
    for key, center in expected.items():
        # the length changes a little during the change: it ends at the final one
        assert found[key].half_time == pytest.approx(center, abs=0.5)
        assert found[key].start == pytest.approx(center - NINE, abs=0.5)
        assert found[key].complete == pytest.approx(center + NINE, abs=0.5)
        assert found[key].stage == (1 if center < 500 else 2)
        assert found[key].risk_before == np.interp(found[key].start, TIME, risk)
        assert found[key].risk_after == np.interp(found[key].complete, TIME, risk)
    event = found[0, "+2"]
    assert (event.cosine_before, event.cosine_after) == pytest.approx((0, 0.5**0.5), abs=1e-3)
    np.testing.assert_allclose(event.vector, [0, 1, 0], atol=1e-12)
    assert stages.unspecialized == pytest.approx((0, 360), abs=30)
    assert stages.excursions == ()
    assert stages.remaining < 1e-9


def test_planted_plateaus_are_found_with_their_levels():
    stages = stages_of_arrays(*planted())
    levels = [plateau.level for plateau in stages.plateaus]
    assert levels == pytest.approx([0.8, 0.5, 0.4, 0.38], abs=1e-4)
    edges = [0, 100, 410, 700, 1000]
    for plateau, begin, end in zip(stages.plateaus, edges, edges[1:], strict=False):
        assert begin <= plateau.start < plateau.center < plateau.end <= end
        assert plateau.end - plateau.start > 0.4 * (end - begin)


def test_noise_changes_no_conclusion():
    """Fifty noisy copies as SGD in D of about 1000 makes them: the same events and plateaus.

    Half-times move by the noise of about four standard deviations, 0.12, over the slope at half the
    change, 0.8/(4 WIDTH): by 5, and by a stored time, 2.5.
    """
    overlap, risk = planted()
    generator = np.random.default_rng(0)
    for _ in range(50):
        noisy = overlap + 0.03 * generator.normal(size=overlap.shape)
        stages = stages_of_arrays(noisy, risk + 0.002 * generator.normal(size=risk.shape))
        found = {(event.learner, event.target): event for event in stages.specializations}
        assert set(found) == {(0, "+2"), (1, "-2"), (2, "+3"), (3, "-3")}
        assert found[0, "+2"].half_time == pytest.approx(400, abs=7.5)
        assert found[2, "+3"].half_time == pytest.approx(700, abs=7.5)
        assert [found[key].stage for key in sorted(found)] == [1, 1, 2, 2]
        levels = [plateau.level for plateau in stages.plateaus]
        assert levels == pytest.approx([0.8, 0.5, 0.4, 0.38], abs=5e-3)


def test_noise_with_a_memory_changes_no_conclusion():
    """As the last, with noise that SGD forgets only after five stored times."""
    overlap, risk = planted()
    generator = np.random.default_rng(0)
    decay = np.exp(-1 / 5)

    def noise(shape):
        white = generator.normal(size=shape)
        return scipy.signal.lfilter([np.sqrt(1 - decay**2)], [1, -decay], white, axis=0)

    for _ in range(20):
        noisy = overlap + 0.03 * noise(overlap.shape)
        stages = stages_of_arrays(noisy, risk + 0.001 * noise(risk.shape))
        found = sorted(
            (event.learner, event.target, event.stage) for event in stages.specializations
        )
        assert found == [(0, "+2", 1), (1, "-2", 1), (2, "+3", 2), (3, "-3", 2)]
        assert len(stages.plateaus) == 4


def test_a_change_of_scale_or_of_the_order_of_heads_changes_nothing():
    overlap, risk = planted()
    reference = stages_of_arrays(overlap, risk).events
    scaled = stages_of_arrays(7 * overlap, 3 + 5 * risk).events
    order = [2, 0, 3, 1]
    permuted = stages_of_arrays(overlap[:, order], risk).events
    rows = {(e.learner, e.target, round(e.half_time, 9), e.stage) for e in reference}
    assert {(e.learner, e.target, round(e.half_time, 9), e.stage) for e in scaled} == rows
    assert {(order[e.learner], e.target, round(e.half_time, 9), e.stage) for e in permuted} == rows


def test_a_rotation_of_signal_and_overlaps_changes_only_names():
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    overlap, risk = planted()
    straight = gaussian([1.5, 0, 0], np.diag([0, 2.56, 1.0]))
    turned = gaussian(rotation @ [1.5, 0, 0], rotation @ np.diag([0, 2.56, 1.0]) @ rotation.T)
    first = stages_of_arrays(overlap, risk, straight)
    second = stages_of_arrays(overlap @ rotation.T, risk, turned)
    assert [d.name for d in second.directions] == ["p1", "p2", "p3"]
    times = sorted(round(event.half_time, 6) for event in first.specializations)
    assert sorted(round(event.half_time, 6) for event in second.specializations) == times
    vectors = {event.learner: event.vector for event in second.specializations}
    np.testing.assert_allclose(vectors[0], rotation[:, 1], atol=1e-9)


def test_growth_after_a_plateau_is_an_event_of_its_own():
    """Two heads grow along direction 1 again after the others left it."""
    overlap, risk = planted()
    overlap[:, 2:, 0] += 1.5 * step(700)[:, None]
    events = [
        e for e in stages_of_arrays(overlap, risk).events if (e.learner, e.target) == (2, "+1")
    ]
    assert [event.half_time for event in events] == pytest.approx([100, 700], abs=1)
    assert [event.common for event in events] == [True, False]


def test_an_excursion_is_found():
    """Head 3 follows direction 1 to 1.1 at t = 300, and turns to direction 2 at 500."""
    overlap = np.zeros((len(TIME), 3, 2))
    overlap[:, 0, 0] = overlap[:, 1, 1] = 0.4 + 2 * step(200)
    overlap[:, 2, 0] = (0.4 + 0.7 * step(200)) * (1 - step(500))
    overlap[:, 2, 1] = 0.05 + 2.35 * step(500)
    stages = stages_of_arrays(overlap, 1 - step(200) - step(500), spikes([6.25, 6.25]))
    (excursion,) = stages.excursions
    assert (excursion.learner, excursion.origin.name, excursion.destination.name) == (2, "1", "2")
    assert excursion.peak == pytest.approx(1.1, abs=1e-3)
    assert 200 < excursion.peak_time < 480
    share = (1.1 - 0.05) / (1.1 + 2.35)  # of the step at which the overlaps are equal
    assert excursion.turn_time == pytest.approx(500 + WIDTH * np.log(share / (1 - share)), abs=2.5)


def test_the_common_phase_is_no_excursion():
    """Heads leave a common direction far behind: specialization, whatever the angle."""
    overlap, risk = planted()
    overlap[:, :, 1:] *= 8
    assert stages_of_arrays(overlap, risk).excursions == ()


def test_heads_that_stay_together_do_not_specialize():
    overlap, risk = planted()
    overlap[:, :, 1:] = 0
    stages = stages_of_arrays(overlap, risk)
    assert stages.specializations == ()
    assert stages.unspecialized == (0, 1000)
    assert stages.groups == ((0, 1, 2, 3),)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_few_stored_times_are_no_error(count):
    overlap, risk = planted()
    some = np.linspace(0, len(TIME) - 1, count).astype(int)
    stages = find_stages(
        TIME[some],
        overlap[some],
        lengths(overlap)[some],
        risk[some],
        signal_directions(SIGNAL),
    )
    assert len(stages.groups) == (1 if count == 1 else 4)


def test_heads_at_zero_and_a_constant_risk_are_no_error():
    stages = stages_of_arrays(np.zeros((len(TIME), 2, 3)), np.full(len(TIME), 0.75))
    assert stages.events == stages.plateaus == ()
    assert stages.dormant == (0, 1)
    assert stages.remaining == 0


def test_groups_of_copies_and_dormant_heads():
    copies = [[2.0, 0], [2.05, 0.02], [1.99, -0.03]]
    overlap = np.array([*copies, [0, 1.5], [0.01, 0], [-2, 0], [1.75, 0]])
    assert groups_of(overlap) == (((0, 1, 2), (3,), (5,), (6,)), (4,))


def test_an_exponential_approach_has_one_plateau_at_its_end():
    plateaus = find_plateaus(TIME, np.exp(-TIME / 50))
    assert len(plateaus) == 1
    assert plateaus[0].end == 1000
    slowest, fastest = AT_REST / 1000, 1 / 50
    expected = 50 * np.log(fastest / slowest) / 2  # where the slope is their geometric mean
    assert plateaus[0].start == pytest.approx(expected, abs=5)


def test_a_run_that_ends_while_it_falls_has_no_plateau_there():
    time = np.linspace(0, 100, 400)
    assert find_plateaus(time, np.exp(-time / 40) - 0.3 * np.exp(-time / 5)) == ()


def test_a_run_that_ends_while_it_speeds_up_has_left_its_plateau():
    """At its end it is 3 times as fast as at rest; between changes a plateau asks for 4."""
    time = np.linspace(0, 100, 400)
    (plateau,) = find_plateaus(time, np.exp(-time / 3) - 2e-3 * np.exp(time / 60))
    assert plateau.start < plateau.center < 50 < plateau.end < 80


def test_directions_are_the_eigenspaces_of_the_covariance():
    names = [direction.name for direction in principal_directions(SIGNAL)]
    assert names == ["2", "3", "1"]
    degenerate = principal_directions(gaussian([0, 0, 0], np.diag([1.0, 4.0, 1.0])))
    assert [direction.name for direction in degenerate] == ["2", "1+3"]
    assert [direction.variance for direction in degenerate] == pytest.approx([4, 1])
    angle = np.array([np.cos(0.3), np.sin(0.3)])
    full = principal_directions(gaussian([0, 0], np.eye(2) + 3 * np.outer(angle, angle)))
    assert [direction.name for direction in full] == ["p1", "p2"]
    assert abs(full[0].basis[:, 0] @ angle) == pytest.approx(1)


def test_points_on_the_axes_single_the_axes_out():
    for signal in (spikes([4.0, 4.0]), flipped_spikes([4.0, 4.0])):
        assert [d.name for d in signal_directions(signal)] == ["1", "2"]
    assert [d.name for d in principal_directions(flipped_spikes([4.0, 4.0]))] == ["1+2"]
    assert [d.name for d in hidden_directions(SIGNAL)] == ["1", "2", "3"]
