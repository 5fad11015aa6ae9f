"""What happened in a run: growth, groups, stages, the end and the optimum."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

import orderparams as op
from orderparams.models.in_context import growth, half_times
from orderparams.models.in_context.flow import Flow
from orderparams.models.in_context.groups import groups_of
from orderparams.models.in_context.minima import Landscape, curved, least
from orderparams.views.story import screen
from orderparams.views.story.tell import tell

STUCK = {
    "attention.heads": 2,
    "training.duration": 300.0,
    "output.points": 60,
    "initial.kind": "explicit",
    "initial.key_query": [[0.001], [0.002]],
    "initial.output": [[0.002], [0.003]],
}


@pytest.fixture(scope="module")
def stuck():
    """Two heads of one sign, which end as one."""
    return op.analyze("in-context-pairs", settings=STUCK)


@pytest.fixture(scope="module")
def paired():
    """Two heads of different signs."""
    start = {"initial.output": [[-0.002], [0.003]], "initial.key_query": [[-0.001], [0.002]]}
    return op.analyze("in-context-pairs", settings=STUCK | start)


def at_minimum(found):
    """A start at the minimum below the end of a run."""
    heads = found.chapter("below")
    return {f"initial.{name}": heads[name][:, None].tolist() for name in ("key_query", "output")}


def test_a_run_that_ends_beyond_the_tables():
    """Oracles: the run's own risk, and that a descent from its end is below."""
    start = {"initial.key_query": [[0.6], [-0.1]], "initial.output": [[1.0], [-0.9]]}
    few = {"training.duration": 0.01, "output.points": 3}
    found = op.analyze("in-context-pairs", settings=STUCK | start | few)
    run = found.trajectory
    below = op.evaluate("in-context-pairs", settings=STUCK | at_minimum(found)).risk
    assert np.isfinite(run.risk).all()
    assert 0.142 < below < run.risk[-1] - 0.01
    assert abs(found.chapter("searches")["minimum"].min() - below) < 1e-3


def problem(*changes):
    return op.load("in-context-pairs", list(changes))


@pytest.mark.parametrize(
    ("changes", "rates"),
    [
        (["attention.heads=2"], [0.87207, 0.81880]),
        (["attention.heads=4"], [0.87207, 0.76898]),
        (["attention.heads=1"], [-0.0275 + (0.0275**2 + 0.8720734**2) ** 0.5]),
        (["attention.heads=2", "training.weight_decay=0.1"], [0.77207, 0.71880]),
        (["attention.heads=2", "training.metric='scalar'"], [1.95, 1.95 - 0.05422]),
        (["attention.heads=2", "attention.activation='linear'"], [2 / 5**0.5] * 2),
    ],
)
def test_rates_at_the_origin(changes, rates):
    """Oracle: the published rates λ₀ and λ_s (five digits), and by hand."""
    flow = Flow(problem(*changes))
    modes = growth.closed_modes(flow)
    assert_allclose([mode.rate for mode in modes], rates, atol=2e-5)
    assert_allclose([growth.exact_rate(flow, mode) for mode in modes], rates, atol=2e-5)


@pytest.mark.parametrize("inside", ["true", "false"])
def test_rates_of_tasks_on_shared_blocks(inside):
    """Oracle: the flow's own velocities, by quadrature, with the query in the softmax too."""
    flow = Flow(
        problem(
            "attention.heads=2",
            "task.length=12",
            "task.blocks=[2, 3]",
            "task.strengths=[[0.5, 0.25], [0.0, 1.0]]",
            f"task.query_in_softmax={inside}",
            "expectation.engine='quadrature'",
        )
    )
    modes = growth.closed_modes(flow)
    assert len(modes) == 4
    for mode in modes:
        assert_allclose(growth.exact_rate(flow, mode), mode.rate, rtol=1e-5)


def test_rates_of_a_run(stuck):
    """Oracle: closed forms; the run is linear until its risk has fallen by half a percent."""
    found = stuck.chapter("growth")
    assert found["mode_of"].tolist() == ["differences of heads", "all heads alike"]
    assert found["multiplicity"].tolist() == [1, 1]
    assert_allclose(found["seen"], found["closed"], rtol=5e-3)


def test_rates_are_not_seen_far_from_the_origin():
    start = {"initial.key_query": [[-0.2], [0.2]], "initial.output": [[-1.0], [1.0]]}
    run = op.solve("in-context-pairs", settings=STUCK | start | {"training.duration": 2.0})
    flow = Flow(run.problem)
    x = growth.heads_of(flow, run["key_query"], run["output"])
    assert np.isnan(growth.seen_rate(run, x, growth.closed_modes(flow)[0], 1.0))


def test_heads_of_one_sign(stuck):
    """Oracle: the best single head of another program, shared by two."""
    groups, end, searches = (stuck.chapter(name) for name in ("groups", "end", "searches"))
    assert groups["heads"].tolist() == ["1, 2"]
    assert groups["opposite"].tolist() == [0]
    assert "stuck on one sign" in groups.sentences[0]
    assert "basin of a single head" in end.sentences[1]
    assert_allclose(stuck.chapter("below")["output"].sum(), 1.4970891993, atol=1e-3)
    assert_allclose(searches["minimum"].min(), 0.142824, atol=1e-6)
    assert np.ptp(abs(stuck.chapter("best")["key_query"])) < 1e-3


def test_a_pair(paired):
    """Oracle: at (40, 5) the best pair has ω = 0.0712 and 3.3e-5 less than debiased GD."""
    groups, end, searches = (paired.chapter(name) for name in ("groups", "end", "searches"))
    assert groups["heads"].tolist() == ["1", "2"]
    assert groups["opposite"].tolist() == [2, 1]
    assert groups.sentences[0] == "Heads pair up: 1 against 2."
    assert "basin of the optimum" in end.sentences[1]
    least = searches["minimum"][0]
    assert_allclose(least - 6.5 / 45.5, -3.3e-5, atol=2e-6)
    assert_allclose(abs(paired.chapter("best")["key_query"]), 0.0712, atol=5e-4)


def test_splits_of_a_single_head_are_minima():
    """Oracles: another program's Hessian at equal shares has one zero and else positive
    eigenvalues; a share below zero leads down. Differences of the risk along the split."""
    landscape = Landscape(Flow(problem("attention.heads=2")))
    key_query, output = np.full((2, 1), 0.5179044788), 1.4970891993
    groups = groups_of(key_query)[0]

    def at(share):
        x = landscape.point(key_query, output * np.array([[share], [1 - share]]))
        return curved(landscape, x, groups)

    equal = at(0.5)
    assert equal.flat.tolist() == [True, False, False, False]
    assert not equal.falling.any()
    assert [equal.words(i) for i in (0, 3)] == ["split of like heads", "other gains"]
    assert at(-0.5).falling.any()
    assert not at(0.1).falling.any()


def test_the_hessian_is_that_of_the_risk():
    """Oracle: second differences of the risk itself, by quadrature."""
    landscape = Landscape(Flow(problem("attention.heads=1", "expectation.engine='quadrature'")))
    x = landscape.point(np.array([[0.3]]), np.array([[1.1]]))
    found, step = landscape.hessian(x), 0.02

    def risk(*shift):
        return landscape.value_and_gradient(x + step * np.array(shift))[0]

    by_hand = (risk(1, 1) - risk(1, -1) - risk(-1, 1) + risk(-1, -1)) / (4 * step**2)
    assert_allclose(found[0, 1], by_hand, rtol=2e-3)
    assert_allclose(found[1, 1], (risk(0, 1) - 2 * risk(0, 0) + risk(0, -1)) / step**2, rtol=1e-5)


def test_groups():
    """Heads of two blocks in a square, one like another, and one that hardly attends."""
    scaled = np.array([[1.0, 0.0], [-0.9, 0.1], [0.0, 2.0], [1.1, 0.05], [0.01, 0.01]])
    groups, dummies = groups_of(scaled)
    assert [group.heads for group in groups] == [(0, 3), (1,), (2,)]
    assert [group.opposite for group in groups] == [1, 0, None]
    assert dummies == (4,)


def test_passages():
    """By hand, on straight lines; half-times that differ by less than a tenth are one stage."""
    time = np.array([0.0, 1.0, 2.0])
    assert_allclose(half_times.of_task(time, np.array([1.0, 0.6, 0.2]), 1.0), [0.2, 1.0, 1.8])
    assert np.isnan(half_times.of_task(time, np.array([1.0, 1.0, 0.9999]), 1.0)).all()
    assert half_times.staged(np.array([7.0, np.nan, 15.0, 7.5])).tolist() == [1, 0, 2, 1]


def test_stages_by_strength():
    """Oracle: linear attention of tasks on blocks of their own, where rates are 2S/√d and the time
    to learn is inversely as the strength."""
    settings = {
        "attention.activation": "linear",
        "task.blocks": [5, 5],
        "task.strengths": [[0.5, 0.0], [0.0, 1.0]],
        "initial.kind": "allocated",
        "attention.heads": 2,
        "training.duration": 60.0,
        "output.points": 121,
        "output.spacing": "linear",
    }
    found = op.analyze("in-context-pairs", settings=settings)
    stages = found.chapter("stages")
    assert stages["target"].tolist() == ["task 1", "task 2", "head 1", "head 2"]
    assert stages["stage"].tolist() == [2, 1, 0, 0]
    assert_allclose(stages["half_time"][0] / stages["half_time"][1], 2.0, rtol=0.1)
    assert stages.sentences[0] == "Tasks are learned in 2 stages, in the order 2, 1."


def test_a_file_gives_the_findings_back(stuck, tmp_path):
    stuck.save(tmp_path / "stuck.h5")
    again = op.open(tmp_path / "stuck.h5")
    assert again.document() == stuck.document()
    assert op.analyze(again) is again
    assert screen.lines(tell(again)) == screen.lines(tell(stuck))
    assert (
        json.loads(json.dumps(again.document()))["chapters"]["groups"]["rows"][0]["opposite"] == 0
    )


def test_the_story_in_eighty_columns(run, stuck, tmp_path):
    stuck.save(tmp_path / "stuck.h5")
    status, out, _ = run("analyze", "stuck.h5")
    assert status == 0
    assert "Heads 1, 2 are stuck on one sign" in out
    assert max(map(len, out.splitlines())) <= 80
    assert run("report", "stuck.h5", "-o", "stuck.html")[0] == 0
    assert "stuck on one sign" in (tmp_path / "stuck.html").read_text("utf-8")
    status, _, err = run("plot", "stuck.h5", "--kind", "modes", "-o", "modes.png")
    assert (status, "there is no figure modes of stuck" in err) == (2, True)


def test_linear_attention_is_not_stuck():
    """Oracle: the run ends at the best linear attention. No head has to be opposite, and bounds of
    a search that hold nothing back are not blamed."""
    settings = {"attention.activation": "linear", "training.duration": 300.0, "output.points": 60}
    found = op.analyze("in-context-pairs", settings=settings)
    said = " ".join(sentence for one in found.chapters for sentence in one.sentences)
    assert found.trajectory.risk[-1] == pytest.approx(6.5 / 46.5, rel=1e-9)
    assert "enough for linear attention" in said
    for wrong in ("stuck", "mean of labels", "bounds", "superposition"):
        assert wrong not in said


def test_a_head_that_hardly_attends_can_be_the_partner():
    """Oracle: the risk, near that of debiased gradient descent and far below a single head's."""
    start = {
        "attention.heads": 2,
        "initial.kind": "explicit",
        "initial.key_query": [[0.114], [0.0]],
        "initial.output": [[7.62], [-7.61]],
        "training.duration": 1e-6,
        "output.points": 3,
    }
    found = op.analyze("in-context-pairs", settings=start)
    assert found.trajectory.risk[-1] < 0.16
    assert "heads that hardly attend subtract the mean" in found.chapter("groups").sentences[0]


LINEAR = {"attention.activation": "linear", "attention.heads": 2, "task.blocks": [3, 2]}


def test_a_scan_of_optima():
    """Oracle: the best linear attention, one step of preconditioned GD; nothing is left to fall."""
    lengths = {"task.length": [10, 40]}
    found = op.scan("in-context-pairs", lengths, settings=LINEAR, action="optimum")
    assert_allclose(found["risk"], found["linear_gd_risk"], rtol=1e-9)
    assert found["gradient_residual"].max() < 1e-6
    gain = np.einsum("nhj,nhb->njb", found["output"], found["key_query"])
    flow = Flow(op.load("in-context-pairs", settings=LINEAR))
    at = flow.at(found["key_query"][1], found["output"][1])
    assert_allclose(at.risk.sum(), found["risk"][1], rtol=1e-12)
    assert np.abs(gain[:, 0, 1]).max() < 1e-5


def test_the_optimum_of_a_pair():
    """Oracle: another program's, ω = 0.0712 and 3.3e-5 below debiased GD; a good start is kept."""
    setting = problem("attention.heads=2")
    near = {"key_query": np.array([[0.07], [-0.07]]), "output": np.array([[6.2], [-6.2]])}
    risk, state, slope = least(setting, near)
    assert_allclose(risk, 6.5 / 45.5 - 3.3e-5, atol=1e-6)
    assert_allclose(np.abs(state["key_query"]), 0.0712, atol=2e-4)
    assert slope < 1e-5


def test_an_optimum_of_which_no_start_is_in_range(monkeypatch):
    def beyond(*_):
        raise op.SolverError("beyond")

    monkeypatch.setattr(Landscape, "below", beyond)
    with pytest.raises(op.SolverError, match="no start of the search for an optimum is in range"):
        least(problem(), None)
