"""Single time steps of SciPy's solvers. Oracle: exponential decay."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from run.decay import RATES, START, Decay, course

from orderparams.config.sections import IntegratorConfig
from orderparams.errors import SolverError
from orderparams.results.trajectory import Reached
from orderparams.run import stepper as module
from orderparams.run.stepper import IMPLICIT, ONE_STEP, Stepper

METHODS = sorted(IMPLICIT | ONE_STEP)
BEGIN = Reached(0.0, START)


def stepper_of(flow, method="DOP853", begin=BEGIN, end=2.0, pulse=lambda t: None, **settings):
    return Stepper(flow, begin, end, IntegratorConfig(method=method, **settings), pulse)


def finish(stepper):
    """Steps to the end; the states after each."""
    states = [stepper.state]
    while stepper.running:
        stepper.step()
        states.append(stepper.state)
    return states


@pytest.mark.parametrize("method", METHODS)
def test_work_is_counted(method):
    """Oracles: the calls of the flow and of the pulse; a Jacobian takes N + 1 to 2N + 1."""
    flow, seen = Decay(), []
    stepper = stepper_of(flow, method, pulse=seen.append)
    assert stepper.statistics["steps"] == 0
    states = finish(stepper)
    stepper.at_rest()
    found = stepper.statistics
    assert found["steps"] == len(states) - 1
    assert found["right_hand_sides"] + found["jacobian_right_hand_sides"] == flow.calls == len(seen)
    assert set(seen) == {state.time for state in states}
    count = found["jacobians"]
    assert 4 * count <= found["jacobian_right_hand_sides"] <= 7 * count
    assert bool(count) == (method in ("BDF", "Radau"))  # LSODA takes none where nothing is stiff


@pytest.mark.parametrize("end", [2.0, 2e-120], ids=["long", "short"])
@pytest.mark.parametrize("method", METHODS)
def test_the_end_is_reached_and_a_one_step_method_goes_on_from_anywhere(method, end):
    """Also in times whose squares are zero. Oracles: the closed form; the run that did not stop."""
    rates = RATES * (2.0 / end)
    states = finish(stepper_of(Decay(rates), method, end=end))
    assert states[-1].time == end
    np.testing.assert_allclose(states[-1].y, course(end, rates), rtol=1e-4)
    np.testing.assert_allclose(states[3].y, course(states[3].time, rates), rtol=1e-4)
    if method in ONE_STEP:
        for index in (1, 3):
            again = finish(stepper_of(Decay(rates), method, states[index], end))
            assert [state.time for state in again] == [state.time for state in states[index:]]
            np.testing.assert_array_equal(again[-1].y, states[-1].y)
    else:
        assert {state.step for state in states} == {0.0}


def test_a_step_that_is_longer_than_what_is_left_ends_there_and_is_kept():
    """Oracle: the run to a later end, of which the first steps are the same."""
    states = finish(stepper_of(Decay(), end=2.0))
    part = states[2]
    assert part.step > 1e-3
    near = part.time + 1e-3
    stopped = finish(stepper_of(Decay(), begin=part, end=near))
    assert [state.time for state in stopped] == [part.time, near]
    np.testing.assert_allclose(stopped[-1].y, course(near), rtol=1e-4)


def test_jacobians_are_as_exact_as_the_time_step_that_is_tried_needs(monkeypatch):
    """BDF keeps its Jacobian for steps of any length; LSODA and Radau ask where they stand."""
    asked = []
    for method in ("BDF", "Radau"):
        stepper = stepper_of(Decay(), method)
        monkeypatch.setattr(stepper, "jacobian", lambda y, *step: asked.append(step) or np.eye(3))
        stepper.solver.t = 1.0
        stepper.solver.t_old = 0.25
        stepper._jacobian(1.5, START)
        stepper._jacobian(3.0, START)
        stepper.solver.t_old = None
        stepper._jacobian(1.5, START)
        stepper._jacobian(0.5, START)
    assert asked == [()] * 4 + [(0.75,), (2.0,), (0.5,), (0.0,)]


@pytest.mark.parametrize(("tolerance", "error"), [(1e-6, 1e-6), (1e-14, 1e-11), (np.inf, 1e-11)])
@pytest.mark.parametrize("end", [8.0, 8e-120], ids=["long", "short"])
def test_rest_is_asked_for_with_the_tolerance_of_the_method(monkeypatch, tolerance, error, end):
    """Oracle: |dy| ≤ atol + rtol·max |y| over the time that is left, written out."""
    asked = []
    monkeypatch.setattr(module, "at_rest", lambda *arguments: asked.append(arguments) or True)
    rates = RATES * (8.0 / end)
    stepper = stepper_of(Decay(rates, tolerance), end=end, rtol=1e-3, atol=1e-4)
    stepper.step()
    assert stepper.at_rest() is True
    y, velocity, jacobian, time, left, bounds, noise = asked[0]
    unit = 1.0 if end == 8.0 else end
    np.testing.assert_array_equal(y, stepper.state.y)
    np.testing.assert_allclose(velocity, -unit * rates * y)
    assert jacobian is stepper.jacobian
    assert (time * unit, (time + left) * unit) == pytest.approx(
        (stepper.state.time, end), rel=1e-14
    )
    np.testing.assert_allclose(bounds, np.full(3, 1e-4 + 1e-3 * np.abs(y).max()))
    assert noise == error


def test_a_method_that_gives_up_says_why(monkeypatch):
    class Explosion(Decay):
        def derivative(self, t, y):
            return y**2

    with pytest.raises(SolverError, match="RK45 gave up: Required step size is less"):
        finish(stepper_of(Explosion(), "RK45"))

    def give_up():
        for _ in range(2):
            warnings.warn("lsoda: the reason", stacklevel=1)
        return "Unexpected istate"

    stepper = stepper_of(Decay(), "LSODA")
    monkeypatch.setattr(stepper, "solver", SimpleNamespace(step=give_up))
    with pytest.raises(SolverError, match=r"^LSODA gave up: lsoda: the reason$"):
        stepper.step()


def test_a_state_that_is_not_finite_is_told():
    stepper = stepper_of(Decay())
    stepper.solver = SimpleNamespace(step=lambda: None, y=np.array([1.0, np.inf, 0.0]))
    with pytest.raises(SolverError, match="the state is not finite"):
        stepper.step()
