"""Rises, noise, slopes and passages of series, each with its answer written down by hand."""

import numpy as np
import pytest
from scipy import stats

import orderparams as op
from orderparams.analysis.events import (
    find_events,
    moves,
    numbered,
    passages,
    ratio,
    sides,
    spread,
    turned,
)
from orderparams.analysis.noise import local_lines, noise_level, rises
from orderparams.analysis.plateaus import find_plateaus, part_of, remaining_change
from orderparams.analysis.stages import (
    find_excursions,
    find_stages,
    groups_of,
    unspecialized_phase,
)
from orderparams.models.single_location.geometry import principal_directions
from orderparams.models.single_location.task import gaussian
from orderparams.models.vectors.geometry import Direction
from orderparams.results.analyzed.stages import LEAST_MOVE, Event, Plateau
from orderparams.results.analyzed.trees import of_stages


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ([0, 1, 2, 3], [(0, 3)]),
        ([3, 2, 1, 0], []),
        ([0, 0.9], []),
        ([0, 1.0], [(0, 1)]),
        ([0, 2, 1.1, 3], [(0, 3)]),  # falls by less
        ([0, 2, 1.0, 3], [(0, 1), (2, 3)]),  # falls by as much
        ([0, 2, 1.0, 0.5, 3], [(0, 1), (3, 4)]),
        ([1, 0.5, 0, 0.5, 1.5, 1.4], [(2, 4)]),
        ([0, 0.5, -0.4, 0.5], []),
        ([0, 0.5, -0.6, 0.4], [(2, 3)]),
        ([0, 2, 2, 2, 0, 1], [(0, 1), (4, 5)]),
        ([], []),
    ],
)
def test_rises(series, expected):
    if series:
        assert rises(np.array(series, dtype=float), 1.0) == expected


@pytest.mark.parametrize("lag", [1, 3])
def test_noise_is_found_beside_a_line(lag):
    """Oracle: NumPy's standard deviation of the noise that was added; a line has no noise."""
    time = np.arange(20_000.0)
    noise = 0.1 * np.random.default_rng(0).standard_normal(time.size)
    assert noise_level(3 - 2e-3 * time + noise, lag) == pytest.approx(0.1, rel=0.03)
    assert noise_level(3 - 2 * time, lag) < 1e-9
    moving = np.where(time > 7_000, np.cumsum(time > 7_000) * 0.5, 0.0)  # kinks are few
    assert noise_level(moving + noise, lag) == pytest.approx(0.1, rel=0.03)


def test_noise_is_read_off_by_a_quantile_of_second_differences():
    series = np.array([0.0, 1.0, 0.0, 2.0, 0.0, 4.0, 1.0])
    second = [-2.0, 3.0, -4.0, 6.0, -7.0]
    level = np.quantile(np.abs(second), 0.3) / (stats.norm.ppf(0.65) * np.sqrt(6))
    assert noise_level(series) == pytest.approx(level)
    assert noise_level(series, 3) == pytest.approx(
        abs(series[6] - 2 * series[3] + series[0]) / (stats.norm.ppf(0.65) * np.sqrt(6))
    )
    assert noise_level(series[:6], 3) == noise_level(series[:2]) == 0.0
    assert noise_level(series[:3]) > 0.0


def test_slopes_of_a_smooth_series_are_those_of_three_points():
    """Oracle: NumPy's regression in a window of three; the level is the series itself."""
    time = 6 * np.linspace(0, 1, 1000) ** 1.5
    series = np.tanh(time - 3) + 7
    level, slope, error = local_lines(time, series)
    np.testing.assert_array_equal(level, series)
    for i in (1, 500, 998):
        inside = slice(i - 1, i + 2)
        assert slope[i] == pytest.approx(np.polyfit(time[inside], series[inside], 1)[0])
        variance = time[inside].var()
        assert error[i] == pytest.approx(noise_level(series, 1) / np.sqrt(3 * variance))


def test_slopes_of_a_noisy_series_are_those_of_a_twentieth_of_its_times():
    generator = np.random.default_rng(1)
    time = np.linspace(0, 10, 380)
    series = time + 0.1 * generator.standard_normal(380)
    level, slope, error = local_lines(time, series)
    inside = slice(190 - 9, 190 + 10)
    assert level[190] == pytest.approx(series[inside].mean())
    assert slope[190] == pytest.approx(np.polyfit(time[inside], series[inside], 1)[0])
    expected = noise_level(series, 9) / np.sqrt(19 * time[inside].var())
    assert error[190] == pytest.approx(expected)
    few = local_lines(time[::6], series[::6])
    assert few[0][25] == pytest.approx(series[::6][23:28].mean())  # five at least
    for scale in (1.0, 1e3, 1e-3):
        faint, noisy = (scale * (time + a * generator.standard_normal(380)) for a in (2e-4, 5e-3))
        np.testing.assert_array_equal(local_lines(time, faint)[0], faint)  # 2e-5 of its range
        assert (local_lines(time, noisy)[0] != noisy).all()  # 5e-4


def test_passages_are_interpolated():
    time = np.array([0.0, 1.0, 2.0, 4.0, 5.0, 6.0])
    done = np.array([0.0, 0.05, 0.25, 0.75, 0.85, 1.0])
    assert passages(time, done) == pytest.approx((1.25, 3.0, 5 + 1 / 3))
    resting = np.array([0.0, 0.5, 0.9, 0.9, 0.9, 1.0])
    assert passages(time, resting) == pytest.approx((0.2, 1.0, 2.0))


def test_passages_in_noise():
    """The last of 10 % before the first of 50 %, and the first of 90 % after it."""
    time = np.arange(9.0)
    done = np.array([0.0, 0.2, 0.0, 0.4, 0.6, 0.3, 1.0, 0.8, 1.0])
    assert passages(time, done) == pytest.approx((2.25, 3.5, 5 + 6 / 7))
    sudden = passages(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    assert sudden == pytest.approx((0.1, 0.5, 0.9))


def test_a_quotient_of_nothing_is_zero():
    np.testing.assert_array_equal(
        ratio(np.array([1.0, 1e-160, 2.0]), np.array([0.0, 1e-160, 4.0])), [0.0, 0.0, 0.5]
    )


def test_the_spread_of_heads_is_relative():
    part = np.array([[[3.0, 0.0], [1.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]])
    np.testing.assert_allclose(spread(part), [np.sqrt(2 / 10), 0.0, 0.0])


LINE = Direction("2", np.array([[0.0], [1.0]]), 1.0)
PLANE = Direction("p1", np.eye(2), 1.0)


def test_a_direction_has_two_sides_and_a_plane_one():
    overlap = np.array([[9.0, 2.0], [9.0, -3.0]])
    for found, expected in zip(sides(overlap, LINE), ([2.0, 0.0], [0.0, 3.0]), strict=True):
        np.testing.assert_array_equal(found, expected)
    (norm,) = sides(overlap, PLANE)
    np.testing.assert_allclose(norm, [85**0.5, 90**0.5])


def test_moves_count_from_a_tenth_and_are_divided_at_rests():
    up = np.concatenate([np.zeros(4), np.full(5, 0.11), np.full(5, 0.3)])
    assert moves(up, ()) == [(0, 9)]
    assert moves(up, (6,)) == [(0, 6), (6, 9)]
    assert moves(up, (3, 6)) == [(0, 6), (6, 9)]  # before 3 nothing has moved
    assert moves(0.9 * up, (6,)) == [(0, 9)]  # its first part is 0.099
    assert moves(0.33 * up, ()) == []
    assert moves(0.34 * up, ()) == [(0, 9)]
    assert moves(up, (0, 9)) == [(0, 9)]


def test_moves_exceed_the_noise_ten_times():
    noise = 0.02 * np.tile([1.0, -1.0], 100)
    up = np.linspace(0, 1, 200) > 0.5
    level = noise_level(0.1 * up + noise)
    assert moves(9.5 * level * up + 0 * noise, ())
    assert not moves(8.0 * level * up + noise, ())


def event(half_time, *, common, vector=(0.0, 1.0), direction=LINE):
    return Event(0, direction, np.array(vector), 0.0, half_time, 9.0, 0, 1, 1, 0, common)


def test_stages_are_counted_between_rests():
    events = [event(t, common=common) for t, common in
              ((1.0, True), (2.0, False), (3.0, False), (7.0, False), (8.0, True))]  # fmt: skip
    found = numbered(events, np.array([0.5, 1.5, 3.0, 4.0, 9.0]))
    assert [e.stage for e in found] == [0, 1, 1, 2, 0]
    assert [e.stage for e in numbered(events, np.array([2.0]))] == [0, 1, 2, 2, 0]


def test_a_target_has_the_sign_of_a_single_direction():
    assert event(1.0, common=False).target == "+2"
    assert event(1.0, common=False, vector=(0.5, -0.1)).target == "-2"
    assert event(1.0, common=False, direction=PLANE).target == "p1"


def test_an_alignment_is_relative_to_the_length_then_or_at_the_end():
    """One head grows to length 2 along direction 2; at half of it its cosine is already one."""
    time = np.linspace(0, 10, 101)
    overlap = np.zeros((101, 1, 2))
    overlap[:, 0, 1] = np.clip(time - 2, 0, 4) / 2
    length = overlap[:, :, 1] + 1e-6
    risk = 1 - time / 20
    (found,) = find_events(time, overlap, length, risk, [LINE])
    assert (found.start, found.half_time, found.complete) == pytest.approx((2.4, 4.0, 5.6))
    assert (found.cosine_before, found.cosine_after) == pytest.approx((0, 1), abs=1e-6)
    assert (found.risk_before, found.risk_after) == pytest.approx((0.88, 0.72))
    assert (found.learner, found.common, found.stage) == (0, True, 0)


def test_a_turn_counts_from_the_least_move_on():
    for size, place in ((-LEAST_MOVE, 0), (-0.99 * LEAST_MOVE, None)):
        assert turned(np.array([size, 0.0, -size]), 0, 2) == place


def test_a_turn_has_the_sign_of_the_change_and_is_stored_with_vectors_from_1():
    """From −2 to 1 along direction 2: both sides change, and the file counts heads from 1."""
    time = np.linspace(0, 10, 101)
    overlap = np.zeros((101, 2, 2))
    overlap[:, :, 0] = 2.0
    overlap[:, 1, 1] = np.interp(time, [3, 6], [-2.0, 1.0])
    stages = find_stages(time, overlap, np.linalg.norm(overlap, axis=2), 1 - time, [LINE])
    (event,) = stages.events
    assert (event.learner, event.target) == (1, "+2")
    np.testing.assert_allclose(event.vector, [0, 1])
    assert (event.cosine_before, event.cosine_after) == pytest.approx((-(0.5**0.5), 0.2**0.5))
    longest = np.array([8.0, 5.0]) ** 0.5  # overlaps relative to the length then, but to the last
    times = [event.start, event.half_time, event.complete]
    wanted = -2 / longest[0] + np.array([0.1, 0.5, 0.9]) * (2 / longest[0] + 1 / longest[1])
    course = overlap[:, 1, 1] / np.maximum(np.linalg.norm(overlap[:, 1], axis=1), longest[1])
    np.testing.assert_allclose(np.interp(times, time, course), wanted, atol=1e-9)
    problem = op.load("flipped-spikes", ["task.signal.strengths=[4, 4]"])
    tree = of_stages(problem, stages)
    values = {name: values for name, (_, values) in tree.variables.items()}
    assert values["head"].tolist() == [2]
    assert values["target"].tolist() == ["+2"]
    np.testing.assert_allclose(values["vector"], [[0, 1]])
    assert values["half_time"].tolist() == [event.half_time]


@pytest.mark.parametrize("apart", [0.09, 0.12])
def test_heads_are_together_up_to_a_tenth(apart):
    """Two heads of 1 ± a have a relative spread of a."""
    time, grown = np.linspace(0, 10, 101), np.linspace(0, 1, 101)[:, None]
    overlap = np.zeros((101, 2, 2))
    overlap[:, :, 1] = grown * [1 + apart, 1 - apart]
    length = np.linalg.norm(overlap, axis=2)
    events = find_events(time, overlap, length, 1 - time, [LINE])
    assert {e.common for e in events} == {apart < 0.1}
    assert unspecialized_phase(time, overlap, [LINE]) == ((0.1, 10.0) if apart < 0.1 else None)
    groups, dormant = groups_of(overlap[-1] * [1.0, 0.5])  # 2a relative to the larger
    assert (len(groups), dormant) == (2, ())


def test_the_unspecialized_phase_is_the_longest():
    time = np.arange(9.0)
    apart = np.array([0, 0, 1, 0, 0, 0, 1, 0, 1], dtype=float)
    overlap = np.stack([np.ones(9), 1 + apart], axis=1)[:, :, None]
    assert unspecialized_phase(time, overlap, []) == (3.0, 5.0)
    assert unspecialized_phase(time, overlap[:, :1], []) is None
    assert unspecialized_phase(time, 0 * overlap, []) is None


def test_vectors_begin_to_part_where_a_tenth_of_it_is_done():
    """Though all have far more in common than they will ever differ by."""
    time = np.linspace(0, 10, 101)
    overlap = np.ones((101, 2, 2))
    overlap[:, :, 1] = 0.2 * (time / 10)[:, None] * [1, -1]
    assert unspecialized_phase(time, overlap, [LINE]) == (0.0, 0.9)
    assert unspecialized_phase(time, overlap / [1, 4], [LINE]) == (0.0, 10.0)  # they never do


def test_any_two_of_a_group_are_equal_by_the_larger_of_them():
    def groups(*sizes):
        return groups_of(np.array(sizes)[:, None])

    assert groups(1.0, 1.099) == (((0, 1),), ())
    assert groups(1.0, 0.9) == (((0, 1),), ())
    assert groups(1.0, 0.89) == (((0,), (1,)), ())
    assert groups(1.0, 1.09, 1.18) == (((1, 2), (0,)), ())
    assert groups(1.0, 0.1) == (((0,),), (1,))
    assert groups(1.0, 0.11) == (((0,), (1,)), ())
    assert groups(3.0, 1.0, 1.0) == (((1, 2), (0,)), ())


def test_the_change_that_remains_is_that_of_the_last_tenth():
    time = np.linspace(2, 12, 101)
    assert remaining_change(time, 5 - 3 * time) == pytest.approx(0.1)
    assert remaining_change(time, np.minimum(time, 11.5)) == pytest.approx(0.5 / 9.5)
    assert remaining_change(time, np.ones(101)) == 0.0
    assert remaining_change(time[:4], time[:4]) == 0.0
    assert remaining_change(time[:5], time[:5]) == pytest.approx(0.1)


def test_five_times_may_hold_a_plateau_and_four_may_not():
    time = np.arange(5.0)
    assert find_plateaus(time[:4], np.array([0.0, 0.0, 0.0, 5.0])) == ()
    (plateau,) = find_plateaus(time, np.array([0.0, 0.0, 0.0, 0.0, 5.0]))
    assert plateau.start == 0.0
    assert plateau.level == 0.0


def test_a_plateau_may_be_left_in_the_last_step():
    time = np.arange(8.0)
    series = np.cumsum([0.0, 2.0, 0.5, 0.1, 0.01, 0.1, 0.1, 1.0])
    (plateau,) = find_plateaus(time, series)
    assert (plateau.start, plateau.end) == (3.0, 6.0)


def test_a_part_of_a_plateau_has_its_center_or_its_own_middle():
    whole, time = Plateau(0.0, 100.0, 90.0, 1.0), np.arange(10.0, 21.0)
    assert part_of(whole, time, 0.1 * time) == Plateau(10.0, 20.0, 15.0, 1.5)
    assert part_of(whole, 5 * time, time) == Plateau(50.0, 100.0, 90.0, 1.0)


@pytest.mark.parametrize("floor", [0.0, 0.3])
def test_what_still_falls_many_times_nearer_to_its_floor_does_not_rest(floor):
    """A risk that falls 27 times from t = 110 to 150, though by little of its whole range."""
    time = np.linspace(0, 150, 301)
    falling = np.where(time < 50, 1.0, np.exp(-(time - 50) * np.log(27) / 40))
    first, _ = find_plateaus(time, floor + falling)
    assert find_plateaus(time, floor + falling, floor) == (first,)
    resting = floor + np.maximum(falling, 1e-3)
    assert len(find_plateaus(time, resting)) == 2
    assert find_plateaus(time, resting, floor - 0.1) == find_plateaus(time, resting)


@pytest.mark.parametrize(("left", "found"), [(0.29, True), (0.31, False)])
def test_an_excursion_leaves_its_direction_whichever_it_is_and_whoever_else_is_lost(left, found):
    """Head 2 follows direction 2 further than it ends along direction 1, where its cosine with
    direction 2 is ``left``; head 1 follows neither."""
    time = np.linspace(0, 10, 11)
    overlap = np.zeros((11, 3, 3))
    overlap[:, 0] = [1.0, 1.0, 1.0]
    overlap[:6, 1, 1], overlap[:6, 1, 0] = [0.5, 2.0, 2.5, 2.4, 2.2, 2.1], 0.0
    overlap[6:, 1] = 2.0 * np.array([np.sqrt(1 - left**2), left, 0.0])
    overlap[:, 2, 0] = 1.0
    directions = [Direction(str(f + 1), np.eye(3)[:, [f]], 1.0) for f in range(3)]
    length = np.linalg.norm(overlap, axis=2)
    excursions = find_excursions(time, overlap, length, directions)
    assert bool(excursions) is found
    for one in excursions:
        assert (one.learner, one.origin.name, one.destination.name) == (1, "2", "1")
        assert (one.peak, one.peak_time, one.turn_time) == (2.5, 2.0, 6.0)


def test_a_vector_that_comes_back_to_a_direction_made_no_excursion_along_it():
    time = np.linspace(0, 10, 11)
    overlap = np.ones((11, 2, 2))
    overlap[:, 0] = np.stack([np.linspace(0.1, 2.0, 11), np.linspace(0.4, 4.0, 11)], axis=1)
    overlap[2:4, 0] = [[0.5, 0.1], [0.2, 0.5]]
    overlap[-1, 0, 0] = 0.3
    directions = [Direction(str(f + 1), np.eye(2)[:, [f]], 1.0) for f in range(2)]
    length = np.linalg.norm(overlap, axis=2)
    assert find_excursions(time, overlap, length, directions) == ()
    overlap[4:-1, 0, 0] = 0.3
    (one,) = find_excursions(time, overlap, np.linalg.norm(overlap, axis=2), directions)
    assert (one.source, one.peak, one.target) == ("+1", 0.5, "+2")


@pytest.mark.parametrize(("cosine", "found"), [(0.6, True), (0.59, False)])
def test_a_direction_is_followed_from_a_cosine_on(cosine, found):
    """Head 1 leaves direction 1, which it follows with this cosine, for direction 2."""
    overlap = np.ones((3, 2, 2))
    overlap[:, 0] = [[cosine, 0.5], [0.1, 1.0], [0.0, 1.0]]
    directions = [Direction(str(f + 1), np.eye(2)[:, [f]], 1.0) for f in range(2)]
    excursions = find_excursions(np.arange(3.0), overlap, np.ones((3, 2)), directions)
    assert bool([one for one in excursions if one.learner == 0]) is found


@pytest.mark.parametrize(("length", "found"), [(0.2, True), (0.09, False)])
def test_a_vector_follows_nothing_while_it_is_short(length, found):
    """Up to a tenth of its length at the end."""
    overlap = np.zeros((3, 2, 2))
    overlap[:, 0] = [[length, 0.0], [0.0, 1.0], [0.0, 1.0]]
    directions = [Direction(str(f + 1), np.eye(2)[:, [f]], 1.0) for f in range(2)]
    lengths = np.linalg.norm(overlap, axis=2)
    assert bool(find_excursions(np.arange(3.0), overlap, lengths, directions)) is found


def test_a_vector_that_goes_on_along_with_another_direction_made_no_excursion():
    overlap = np.zeros((5, 2, 2))
    overlap[:, 0] = [[0.1, 0.0], [1.0, 0.1], [1.5, 3.0], [1.2, 4.0], [0.4, 5.0]]
    directions = [Direction(str(f + 1), np.eye(2)[:, [f]], 1.0) for f in range(2)]

    def excursions():
        return find_excursions(np.arange(5.0), overlap, np.linalg.norm(overlap, axis=2), directions)

    assert excursions() == ()
    overlap[2:4, 0, 0] = 1.1
    (one,) = excursions()
    assert (one.source, one.peak, one.target) == ("+1", 1.0, "+2")


def test_of_two_directions_one_that_was_not_left_hides_no_excursion_along_the_other():
    overlap = np.zeros((5, 2, 3))
    overlap[:, 0] = [[0.1, 0, 0], [1.0, 0, 0], [1.5, 3.0, 0], [1.2, 0.5, 4.0], [0.3, 0.3, 5.0]]
    directions = [Direction(str(f + 1), np.eye(3)[:, [f]], 1.0) for f in range(3)]
    lengths = np.linalg.norm(overlap, axis=2)
    (one,) = find_excursions(np.arange(5.0), overlap, lengths, directions)
    assert (one.source, one.peak, one.target) == ("+2", 3.0, "+3")


@pytest.mark.parametrize(("size", "names"), [(0.5e-9, ["1+2", "3"]), (2e-9, ["1", "2", "3"])])
def test_variances_are_one_up_to_rounding_relative_to_the_largest(size, names):
    signal = gaussian([0, 0, 0], 100 * np.diag([1.0, 1.0 - size, 0.5]))
    found = principal_directions(signal)
    assert [direction.name for direction in found] == names
    np.testing.assert_allclose(found[-1].basis, [[0], [0], [1]])
    np.testing.assert_allclose(found[-1].part(np.array([1.0, 2.0, 3.0])), [3.0])
