"""Schedules of the learning rate. Oracle: sums over steps, as SGD makes them."""

import numpy as np
import pytest

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models.schedule import CONSTANT, Cosine, Inverse, Piecewise, schedule_of, steps_at
from orderparams.run.simulate import simulate
from orderparams.run.solve import solve

SCHEDULES = {
    "constant": CONSTANT,
    "inverse": Inverse(3.0),
    "cosine": Cosine(8.0, 0.1),
    "cosine to zero": Cosine(11.0, 0.0),
    "piecewise": Piecewise((2.0, 5.0), (1.7, 0.2)),
}
WRITTEN = {
    "{kind='constant'}": CONSTANT,
    "{kind='inverse', time=3}": Inverse(3.0),
    "{kind='cosine', time=8, final=0.1}": Cosine(8.0, 0.1),
    "{kind='cosine', time=11}": Cosine(11.0, 0.0),
    "{kind='piecewise', times=[2, 5], factors=[1.7, 0.2]}": Piecewise((2.0, 5.0), (1.7, 0.2)),
}
SGD = {
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0]}},
    "attention": {"heads": 1},
    "initial": {"kind": "explicit", "overlap": [[0.8]], "self_overlap": [[1.0]]},
    "training": {"rule": "sgd", "learning_rate": 4.0, "duration": 5.0},
    "simulation": {"dimension": 300, "replicas": 24},
    "output": {"points": 6},
    "expectation": {"tolerance": 1e-6},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_time_is_the_sum_of_the_learning_rates(name):
    schedule = SCHEDULES[name]
    step = 10.0 / 2**18
    middles = (np.arange(2**18) + 0.5) * step
    shares = schedule.shares(middles)
    at = np.array([0, 2**16, 2**17, 2**18])
    summed = np.append(0.0, np.cumsum(shares) * step)[at]
    np.testing.assert_allclose(schedule.time(at * step), summed, rtol=0, atol=5e-5)
    np.testing.assert_allclose(schedule.elapsed(summed), at * step, rtol=0, atol=2e-3)
    elapsed = np.linspace(0, 9.9, 37)
    np.testing.assert_allclose(schedule.elapsed(schedule.time(elapsed)), elapsed, atol=1e-9)
    for sigma in (0.0, 1.3, 6.0, 9.9):
        there = schedule.time(np.array(sigma))
        assert schedule.share_at(float(there)) == pytest.approx(schedule.shares(np.array(sigma)))
    assert schedule.largest == pytest.approx(shares.max(), rel=1e-5)


def test_changes_are_where_shares_bend():
    assert CONSTANT.changes == ()
    assert Inverse(3.0).changes == (np.inf,)
    assert Cosine(8.0, 0.1).changes == (pytest.approx(Cosine(8.0, 0.1).time(np.array(8.0))),)
    assert SCHEDULES["piecewise"].changes == pytest.approx((2.0, 2.0 + 3 * 1.7))


def test_a_cosine_to_zero_ends_time():
    schedule = Cosine(11.0, 0.0)
    assert schedule.elapsed(np.array([5.5])) == 11.0
    assert schedule.elapsed(np.array([5.6])) == np.inf


@pytest.mark.parametrize("written", WRITTEN)
def test_a_configuration_has_a_schedule(written):
    problem = op.load(SGD, [f"training.schedule={written}"])
    assert schedule_of(problem) == WRITTEN[written]
    again = op.load(op.load(SGD, [f"training.schedule={written}"]))
    assert again == problem


def test_steps_come_faster_with_momentum():
    plain, fast = op.load(SGD), op.load(SGD, ["training.momentum=0.75"])
    assert plain.step_time == 4.0 / 300
    assert fast.step_time == 16.0 / 300
    np.testing.assert_allclose(steps_at(fast, np.array([1.6])), 30.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("training.schedule.kind='inverse'", "training.schedule.time is missing"),
        ("training.schedule.time=3", "training.schedule.time has no meaning for kind = 'constant'"),
        ("training.schedule={kind='piecewise', times=[2, 1], factors=[1, 1]}", "must increase"),
        (
            "training.schedule={kind='piecewise', times=[2], factors=[1, 1]}",
            "expected 1 number, one for each",
        ),
        ("training.schedule={kind='piecewise', times=[2]}", "training.schedule.factors is missing"),
        ("training.schedule={kind='cosine', time=8}", "t, the sum of the learning rates / D, ends"),
        (
            "training.momentum=1",
            "greater than -1 and less than 1; got 1",
        ),
        (
            "training.momentum=-1.0",
            "greater than -1 and less than 1; got -1",
        ),
        ("training.momentum=1.2", "training.momentum: expected a finite number"),
    ],
)
@pytest.mark.parametrize("base", ["single-location", "committee"])
def test_what_makes_no_sense_is_told(settings, said, base):
    source = SGD if base == "single-location" else "saad-solla"
    with pytest.raises(ConfigurationError, match=said):
        op.load(source, [settings])


def deviations(settings):
    """z-scores of every order parameter at every time, of replicas from one start."""
    problem = op.load(SGD, settings)
    run, flow = simulate(problem), solve(problem)
    assert flow.complete
    moved = [(run[name] - flow[name])[:, 1:] for name in ("overlap", "self_overlap")]
    z = [values.mean(0) / values.std(0, ddof=1) * len(values) ** 0.5 for values in moved]
    return np.concatenate([values.ravel() for values in z])


@pytest.mark.parametrize(
    "settings",
    [
        ["training.schedule={kind='inverse', time=4}"],
        ["training.schedule={kind='piecewise', times=[1.5, 3], factors=[0.2, 0.6]}"],
        ["training.schedule={kind='cosine', time=10}"],
        ["training.momentum=0.8", "training.learning_rate=0.8"],
        ["training.momentum=-0.5", "training.learning_rate=6"],
    ],
)
def test_the_flow_follows_sgd(settings):
    """SGD at D = 300 is the oracle: 24 replicas, ten numbers; the noise it would have at the full
    rate, or at one without momentum, is rejected below."""
    z = deviations(settings)
    assert np.abs(z).max() < 4.0
    assert (z**2).mean() ** 0.5 < 2.0


def test_the_flow_of_another_noise_does_not():
    problem = op.load(SGD, ["training.schedule={kind='piecewise', times=[0.5], factors=[0.1]}"])
    run, flow = simulate(problem), solve(op.load(SGD))
    moved = (run["self_overlap"] - flow["self_overlap"])[:, -1, 0, 0]
    assert abs(moved.mean()) / moved.std(ddof=1) * len(moved) ** 0.5 > 8


def test_momentum_is_a_higher_learning_rate_to_the_theory():
    fast = solve(op.load(SGD, ["training.momentum=0.75", "training.learning_rate=0.5"]))
    plain = solve(op.load(SGD, ["training.learning_rate=2"]))
    np.testing.assert_array_equal(fast.overlap, plain.overlap)
    assert not np.array_equal(fast.overlap, solve(op.load(SGD)).overlap)


def test_a_jump_of_the_rate_is_where_it_says():
    """The same as two runs, of which the second has the other learning rate."""
    jump = "training.schedule={kind='piecewise', times=[2], factors=[0.25]}"
    tight = ["integrator={rtol=1e-10, atol=1e-12}", "expectation.engine='quadrature'"]
    whole = solve(op.load(SGD, [jump, *tight]))
    first = solve(op.load(SGD, ["training.duration=2", *tight]))
    middle = {name: values.tolist() for name, values in first.state(-1).items()}
    rest = ["training.duration=3", "training.learning_rate=1", "output.points=4"]
    start = {**SGD, "initial": {"kind": "explicit", **middle}}
    second = solve(op.load(start, [*tight, *rest]))
    np.testing.assert_allclose(whole["self_overlap"][2:], second["self_overlap"], rtol=0, atol=3e-8)


@pytest.mark.parametrize("method", ["LSODA", "DOP853", "BDF"])
def test_a_run_goes_on_over_a_jump(method):
    """To the same bits by a method of one step; by others within their tolerance."""
    settings = [
        "training.schedule={kind='piecewise', times=[1, 3], factors=[0.25, 0.5]}",
        f"integrator={{method='{method}', rtol=1e-8, atol=1e-10}}",
    ]
    whole = solve(op.load(SGD, settings))
    begun = solve(op.load(SGD, [*settings, "training.duration=2", "output.points=3"]))
    on = solve(op.load(SGD, settings), resume=begun)
    np.testing.assert_allclose(on.overlap[-1], whole.overlap[-1], rtol=0, atol=1e-6)


def test_nothing_rests_while_the_rate_changes():
    rest = "integrator.stop_at_rest=true"
    long = ["training.duration=400", "training.weight_decay=0.2", rest]
    assert solve(op.load(SGD, long)).status == "at rest"
    falling = solve(op.load(SGD, [*long, "training.schedule={kind='inverse', time=100}"]))
    assert falling.status == "finished"


def test_a_validation_with_a_schedule_agrees():
    settings = [
        "training.schedule={kind='inverse', time=1.5}",
        "training.momentum=0.5",
        "training.learning_rate=2",
        "training.duration=3",
        "simulation={dimension=300, replicas=16}",
    ]
    found = op.validate(op.load(SGD, settings), test="replicas")
    assert found.verdict == "agree"
    assert found.loss_pvalue > 1e-3
