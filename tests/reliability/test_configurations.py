"""Malformed configurations: status 2, one message, no file touched."""

import itertools
import random
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reliability.mutations import malformed_configuration
from reliability.shell import check_refusal, command, contents

from orderparams.config import override, parse, parse_toml, to_toml
from orderparams.config.sections import known_keys, problem_type
from orderparams.errors import ConfigurationError
from orderparams.scans.axes import read_axes
from orderparams.shipped import preset_names
from orderparams.sources import load, read_table

COMMANDS = (
    ("solve", "bad.toml", "-o", "old.h5", "--force"),
    ("simulate", "bad.toml", "-o", "old.h5", "--force"),
    ("validate", "bad.toml", "-o", "old.h5", "--force"),
    ("evaluate", "bad.toml", "--json"),
    ("analyze", "bad.toml"),
    ("scan", "bad.toml", "--vary", "initial.seed=1,2", "-o", "old.h5", "--force"),
)


@pytest.mark.slow
def test_two_thousand_malformed_configurations(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chance = random.Random(0)
    (tmp_path / "old.h5").write_bytes(b"precious")
    for _, arguments in zip(range(2000), itertools.cycle(COMMANDS), strict=False):
        (tmp_path / "bad.toml").write_bytes(malformed_configuration(chance))
        before = contents(tmp_path)
        check_refusal(command(*arguments), 2)
        assert contents(tmp_path) == before


@pytest.mark.parametrize("arguments", COMMANDS)
def test_the_same_in_processes_of_their_own(tmp_path, arguments):
    (tmp_path / "bad.toml").write_bytes(malformed_configuration(random.Random(arguments[0])))
    before = contents(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "orderparams", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("orderparams: ")
    assert "Traceback" not in done.stderr
    assert contents(tmp_path) == before


ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["softmax", "learned", "gaussian", "mixture", "explicit", "sgd"]),
    st.dates(),
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted(known_keys(problem_type("single-location"))))
SETTINGS = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.too_slow],
}


def replace(table, key, value):
    """Set a dotted key, making tables on the way."""
    *parents, leaf = key.split(".")
    for parent in parents:
        inner = table.get(parent)
        table[parent] = dict(inner) if isinstance(inner, dict) else {}
        table = table[parent]
    table[leaf] = value


@settings(max_examples=400, **SETTINGS)
@given(st.sampled_from(preset_names()), st.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
def test_any_value_of_any_key_is_refused_or_kept(preset, changes):
    """A table that is accepted comes back from the text that files carry."""
    table = read_table(preset)
    for key, value in changes.items():
        replace(table, key, value)
    try:
        problem = load(table)
    except ConfigurationError:
        return
    assert parse(parse_toml(to_toml(problem))) == problem


@settings(max_examples=200, **SETTINGS)
@given(KEYS | st.text(max_size=12), st.text(max_size=20))
def test_any_assignment_is_read_or_refused(key, written):
    try:
        table = override({}, [f"{key}={written}"])
    except ConfigurationError:
        return
    assert key.strip().split(".")[0] in table


@settings(max_examples=200, **SETTINGS)
@given(
    KEYS | st.text(max_size=12),
    st.text(max_size=20) | st.from_regex(r"(log:)?-?[0-9.e+]{1,5}:[0-9.e+-]{1,5}(:[0-9]{1,3})?"),
)
def test_any_variation_is_read_or_refused(key, spec):
    try:
        (axis,) = read_axes({key: spec}, [], problem_type("single-location"))
    except ConfigurationError:
        return
    assert axis.key == key
