"""Two order parameters of each head against each other, and the last state at other lengths."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.views.plots.figures import figure_of
from orderparams.views.plots.plane import both, velocities
from orderparams.views.plots.request import Request
from orderparams.views.plots.tested import legible

QUICK = {"training.duration": 3, "output.points": 4, "task.test_lengths": [60, 10, 200]}


def drawn(result, kind="plane", **request):
    return figure_of([result], Request(kind=kind, **request)).axes[0]


def courses(axes, count):
    return [np.array(line.get_data()) for line in axes.lines if len(line.get_xdata()) == count]


@pytest.fixture(scope="module")
def run():
    return op.solve("in-context-pairs", settings=QUICK)


def test_heads_in_the_plane(run):
    axes = drawn(run)
    for head, line in enumerate(courses(axes, 4)):
        assert_array_equal(line, [run["key_query"][:, head, 0], run["output"][:, head, 0]])
    assert axes.get_xlabel() == "key-query strength ω, block 1"
    assert axes.get_ylabel() == "output μ, task 1"


def test_an_overlap_and_a_norm():
    """A symmetric matrix has one column, its diagonal."""
    heads = op.solve("two-stage", settings={"training.duration": 2, "output.points": 4})
    axes = drawn(heads, plane=(3, 1))
    lines = courses(axes, 4)
    assert_array_equal(lines[1], [heads.overlap[:, 1, 2], heads.self_overlap[:, 1, 1]])
    assert axes.get_xlabel() == "overlap m, direction 3"
    with pytest.raises(ConfigurationError, match=r"plane 4,1: it takes 1 to 3 for overlap m and 1"):
        drawn(heads, plane=(4, 1))
    with pytest.raises(ConfigurationError, match="tests nothing at other values"):
        drawn(heads, "tested")


def test_velocities_in_the_plane():
    """Oracle: linear attention, E = S − 2SM + (S(N + 1) + d(S + σ²)) M²/N with M = μω, for one head
    of two whose other one has ω = μ = 0.1; dω/dt = −(1/d) ∂E/∂ω."""
    start = {"kind": "explicit", "key_query": [[0.3], [0.1]], "output": [[0.2], [0.1]]}
    settings = {"attention": {"heads": 2, "activation": "linear"}, "initial": start}
    run = op.solve("in-context-pairs", settings=settings, times=[0.0, 1e-9])
    points = np.array([[0.3, 0.2], [-0.5, 0.4], [0.1, -2.0]])
    found = velocities(run, both(run), [0, 0], 0, points)
    slope = -2 + 2 * (41 + 5 * 1.1) / 40 * (points.prod(1) + 0.01)
    expected = -np.column_stack([points[:, 1] * slope / 5, points[:, 0] * slope])
    assert_allclose(found, expected, rtol=1e-6)


def test_a_field_in_the_plane(run):
    """Within the limits of the courses; nothing where scores are out of range."""
    axes = drawn(run, field=2)
    assert axes.get_xlim() == drawn(run).get_xlim()
    labels = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert "velocity of head 2,\nthe rest as at the end" in labels
    far = velocities(run, both(run), [0, 0], 0, np.array([[5.0, 1.0], [0.1, 1.0]]))
    assert np.isnan(far).all(axis=1).tolist() == [True, False]
    with pytest.raises(ConfigurationError, match="field 5: there are 4 heads, counted from 1"):
        drawn(run, field=5)
    heads = op.solve("two-stage", settings={"training.duration": 1, "output.points": 2})
    with pytest.raises(ConfigurationError, match="the figure phase draws that"):
        drawn(heads, field=1)


def test_risks_at_other_lengths(run):
    """In the order of lengths, on logarithmic axes where these or the risks are far apart, with the
    length of training among them. Oracle of the closed forms: (1 + D)/(N + D), D = d(1 + σ²)."""
    axes = drawn(run, "tested")
    lines = {line.get_label(): line for line in axes.lines}
    assert_array_equal(lines["risk"].get_xdata(), [10, 40, 60, 200])
    at = run["test_risk"][:, 0]
    assert_array_equal(lines["risk"].get_ydata(), [at[1], run["task_risk"][-1, 0], at[0], at[2]])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "examples in a prompt"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["10", "40", "60", "200"]
    known = [6.5 / (length + 5.5) for length in (10, 40, 60, 200)]
    assert_allclose(lines["debiased GD, superposed"].get_ydata(), known, rtol=1e-12)
    assert lines["Bayes risk"].get_ydata()[1] == pytest.approx(run.references["bayes_risk"])
    assert_array_equal(lines["length in training"].get_xdata(), [40, 40])
    assert set(lines["zero output"].get_ydata()) == {1.0}
    joined = {
        line.get_linestyle() for name, line in lines.items() if "GD" in name or name == "risk"
    }
    assert joined == {"None"}


def test_lengths_that_would_touch_are_not_written():
    lengths = np.array([10.0, 20, 40, 80, 160, 640, 1e6])
    assert legible(lengths, "log").tolist() == [10, 40, 160, 640, 1e6]
    assert legible(lengths, "linear").tolist() == [10, 1e6]
    assert legible(lengths[:1], "linear").tolist() == [10]


def test_risks_of_several_tasks_at_other_lengths():
    """Each and their sum; what was tested at the length of training is drawn once."""
    settings = QUICK | {"task.blocks": [2, 2], "task.test_lengths": [40, 30], "task.noise": 1.0}
    run = op.solve("in-context-pairs", settings=settings | {"training.duration": 0.1})
    axes = drawn(run, "tested")
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    tested = run["test_risk"][::-1]
    assert_array_equal(lines["task 2"], tested[:, 1])
    assert_array_equal(lines["all tasks"], tested.sum(1))
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")


def test_a_run_that_was_not_tested():
    run = op.solve("in-context-pairs", settings={"training.duration": 1, "output.points": 2})
    with pytest.raises(ConfigurationError, match=r"task.test_lengths was not set in this run"):
        drawn(run, "tested")


def test_risks_to_compare_with(run):
    """Equal ones are one line; none is drawn that the risk cannot reach."""
    lines = {line.get_label() for line in drawn(run, "time", quantity=("risk",)).lines}
    assert {"Bayes risk", "linear GD", "debiased GD, superposed"} <= lines
    assert not any("zero output" in label for label in lines)


def test_of_a_validation_the_replicas_nearest_to_the_limit():
    """Those of the smallest learning rate, whose times are the theory's."""
    settings = {"training.duration": 1, "output.points": 3, "simulation.replicas": 2}
    found = op.validate("in-context-pairs", settings=settings, learning_rates=[0.1, 0.02])
    drawn_at = courses(drawn(found), 3)
    assert_array_equal(drawn_at[0][0], found.simulations[0.02]["key_query"][0, :, 0, 0])


@pytest.mark.parametrize("kind", ["phase", "weights"])
def test_figures_of_vectors_are_not_offered(run, kind):
    with pytest.raises(
        ConfigurationError, match=rf"no figure {kind} of .* there is time, plane, tested$"
    ):
        drawn(run, kind)
