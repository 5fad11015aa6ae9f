"""A resolved configuration with comments: it reads back as it was, and says what is so."""

import hashlib

import pytest

from orderparams.config import parse, parse_toml, to_toml
from orderparams.config.annotated import annotated, tables
from orderparams.config.unused import defaults, leaves
from orderparams.models import registry
from orderparams.shipped import preset_names
from orderparams.sources import load

MIXTURE = [
    'task.signal={kind="mixture", components=[{mean=[1.5, 0.2], weight=2.0}, '
    "{mean=[-0.5, 1.8], variances=[0.4, 0.1]}]}",
    "task.length={values=[2, 4], weights=[1, 3]}",
]
LONG = [
    f'task.signal={{kind="spikes", strengths={[float(40 - f) for f in range(40)]}}}',
    f"initial.bias={[0.125] * 40}",
    "attention.heads=40",
    "attention.activation=softmax-1",
    "attention.bias=learned",
]
ODD = ['title="a \\"title\\" # that = is [odd] \\\\ ünd ≤"', "integrator.stop_at_rest=true"]

CASES = [(name, []) for name in preset_names()]
CASES += [("two-stage", settings) for settings in (MIXTURE, LONG, ODD)]


def digest(problem):
    """What points of scans and their files are told apart by."""
    return hashlib.sha256(to_toml(problem).encode()).hexdigest()


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_it_reads_back_as_the_same_problem(name, settings):
    problem = load(name, settings)
    text = annotated(problem)
    again = parse(parse_toml(text))
    assert (again, digest(again)) == (problem, digest(problem))
    assert annotated(again) == text
    for line in text.splitlines():
        assert len(line) <= 80 or line.startswith(("title = ", "components = ")), line


def test_all_models_have_a_preset_here():
    assert {load(name).model for name in preset_names()} == set(registry.names())


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_what_is_called_the_default_is_one(name, settings):
    """By leaving it out: the problem stays the same."""
    problem = load(name, settings)
    table = parse_toml(annotated(problem))
    for part in tables(problem):
        for setting in part.settings:
            if not setting.is_default:
                continue
            assert "this is the default" in setting.standing()
            branch = without = parse_toml(annotated(problem))
            for step in filter(None, part.name.split(".")):
                branch = branch[step]
            del branch[setting.name]
            assert parse(without) == problem, setting.key.name
    marked = {s.key.name for part in tables(problem) for s in part.settings if s.is_default}
    own = {key for key, value in leaves(table) if defaults(table).get(key, ...) == value}
    assert marked >= own


def test_what_has_no_value_is_named():
    problem = load("single-head")
    lines = annotated(problem).splitlines()
    assert "# left out: overlap, self_overlap, bias, head_weights, slope, intercept," in lines
    given = {key for key, _ in leaves(parse_toml(annotated(problem)))}
    absent = {f"{part.name}.{name}" for part in tables(problem) for name in part.left_out}
    assert not given & absent


def test_comments_say_meaning_range_unit_and_default():
    lines = annotated(load("two-stage", ["attention.heads=8"])).splitlines()
    at = lines.index("heads = 8")
    assert lines[at - 2 : at] == [
        "# H: number of attention heads",
        "# whole number; 1 to 256; unit: heads; default: 4",
    ]
    at = lines.index("batch_size = 1")
    assert lines[at - 1] == "# whole number; 1 to 2^31; unit: examples; this is the default"


def test_keys_that_came_later_are_written_where_they_differ():
    """Texts, and so hashes, of problems of before are what they were."""
    assert "momentum" not in to_toml(load("single-head"))
    changed = load("single-head", settings={"training.momentum": 0.5})
    assert "momentum = 0.5" in to_toml(changed)
    assert parse(parse_toml(to_toml(changed))) == changed
