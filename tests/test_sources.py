"""What stands for a problem in Python: every public function takes all of it, and settings."""

import inspect
import itertools
import math
import pathlib
import tempfile
from collections import deque
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import orderparams as op
from orderparams.config import parse, parse_toml, to_toml
from orderparams.config.plain import plain

QUICK = {
    "training.duration": 0.5,
    "output.points": 5,
    "expectation.tolerance": 1e-6,
    "simulation.dimension": 40,
    "simulation.replicas": 2,
}
TABLE = {
    "task": {"signal": {"kind": "spikes", "strengths": [4.0, 1.0]}},
    "attention": {"heads": 1},
}


def output(verb, ending):
    """What makes something of a source, in a folder that is thrown away."""

    def made(source, settings=None):
        with tempfile.TemporaryDirectory() as folder:
            return getattr(op, verb)(source, f"{folder}/made{ending}", settings=settings)

    return made


def scan(source, settings=None):
    return op.scan(source, {"initial.seed": [0]}, action="evaluate", settings=settings)


VERBS = {
    "load": op.load,
    "solve": op.solve,
    "evaluate": op.evaluate,
    "simulate": op.simulate,
    "validate": op.validate,
    "analyze": op.analyze,
    "scan": scan,
    "save": output("save", ".h5"),
    "export": output("export", ".csv"),
    "plot": output("plot", ".svg"),
    "report": output("report", ".html"),
}


@pytest.fixture
def sources(tmp_path):
    """One problem in every form."""
    problem = op.load(TABLE)
    toml, file = tmp_path / "my.toml", tmp_path / "run.h5"
    toml.write_text(to_toml(problem), "utf-8")
    run = op.solve(problem, settings=QUICK)
    run.save(file)
    bare = tmp_path / "without-ending"
    bare.write_bytes(file.read_bytes())
    return [TABLE, problem, toml, str(toml), run, file, str(file), bare]


def test_every_verb_takes_a_source_and_settings():
    """And no other public function takes a problem."""
    verbs = {name for name in op.__all__ if inspect.isfunction(getattr(op, name))}
    verbs -= {"open", "presets", "register", "judge"}  # which takes data as well
    assert verbs == VERBS.keys()
    for verb in verbs:
        assert {"source", "settings"} <= inspect.signature(getattr(op, verb)).parameters.keys()


def test_a_source_in_every_form_is_the_same_problem(sources):
    expected = op.load(TABLE, settings=QUICK)
    for source in sources:
        assert op.load(source, settings=QUICK) == expected
        assert op.evaluate(source, settings=QUICK).risk == op.evaluate(expected).risk


@pytest.mark.parametrize("verb", ["solve", "simulate", "validate", "scan"])
def test_the_verbs_that_run_take_them(sources, verb):
    for source in (TABLE, sources[2], sources[4], sources[5]):
        result = VERBS[verb](source, settings=QUICK)
        assert result.problem.attention.heads == 1
    assert op.solve("single-head", settings=QUICK).problem.title


def test_a_run_is_analyzed_as_it_is_and_another_one_is_solved(sources, tmp_path):
    run, file = sources[4], sources[5]
    assert op.analyze(run).trajectory is run
    assert np.array_equal(op.analyze(file).trajectory.risk, run.risk)
    longer = op.analyze(file, settings={"training.duration": 1}).trajectory
    assert longer.time[-1] == 1


def test_settings_in_every_form():
    expected = op.load("two-stage", ["attention.heads=2", "training.duration=5"])
    for settings in (
        {"attention.heads": 2, "training.duration": 5},
        ["attention.heads=2", "training.duration=5"],
        [("attention.heads", 2), "training.duration=5"],
        (text for text in ("attention.heads=2", "training.duration=5")),
    ):
        assert op.load("two-stage", settings=settings) == expected
    assert op.load("two-stage", "attention.heads=2").attention.heads == 2
    both = op.load("two-stage", ["attention.heads=3"], settings={"attention.heads": 2})
    assert both.attention.heads == 2
    entry = op.load(TABLE, {"task.signal.strengths[1]": np.float64(9)})
    assert entry.task.signal.strengths == (4.0, 9.0)


NORMAL = [
    (np.int64(2), 2),
    (np.uint8(2), 2),
    (np.float32(0.1), float(np.float32(0.1))),
    (np.longdouble(0.5), 0.5),
    (np.bool_(True), True),
    (np.str_("softmax"), "softmax"),
    (np.array(2), 2),
    (np.array([1, 2]), [1, 2]),
    (np.array([[1.5, 0.0]]), [[1.5, 0.0]]),
    ([np.float64(1.5), np.int32(2)], [1.5, 2]),
    ((1, 2), [1, 2]),
    (range(3), [0, 1, 2]),
    ((x for x in (1, np.int8(2))), [1, 2]),
    (deque([1.0]), [1.0]),
    ({"a": np.array([1])}, {"a": [1]}),
    (Fraction(1, 4), 0.25),
    (Decimal("0.25"), 0.25),
]


@pytest.mark.parametrize(("value", "expected"), NORMAL, ids=lambda value: type(value).__name__)
def test_values_of_numpy_and_python_become_those_of_toml(value, expected):
    """To the last bit, and of exactly these types, so that files can carry them."""
    found = plain(value)
    assert found == expected
    assert repr(found) == repr(expected)


def test_a_problem_of_numpy_values_is_that_of_plain_ones_and_survives_toml():
    arrays = {
        "task": {"signal": {"kind": "gaussian", "covariance": np.eye(2)}, "length": np.int64(9)},
        "attention": {"heads": np.float64(2), "bias": np.array([0.1, 0.2]), "kappa": Fraction(1, 2)}
        | {"activation": np.str_("softmax-1")},
        "initial": {"kind": "explicit", "overlap": np.ones((2, 2)) * math.pi},
    }
    problem = op.load(arrays)
    assert parse(parse_toml(to_toml(problem))) == problem
    assert problem.initial.overlap == ((math.pi, math.pi), (math.pi, math.pi))
    assert (type(problem.attention.heads), problem.attention.kappa) == (int, 0.5)


WRONG = (None, 3, 2.5, [1], {"a"}, b"two-stage", object(), np.arange(3))


@pytest.mark.parametrize("verb", VERBS)
def test_what_stands_for_no_problem_gets_one_message(verb):
    for source in WRONG:
        with pytest.raises(op.ConfigurationError, match="expected a preset's name, a path"):
            VERBS[verb](source)


@pytest.mark.parametrize("path", [None, 3, [1], TABLE])
def test_what_is_no_path_is_not_opened(path):
    with pytest.raises(op.ConfigurationError, match="expected the path of a result file"):
        op.open(path)


@pytest.mark.parametrize(
    "settings",
    [
        {"attention.heads": None},
        {"attention.heads": np.array([1, 2])},
        {"attention.heads": np.nan},
        {"attention.heads": 2.5},
        {"attention.heads": True},
        {"attention.heads": 1j},
        {"attention.heads": {3}},
        {"training.duration": np.ma.masked},
        {"task.signal.strengths": np.ma.array([1.0, 2.0], mask=[0, 1])},
        {"task.signal.strengths": itertools.count()},
        {"title": pathlib.Path("x")},
        {"title": "\udcff"},
        {"attention.haeds": 2},
        {3: 4},
        ["attention.heads"],
        [3],
        3,
    ],
    ids=ascii,
)
def test_settings_that_make_no_sense_get_one_message(settings):
    with pytest.raises(op.ConfigurationError) as caught:
        op.load(TABLE, settings=settings)
    assert "\n" not in str(caught.value)
    assert str(caught.value).encode()


def test_the_dimensions_of_a_validation_may_be_an_array():
    few = {"simulation.replicas": 2, "training.duration": 0.1, "output.points": 2}
    result = op.validate("single-head", settings=few, dimensions=np.array([40, 20]))
    assert list(result.simulations) == [20, 40]
    for wrong in (np.array([2.5, 30]), ["a", 30], 40, "20,40", [0, 30]):
        with pytest.raises(op.ConfigurationError, match="dimensions"):
            op.validate("single-head", settings=few, dimensions=wrong)


def test_the_keys_that_were_given_are_known():
    problem = op.load("single-head", ["training.duration=3"], settings={"output.points": 4})
    assert problem.given.assigned == {"training.duration", "output.points"}
    assert problem.given.stored == frozenset()
