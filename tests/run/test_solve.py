"""What a run stores, where it stops and what it says. Oracle: exponential decay."""

import dataclasses

import numpy as np
import pytest
from run.decay import START, Decay, course

import orderparams as op
from orderparams.config.sections import IntegratorConfig
from orderparams.errors import ConfigurationError, SolverError
from orderparams.results.trajectory import Reached
from orderparams.run import solve as module
from orderparams.run.record import Record
from orderparams.run.solve import check_duration, check_memory, checked_times, integrate
from orderparams.run.stepper import IMPLICIT, ONE_STEP

TIMES = np.array([0.0, 0.3, 0.31, 1.0, 5.0])
BEGIN = Reached(0.0, START)


@dataclasses.dataclass
class Run:
    """An integration of a decay: how it ended, what it stored, and whom it called."""

    flow: Decay = dataclasses.field(default_factory=Decay)
    watched: list = dataclasses.field(default_factory=list)
    pulses: list = dataclasses.field(default_factory=list)

    def to(self, times=TIMES, begin=BEGIN, remedy="", pulse=None, **settings):
        self.record = Record(self.flow, None, begin)
        settings = IntegratorConfig(**{"rtol": 1e-8, "atol": 1e-10} | settings)
        pulse = pulse or self.pulses.append
        return integrate(
            self.flow, begin, times, settings, self.record, self.watched.append, pulse, remedy
        )

    @property
    def stored(self):
        return np.array([state["position"] for state in self.record.states])


@pytest.mark.parametrize("method", sorted(IMPLICIT | ONE_STEP))
def test_the_course_is_stored_at_the_times_that_were_asked_for(method):
    run = Run()
    ending = run.to(method=method)
    assert (ending.status, ending.message) == ("finished", "")
    assert run.record.times == TIMES.tolist()
    np.testing.assert_allclose(run.stored, course(TIMES), atol=3e-6)
    run.record.settle()
    np.testing.assert_allclose(run.record.risks, (run.stored**2).sum(1) / 2)
    assert ending.state.time == 5.0
    np.testing.assert_allclose(ending.state.y, run.stored[-1], rtol=1e-14)
    steps = ending.statistics["steps"]
    assert [seen.statistics["steps"] for seen in run.watched] == list(range(1, steps))
    for seen in run.watched:
        assert seen.status == "interrupted"
        assert seen.message == f"not finished, kept at t = {seen.state.time:.6g}"
        np.testing.assert_allclose(seen.state.y, course(seen.state.time), atol=3e-6)
    assert len(run.pulses) == run.flow.calls + len(TIMES)
    assert set(TIMES) <= set(run.pulses)


@pytest.mark.parametrize("scale", [1.0, 1e-120])
def test_times_are_stored_in_their_own_unit(scale):
    run = Run(Decay(np.array([0.5, 1.0, 2.0]) / scale))
    run.to(TIMES * scale)
    assert run.record.times == (TIMES * scale).tolist()
    np.testing.assert_allclose(run.stored, course(TIMES), atol=3e-6)


def test_a_run_stops_after_so_many_steps_and_says_what_helps():
    run = Run()
    ending = run.to(max_steps=4, remedy="do this")
    assert ending.status == "failed"
    assert ending.statistics["steps"] == 4
    assert ending.state.time == run.watched[-1].state.time
    assert ending.message == (
        f"stopped at t = {ending.state.time:.6g}: "
        "integrator.max_steps = 4 steps were taken; do this"
    )
    assert Run().to(max_steps=4).message.endswith("steps were taken")


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [(SolverError("no more"), "failed", "stopped at t = 0: no more"),
     (KeyboardInterrupt(), "interrupted", "interrupted at t = 0")],
)  # fmt: skip
def test_a_run_that_does_not_begin_has_made_no_step(error, status, message):
    def stop(time):
        raise error

    ending = Run().to(pulse=stop, method="DOP853")
    assert (ending.status, ending.message, ending.statistics) == (status, message, {"steps": 0})
    assert ending.state is BEGIN


@pytest.mark.parametrize("end", [1e3, 1e6])
def test_at_rest_the_state_is_held_to_the_end(end):
    """It is no further from zero than the tolerance allows, and the flow is left alone."""
    times = np.linspace(0.0, end, 7)
    run = Run()
    ending = run.to(times, stop_at_rest=True)
    assert ending.status == "at rest"
    begun = run.watched[-1].state.time
    assert ending.message == f"at rest from t = {begun:.6g} on"
    assert ending.state.time == end
    assert run.record.times == times.tolist()
    np.testing.assert_allclose(run.stored, course(times), atol=1e-6)
    np.testing.assert_array_equal(run.stored[-1], run.watched[-1].state.y)
    assert Run().to(times).status == "finished"


def test_looks_at_rest_are_ever_further_apart(monkeypatch):
    """Each at a time at least a tenth beyond the look before, and as soon as there is a step."""
    looks = []
    monkeypatch.setattr(module.Stepper, "at_rest", lambda stepper: looks.append(stepper.state.time))
    run = Run()
    run.to(stop_at_rest=True)
    expected = []
    for seen in run.watched:
        if not expected or seen.state.time >= 1.1 * expected[-1]:
            expected.append(seen.state.time)
    assert looks == expected
    assert 3 < len(looks) < len(run.watched)


@pytest.mark.parametrize(
    "times",
    [[[0.0, 1.0]], [0.0], [], [1.0, 2.0], [0.0, 2.0, 1.0], [0.0, 1.0, 1.0], [0.0, np.inf], "soon"],
)
def test_times_increase_from_zero(times):
    with pytest.raises(ConfigurationError, match="increasing from 0"):
        checked_times(times)


def test_two_times_are_enough():
    np.testing.assert_array_equal(checked_times([0, 2]), [0.0, 2.0])


@pytest.mark.parametrize("method", sorted(IMPLICIT | ONE_STEP))
def test_memory_holds_the_states_three_times_and_four_matrices(monkeypatch, method):
    """Eight bytes a number; only implicit methods have matrices."""
    asked = []
    monkeypatch.setattr(module.memory, "require", lambda *arguments: asked.append(arguments))
    check_memory(1000, 70, method, "head")
    (size, what, remedy), matrices = asked[0], 4 * 70 * 70 if method in IMPLICIT else 0
    assert size == 8 * (3 * 1000 * 70 + matrices)
    assert what.startswith("1000 stored times of 70 order parameters")
    assert remedy.startswith("lower output.points or the number of heads")
    assert remedy.endswith("'DOP853'") == bool(matrices)


def test_what_learns_is_named_where_memory_is_short(monkeypatch):
    monkeypatch.setattr(module.memory, "available", lambda: 1000)
    for model, word in (("single-head", "heads"), ("saad-solla", "students")):
        with pytest.raises(ConfigurationError, match=f"the number of {word}"):
            op.solve(model)


@pytest.mark.parametrize(
    ("duration", "stops", "followed"),
    [(3.0, False, 3.0), (3.0, True, 1.0), (0.5, True, 0.5), (1e12, False, 1e12), (1e13, True, 1.0)],
)
def test_rates_are_followed_for_the_run_or_until_it_may_rest(duration, stops, followed):
    asked = []
    flow = Decay()
    flow.check_rates = lambda *arguments: asked.append(arguments)
    check_duration(duration, flow, IntegratorConfig(stop_at_rest=stops))
    assert asked == [(followed, 1e12)]


def test_a_time_beyond_all_steps_is_refused():
    flow = Decay()
    flow.check_rates = lambda *_: None
    with pytest.raises(ConfigurationError, match=r"1\.1e\+12: times up to 1e\+12 can be"):
        check_duration(1.1e12, flow, IntegratorConfig())


SMALL = ["training.duration=4", "output.points=6", "expectation.tolerance=1e-6"]


def test_a_run_that_goes_on_counts_all_of_its_work():
    """Steps, velocities and seconds of both parts; what its file does not count is none."""
    problem = op.load("single-head", [*SMALL, "integrator.method=RK23"])
    whole = op.solve(problem)
    part = op.solve(problem, settings={"integrator.max_steps": 9})
    assert part.statistics["steps"] == 9
    part = dataclasses.replace(part, seconds=1e3)
    going = op.solve(problem, resume=part)
    work = {name: going.statistics[name] - whole.statistics[name] for name in whole.statistics}
    assert work == {"steps": 0, "right_hand_sides": 1, "jacobians": 0,
                    "jacobian_right_hand_sides": 0}  # fmt: skip
    assert 1e3 < going.seconds < 1e3 + 60
    bare = dataclasses.replace(part, statistics={"older": 7})
    counted = op.solve(problem, resume=bare).statistics
    assert counted["older"] == 7
    assert counted["steps"] == whole.statistics["steps"] - 9


@pytest.mark.parametrize(("stored", "anew"), [(7.0, False), (np.nan, True), (None, True)])
def test_references_are_taken_from_the_run_that_goes_on_if_they_are_known(stored, anew):
    problem = op.load("single-head", SMALL)
    part = op.solve(problem, settings={"integrator.max_steps": 2})
    references = {} if stored is None else {"bayes_risk": stored}
    going = op.solve(problem, resume=dataclasses.replace(part, references=references))
    assert going.bayes_risk == (part.bayes_risk if anew else stored)


def test_progress_tells_the_part_that_is_done_and_the_last_risk():
    told, kept = [], []
    run = op.solve(
        "single-head", settings={"training.duration": 4.0, "output.points": 6},
        progress=lambda *news: told.append(news), checkpoint=kept.append, interval=1e9,
    )  # fmt: skip
    parts, risks = np.transpose(told)
    assert parts[0] == 0.0
    assert (np.diff(parts) >= 0).all()
    assert parts[-1] == 1.0
    known = ~np.isnan(risks)
    assert not known[0]
    assert known[-1]
    assert set(risks[known]) <= set(run.risk)
    assert kept == []
    assert "the limit of 1e-09 seconds" in op.solve("single-head", max_seconds=1e-9).message
