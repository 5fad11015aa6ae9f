"""What a validation compares, with simulations and flows that are arrays: nothing is run.

Oracles: the comparison of deviations that were put in.
"""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

import orderparams as op
from orderparams.errors import SolverError
from orderparams.models.single_location.parameters import PARAMETERS
from orderparams.run import from_starts, kept, means
from orderparams.run.compare import compare, course_pvalue, without_bias
from orderparams.run.from_starts import (
    common_times,
    mean_risk,
    motion,
    refined,
    resolves,
    theory_of,
)
from orderparams.run.validate import validate

TABLE = {
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0]}},
    "attention": {"heads": 1},
    "initial": {"kind": "explicit", "overlap": [[0.5]], "self_overlap": [[0.4]]},
    "simulation": {"dimension": 400, "replicas": 4},
}
TIME = np.array([0.0, 1.0, 2.0, 3.0])
REPLICAS = 4
GENERATOR = np.random.default_rng(0)


@dataclasses.dataclass
class Numbers:
    """A simulation or a flow: order parameters by name, and what goes with them."""

    parameters: dict
    risk: np.ndarray
    time: np.ndarray = dataclasses.field(default_factory=lambda: TIME)
    records: object = None
    status: str = "finished"
    message: str = ""
    observables: object = None
    problem: object = dataclasses.field(default_factory=lambda: op.load("single-head"))

    def __getitem__(self, name):
        return self.parameters[name]

    @property
    def complete(self):
        return self.status == "finished"


def records(step, loss=None):
    return SimpleNamespace(step=np.array(step), loss=loss, time=TIME)


def simulation(size, overlap, loss):
    """Deviations (R, T) that are added to a theory of overlap t and risk 1."""
    overlap = (TIME + overlap)[:, :, None, None]
    with_loss = np.concatenate([np.full((REPLICAS, 1), np.nan), 1.0 + loss], axis=1)
    step = np.arange(4) * size
    return Numbers(
        {"overlap": overlap, "self_overlap": np.ones((REPLICAS, 4, 1, 1))},
        np.ones((REPLICAS, 4)),
        records=records(step, with_loss),
    )


def theory(**changes):
    course = {"overlap": TIME[:, None, None], "self_overlap": np.ones((4, 1, 1))}
    return dataclasses.replace(Numbers(course, np.ones(4)), **changes)


@pytest.fixture
def stage(monkeypatch):
    """Stubs; returns what was asked of them and the grounds of the verdict."""
    seen = SimpleNamespace(simulated=[], solved=[], grounds=[], runs={}, flow=theory())

    def simulate(problem, workers, risks, progress, *_):
        size = problem.simulation.dimension
        seen.simulated.append((size, problem.simulation.seed, workers))
        progress(1, 4)
        return seen.runs[size]

    def solve(problem, *, times):
        seen.solved.append((problem.initial.overlap, list(times)))
        return seen.flow

    def doubt(found, grounds):
        seen.grounds.append(grounds)
        return ""

    monkeypatch.setattr(kept, "simulate", simulate)
    monkeypatch.setattr(from_starts, "solve", solve)
    monkeypatch.setattr(means, "doubt", doubt)
    for size in (100, 200, 400):
        noise = GENERATOR.standard_normal((2, REPLICAS, 4)) / np.sqrt(size)
        noise[:, :, 0] = 0
        seen.runs[size] = simulation(size, noise[0] + 5 / size, noise[1, :, 1:])
    return seen


def deviation(run):
    return run["overlap"] - TIME[:, None, None]


def test_the_two_largest_dimensions_are_compared(stage):
    told = []
    found = validate(op.load(TABLE), dimensions=[400, 100, 200], workers=3, false_alarm=0.05,
                     progress=lambda *step: told.append(step))  # fmt: skip
    assert [entry[0] for entry in stage.simulated] == [100, 200, 400]
    assert [entry[2] for entry in stage.simulated] == [3, 3, 3]
    assert len({entry[1] for entry in stage.simulated}) == 3
    assert [fraction for fraction, _ in told] == pytest.approx(
        [part / 1300 for part in (25, 100, 300, 350, 500, 700, 800, 1100, 1300)]
    )
    assert [words for _, words in told[:3]] == ["simulation, D = 100", *["theory, D = 100"] * 2]
    small, large = ({"overlap": deviation(stage.runs[d])} for d in (200, 400))
    overlap = without_bias(small, 200, large, 400)
    losses = [{"loss": stage.runs[d].records.loss[:, 1:] - 1.0} for d in (200, 400)]
    loss = course_pvalue(without_bias(losses[0], 200, losses[1], 400)["loss"])
    expected = compare(overlap, PARAMETERS[:1], besides=[loss], false_alarm=0.05)
    assert found.loss_pvalue == pytest.approx(loss)
    assert found.comparison.least_pvalue == pytest.approx(expected.least_pvalue)
    assert (found.comparison.judged, found.comparison.false_alarm) == (2, 0.05)
    (grounds,) = stage.grounds
    assert (grounds.coarser, grounds.steps, grounds.times) == (200, 600, 4)
    np.testing.assert_array_equal(grounds.motion["overlap"][:, :, 0, 0], [TIME] * REPLICAS)
    np.testing.assert_allclose(grounds.deviations["overlap"], overlap["overlap"])
    assert grounds.scaling.values.tolist() == [100, 200, 400]
    assert found.comparison.resolution > 0


@pytest.mark.parametrize("of", ["overlap", "loss"])
def test_what_is_least_probable_names_the_correction(stage, of):
    """A constant deviation at both dimensions, beside a bias of order 1/D: 5/400 against 1/100."""
    for size in (100, 400):
        small = 1e-6 * GENERATOR.standard_normal((REPLICAS, 4))
        certain, vague = 0.01 + 5 / size + small, stage.runs[size].records.loss
        noise = deviation(stage.runs[size])[:, :, 0, 0] - 5 / size
        if of == "overlap":
            stage.runs[size] = simulation(size, certain, vague[:, 1:] - 1.0)
        else:
            stage.runs[size] = simulation(size, noise, certain[:, 1:])
    validate(op.load(TABLE), dimensions=[100, 400])
    (grounds,) = stage.grounds
    assert grounds.worst == ("m_1,1" if of == "overlap" else "the measured loss")
    assert grounds.correction == pytest.approx(5 / 400 / 0.01, rel=1e-3)


@pytest.mark.parametrize(
    ("status", "error"), [("interrupted", KeyboardInterrupt), ("failed", SolverError)]
)
def test_a_part_that_does_not_finish_ends_it(stage, status, error):
    stage.flow = theory(status=status, message="why")
    with pytest.raises(error):
        validate(op.load(TABLE), test="replicas")
    stage.flow = theory()
    stage.runs[100] = dataclasses.replace(stage.runs[100], status=status, message="why")
    with pytest.raises(error):
        validate(op.load(TABLE), test="replicas")


@pytest.mark.parametrize(
    ("apart", "start", "flows"),
    [(0.0, "replica", 1), (1e-13, "replica", 1), (1e-11, "replica", 2), (1e-11, "mean", 1)],
)
def test_flows_start_where_replicas_do(stage, apart, start, flows):
    overlap = np.full((2, 4, 1, 1), 0.5)
    overlap[1, 0] += apart
    run = Numbers({"overlap": overlap, "self_overlap": np.full((2, 4, 1, 1), 0.4)}, np.ones((2, 4)))
    run.time = np.array([0.0, 1.0, 1.0, 3.0])
    loss = 1 + GENERATOR.standard_normal((2, 4))
    run.records = SimpleNamespace(step=np.array([0, 1, 1, 2]), loss=loss, time=run.time)
    assert len(theory_of(op.load(TABLE), run, start)) == flows
    starts = [given[0][0] for given, _ in stage.solved]
    expected = overlap[:, 0, 0, 0] if flows == 2 else [overlap[:, 0].mean()]
    np.testing.assert_array_equal(starts, expected)
    assert stage.solved[0][1] == [0.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("times", "start", "solved"),
    [
        ([0.0, 1.0, 3.0], 0.5, False),
        ([0.0, 1.0], 0.5, False),
        ([0.0, 1.5], 0.5, True),
        ([0.0, 1.0], 0.6, True),
    ],
    ids=["same", "fewer times", "other times", "another start"],
)
def test_flows_of_another_dimension_are_taken_where_they_are_the_same(stage, times, start, solved):
    """In place of solving: from the same start, and known at all times that are wanted."""
    known = theory(
        time=np.array([0.0, 1.0, 3.0]),
        parameters={"overlap": np.full((3, 1, 1), 0.5), "self_overlap": np.full((3, 1, 1), 0.4)},
        risk=np.ones(3),
    )
    shape = (2, len(times), 1, 1)
    overlaps = {"overlap": np.full(shape, start), "self_overlap": np.full(shape, 0.4)}
    run = Numbers(overlaps, np.ones((2, len(times))))
    run.time = np.array(times)
    loss = 1 + GENERATOR.standard_normal((2, len(times)))
    run.records = SimpleNamespace(step=np.arange(len(times)), loss=loss, time=run.time)
    theory_of(op.load(TABLE), run, "replica", [[known]])
    assert bool(stage.solved) == solved


def test_times_are_refined_fourfold_where_a_mean_is_not_told():
    times, ends = np.array([0.0, 1.0, 2.0, 4.0, 5.0]), np.array([0.0, 2.0, 5.0])
    for told, more in (([True, False], [2.5, 3.0, 3.5, 4.25, 4.5, 4.75]),
                       ([False, True], [0.25, 0.5, 0.75, 1.25, 1.5, 1.75])):  # fmt: skip
        expected = sorted([*times, *more])
        np.testing.assert_allclose(refined(times, ends, np.array(told)), expected)


@pytest.mark.parametrize("times", [9, 10])
def test_a_mean_is_told_where_half_of_the_times_tell_it_within_a_standard_error(times):
    """Oracle: SciPy's splines through all and through every second time, and the last."""
    time = np.linspace(0, 4, times)
    risks = [np.exp(-3 * time), 1 + 0 * time]
    half = [*range(0, times - 1, 2), times - 1]
    ends = np.array([0.0, 2.0, 4.0])
    whole, rough = (
        np.diff(CubicSpline(time[kept], risks[0][kept]).antiderivative()(ends)) / 2
        for kept in (slice(None), half)
    )
    flows = [theory(time=time, risk=risk) for risk in risks]
    np.testing.assert_allclose(mean_risk(time, risks[0], ends), whole)
    for factor, expected in ((0.99, False), (1.01, True)):
        error = factor * np.abs(whole - rough)
        deviation = np.array([[1.0], [-1.0]]) * error  # standard error: √2 error/√2
        assert (resolves(deviation, flows, ends) == expected).all()
    two = [theory(time=time[:2], risk=risks[0][:2])]
    assert not resolves(deviation, two, ends).any()


def test_a_risk_that_falls_fast_is_solved_at_more_times_three_times_at_most(stage):
    run = stage.runs[100]
    run.records.loss[:, 1:] = 1 + 1e-9 * GENERATOR.standard_normal((REPLICAS, 3))
    problem = op.load(TABLE)
    asked = []

    def sharp(given, *, times):
        asked.append(len(times))
        return course(np.array(times), np.exp(-50 * np.array(times)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(from_starts, "solve", sharp)
        theory_of(problem, run, "mean")
    assert (asked[:3], len(asked)) == ([4, 13, 49], 4)


def course(times, risk, mark=1.0):
    """A flow whose overlaps are their times, and self-overlaps a mark."""
    parameters = {
        "overlap": times[:, None, None],
        "self_overlap": np.full((len(times), 1, 1), mark),
    }
    return theory(time=times, risk=risk, parameters=parameters, observables={})


def test_a_flow_is_solved_again_as_far_as_its_risk_falls_fast(stage):
    """And goes on as it was: the third time until t = 1."""
    run = stage.runs[100]
    run.records.loss[:, 1:] = 1 + 0.03 * GENERATOR.standard_normal((REPLICAS, 3))
    asked = []

    def falling(given, *, times):
        asked.append(times[-1])
        return course(np.array(times), np.exp(-8 * np.array(times)), len(asked))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(from_starts, "solve", falling)
        (flow,) = theory_of(op.load(TABLE), run, "mean")
    assert asked == [3.0, 3.0, 1.0]
    assert (np.diff(flow.time) > 0).all()
    np.testing.assert_array_equal(flow["overlap"][:, 0, 0], flow.time)
    known = np.where(flow.time > 1, 2, 3)
    np.testing.assert_array_equal(flow["self_overlap"][:, 0, 0], known)
    np.testing.assert_array_equal(flow.risk, np.exp(-8 * flow.time))


def test_motion_is_counted_from_the_start():
    flow = theory(parameters={"overlap": (3 + TIME**2)[:, None, None]})
    run = Numbers({}, np.ones((REPLICAS, 3)), time=np.array([0.0, 2.0, 3.0]))
    found = motion(run, [flow])["overlap"]
    np.testing.assert_array_equal(found[:, :, 0, 0], [[0.0, 4.0, 9.0]] * REPLICAS)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]),
        ([0, 0, 1, 1], [0, 1, 2, 3], [0, 2]),
        ([0, 1, 1, 2], [0, 0, 1, 1], [0, 2]),
        ([0, 2, 4, 6], [0, 0, 0, 1], [0, 3]),
    ],
)
def test_times_between_which_a_run_makes_no_step_are_passed_over(first, second, expected):
    runs = [Numbers({}, None, records=records(step)) for step in (first, second)]
    assert common_times(runs).tolist() == expected
