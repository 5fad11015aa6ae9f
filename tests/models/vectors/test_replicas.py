"""Oracles: the same run on other workers, uninterrupted, or of other replicas; counted steps."""

from __future__ import annotations

import numpy as np
import pytest
import simulation_cases
from simulation_cases import CASES, Case

from orderparams import memory
from orderparams.errors import ConfigurationError
from orderparams.models import replicas
from orderparams.models.interface import Records
from orderparams.models.vectors.replicas import Ensemble

TIME = [0.0, 0.01, 1.0, 2.5, 2.5, 4.0]


def ensemble(case: Case, backend: str, **changes) -> Ensemble:
    options = {"time": TIME, "dimension": 40, "replicas": 3, "seed": 7, "backend": backend}
    options |= {"variance": case.variance} | changes
    return simulation_cases.ensemble(case, **options)


def assert_same_bits(first: Records, second: Records) -> None:
    for name in ("time", "step", "loss"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    for name, values in first.parameters.items():
        np.testing.assert_array_equal(values, second[name])


class Interrupted(Exception):
    """Raised from the progress callback."""


@pytest.mark.parametrize("backend", ["gram", "direct"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_resumed_run_is_the_uninterrupted_run(case: Case, backend: str, monkeypatch):
    """Interrupted after every step, its state carried to a new ensemble."""
    whole = ensemble(case, backend).run()
    monkeypatch.setattr(replicas, "SLICE", 0.0)
    monkeypatch.setattr(replicas, "FIRST", 1)
    run, interruptions = ensemble(case, backend), 0

    def interrupt(done: int, total: int) -> None:
        if done < total:
            raise Interrupted

    while True:
        try:
            pieces = run.run(workers=2, progress=interrupt)
            break
        except Interrupted:
            interruptions += 1
            state = run.state()
            run = ensemble(case, backend)
            run.restore(state)
    assert interruptions >= whole.step[-1]
    assert_same_bits(whole, pieces)


@pytest.mark.parametrize("backend", ["gram", "direct"])
def test_workers_change_nothing_and_replicas_are_independent(backend: str):
    """One, two or five threads; the first three of five replicas are the three of a smaller run."""
    case = CASES["two lengths, all learned"]
    runs = [ensemble(case, backend, replicas=5).run(workers) for workers in (1, 2, 5)]
    assert_same_bits(runs[0], runs[1])
    assert_same_bits(runs[0], runs[2])
    fewer = ensemble(case, backend).run()
    np.testing.assert_array_equal(fewer.overlap, runs[0].overlap[:3])
    assert len(np.unique(runs[0].overlap[:, -1, 0, 0])) == 5
    other = ensemble(case, backend, seed=8).run()
    assert (other.overlap[:, -1] != fewer.overlap[:, -1]).all()


@pytest.mark.parametrize("backend", ["gram", "direct"])
def test_records_stand_at_the_steps_of_their_times(backend: str):
    """t = γ·step/D; the loss of an interval is a mean over its steps, and none has none."""
    case = CASES["softmax"]
    result = ensemble(case, backend).run()
    np.testing.assert_array_equal(result.step, [0, 0, 27, 67, 67, 107])
    np.testing.assert_allclose(result.time, result.step * 1.5 / 40, rtol=1e-15)
    np.testing.assert_array_equal(
        np.isnan(result.loss), [[True, True, False, False, True, False]] * 3
    )
    np.testing.assert_allclose(result.overlap[:, 1], [case.heads.overlap] * 3, atol=1e-14)
    np.testing.assert_array_equal(result.overlap[:, 3], result.overlap[:, 4])
    every = ensemble(case, backend, time=np.arange(1, 108) * 1.5 / 40).run()
    np.testing.assert_array_equal(every.self_overlap[:, 26], result.self_overlap[:, 2])
    sums = [every.loss[:, :27].mean(1), every.loss[:, 27:67].mean(1), every.loss[:, 67:].mean(1)]
    np.testing.assert_allclose(np.transpose(sums), result.loss[:, [2, 3, 5]], rtol=1e-12)


def test_partial_result_holds_what_was_reached():
    run = ensemble(CASES["softmax"], "gram")
    partial = run.result()
    assert np.isfinite(partial.overlap[:, :2]).all()
    assert np.isnan(partial.overlap[:, 2:]).all()


def test_progress_counts_steps_to_the_end(monkeypatch):
    monkeypatch.setattr(replicas, "SLICE", 0.0)
    monkeypatch.setattr(replicas, "FIRST", 1)
    seen: list[tuple[int, int]] = []
    ensemble(CASES["softmax"], "gram").run(2, lambda done, total: seen.append((done, total)))
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert seen[-1] == (3 * 107, 3 * 107)


def test_state_of_another_run_is_refused():
    state = ensemble(CASES["softmax"], "gram").state()
    for other in (
        ensemble(CASES["softmax"], "gram", replicas=2),
        ensemble(CASES["softmax"], "direct"),
        ensemble(CASES["softmax"], "gram", time=[0.0, 1.0]),
    ):
        with pytest.raises(ConfigurationError, match="of another simulation"):
            other.restore(state)


def test_no_replicas_is_refused():
    with pytest.raises(ConfigurationError, match=r"simulation\.replicas = 0"):
        ensemble(CASES["softmax"], "gram", replicas=0)


@pytest.mark.parametrize("backend", ["gram", "direct"])
def test_memory_holds_every_replica_twice_and_what_a_step_works_with(backend: str, monkeypatch):
    """Oracle: the arrays of a replica, its records, and those that a step makes, counted."""
    asked = []
    monkeypatch.setattr(memory, "require", lambda *words: asked.append(words))
    case = CASES["two lengths, all learned"]  # two directions, two vectors, up to four tokens
    run = ensemble(case, backend)
    state = run.state()
    records = sum(values.size for key, values in state.items() if key.startswith("record/"))
    own = [values[0] for key, values in state.items() if key.startswith("state/")]
    arrays = [array for array in own if array.ndim == 2 and array.dtype == np.float64]
    held = sum(array.size for array in arrays)
    if backend == "gram":
        assert [array.shape for array in arrays] == [(2, 4)]
        work = 4 * (4 + 2 * 2 + 1) + 4 * (2 + 1) + 4 * 2  # tokens, rows and means
    else:
        assert sorted(array.shape for array in arrays) == [(2, 40), (2, 40)]
        work = 4 * held + 40 * (4 + 2 + 1)  # of the QR factorisation; tokens and their gradient
    ((size, what, remedy),) = asked
    assert size == 2 * 8 * (3 * held + records) + 2 * 3 * replicas.OVERHEAD + 8 * work
    assert what == f"3 replicas with D = 40 and 6 times in the {backend} backend"
    assert ("task.length" in remedy, "'gram'" in remedy) == (True, backend == "direct")


@pytest.mark.parametrize(
    ("steps", "made"), [(0.0, 0), (0.49, None), (0.51, 1), (1.49, 1), (2.0**53, None)]
)
def test_a_run_makes_between_one_and_countable_steps(steps, made):
    """Or none where nothing but the start is asked for."""
    time = [0.0, steps * 1.5 / 40]
    if made is None:
        with pytest.raises(ConfigurationError, match=r"steps of SGD; between 1 and 9\.01e\+15"):
            ensemble(CASES["softmax"], "gram", time=time)
    else:
        assert ensemble(CASES["softmax"], "gram", time=time).step.tolist() == [0, made]
