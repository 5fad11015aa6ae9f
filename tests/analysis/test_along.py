"""Runs along modes: planted deviations from a saddle whose place is known in closed form."""

import dataclasses

import numpy as np
import pytest

import orderparams as op
from orderparams.analysis.along import course_along, landscape_around, shape_of
from orderparams.analysis.rests import examine
from orderparams.analysis.stationary import unspecialized_point
from orderparams.models.interface import model_of
from orderparams.models.vectors.landscape import Landscape

COUNT, SMALL = 3, 1e-3


@pytest.fixture(scope="module")
def planted():
    """Three students that leave Saad and Solla's saddle along a combination of its unstable modes:
    the problem, the run, the stationary point beside it, and the deviation in overlaps."""
    problem = op.load(
        {
            "model": "committee",
            "task": {"teachers": COUNT},
            "network": {"students": COUNT},
            "training": {"duration": 60.0},
            "output": {"points": 31},
        }
    )
    landscape = Landscape(problem, residual=0)
    point = unspecialized_point(landscape)
    parting = np.array([[1.0, -1.0, 0.0], [-2.0, 1.0, 1.0], [1.0, 0.0, -1.0]])
    parting /= np.linalg.norm(parting)
    overlap = np.array(point.state["overlap"]) + SMALL * parting
    start = {"overlap": overlap, "self_overlap": overlap @ overlap.T}
    run = op.solve(model_of(problem).starting_at(problem, start))
    return run, examine(landscape, point, run), parting


def test_the_amplitude_is_the_deviation_and_grows_at_the_rate_of_the_mode(planted):
    """Oracle: e^{λt} times what was planted, while that is small."""
    run, rest, _ = planted
    mode = rest.modes[0]
    assert mode.multiplicity == (COUNT - 1) ** 2
    course = course_along(rest, mode, run)
    assert course.amplitude[0] == pytest.approx(SMALL, rel=1e-6)
    early = run.time < 20
    expected = SMALL * np.exp(mode.rate * run.time[early])
    np.testing.assert_allclose(course.amplitude[early], expected, rtol=1e-2)
    assert course.near[0] == 0
    assert len(course.near) > 3


def test_the_run_says_what_a_mode_of_several_dimensions_moves(planted):
    """Oracle: the direction in which it was planted, with its sign."""
    run, rest, parting = planted
    shape = shape_of(rest, rest.modes[0], run)
    assert shape.outside is None
    assert not shape.numbers
    np.testing.assert_allclose(shape.measured, parting, atol=0.05)
    back = dataclasses.replace(
        run, parameters=run.parameters | {"overlap": 2 * rest_overlap(rest) - run["overlap"]}
    )
    np.testing.assert_allclose(
        shape_of(rest, rest.modes[0], back).measured, -shape.measured, atol=0.1
    )


def rest_overlap(rest):
    return rest.point.state["overlap"]


def test_without_a_run_the_growth_of_one_weight_stands_for_a_mode(planted):
    """Oracle: the projection of a unit weight on the deviations that sum to zero over students and
    over teachers."""
    run, rest, _ = planted
    still = dataclasses.replace(
        run,
        parameters={
            name: np.broadcast_to(rest.point.state[name], values.shape)
            for name, values in run.parameters.items()
        },
    )
    shape = shape_of(rest, rest.modes[0], still)
    row, column = np.unravel_index(np.argmax(shape.measured), shape.measured.shape)
    unit = np.zeros((COUNT, COUNT))
    unit[row, column] = 1.0
    projector = np.eye(COUNT) - 1 / COUNT
    expected = projector @ unit @ projector
    np.testing.assert_allclose(shape.measured, expected / np.linalg.norm(expected), atol=1e-6)


def test_what_lies_outside_of_all_directions_has_no_shape(planted):
    run, rest, _ = planted
    outside = [mode for mode in rest.modes if mode.residual == 1.0]
    assert outside
    assert all(shape_of(rest, mode, run) is None for mode in outside)


@pytest.mark.parametrize("residual", [0, 1, 2])
def test_a_point_tells_its_landscape(residual):
    """Also with numbers that are learned beside the vectors; what they change has their names."""
    table = {
        "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0, 2.0]}},
        "attention": {"heads": 2, "bias": "learned", "head_weights": "learned"},
        "expectation": {"engine": "sampling", "samples": 256},
    }
    problem = op.load(table)
    landscape = Landscape(problem, residual=residual)
    found = landscape_around(problem, landscape.point(landscape.flow.start))
    assert found.residual == residual
    assert list(found.units) == ["bias", "head_weight"]
