"""doctor: what it says of a good installation, and that it finds a bad one."""

import dataclasses
import importlib.metadata
import json
import os
import subprocess
import sys

import pytest

from orderparams.cli.doctor import entry, line
from orderparams.doctor import machine, selftest
from orderparams.doctor.selftest import Outcome
from orderparams.models.single_location import selftest as tests_of_regression
from orderparams.models.single_location.engines.sampling import Sampling

DOCTOR = [sys.executable, "-m", "orderparams", "doctor"]


def doctor(*arguments, **environment):
    return subprocess.run(
        [*DOCTOR, *arguments], env=os.environ | environment, capture_output=True, text=True
    )


def test_a_good_installation():
    done = doctor()
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    for word in (importlib.metadata.version("numba"), sys.executable, "kernel cache", "ok"):
        assert word in done.stdout
    assert "FAILED" not in done.stdout
    tested = [one for one in done.stdout.splitlines() if one.endswith("  ok")]
    assert len({len(one) for one in tested}) == 1


def test_what_is_said_stands_apart_from_its_name():
    assert entry("a-library-of-long-name", "absent").split() == ["a-library-of-long-name", "absent"]


def test_json_is_one_document(run, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    document = json.loads(run("doctor", "--json")[1])
    assert document["holds"]
    assert len(document["tests"]) == len(selftest.all_tests())
    assert all(test["holds"] for test in document["tests"])
    assert document["threads"]["OMP_NUM_THREADS"] == "1"
    assert {row["name"]: row["version"] for row in document["libraries"]}["scipy"] == (
        importlib.metadata.version("scipy")
    )
    assert document["seconds"] < 60


def test_a_library_that_does_not_load_is_named(tmp_path):
    (tmp_path / "numba.py").write_text("raise ImportError('Numba needs an older NumPy')")
    done = doctor(PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "Numba needs an older NumPy" in done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert "16 of 16 self-tests failed" in done.stderr


def test_a_wrong_engine_is_found(monkeypatch):
    """Sampling that is wrong by 1 % fails its own tests and no other."""
    right = Sampling.risk

    def wrong(*arguments):
        found = right(*arguments)
        return dataclasses.replace(found, value=1.01 * found.value)

    monkeypatch.setattr(Sampling, "risk", wrong)
    failed = [outcome.what for outcome in selftest.run_tests() if not outcome.holds]
    assert failed == [what for what in selftest.all_tests() if what.startswith("sampling")]


def test_the_closed_forms_agree_with_each_other():
    """The integral over the log-odds, against the value of Duranthon et al. for (L, ν) = (2, 1)."""
    assert tests_of_regression.optimal_risk(1.0) == pytest.approx(0.3249432977, abs=1e-10)


@pytest.mark.parametrize(
    ("outcome", "holds"),
    [
        (Outcome("a", 1.0, 0.1, 1.05), True),
        (Outcome("a", 1.0, 0.1, 1.2), False),
        (Outcome("a", 1.0, 0.1, float("nan")), False),
        (Outcome("a", 0.0, 0.0, 0.0), True),
        (Outcome("a", message="ImportError: no"), False),
    ],
)
def test_outcomes(outcome, holds):
    assert outcome.holds is holds
    assert line(outcome).split("\n")[0].endswith("ok" if holds else "FAILED")


def test_extras_are_those_of_the_package(monkeypatch):
    requirements = [
        "numpy>=2.0",
        "no-such-library>=3.9; extra == 'plot'",
        'click[colour]>=8; extra == "other"',
        'pytest>=8; extra == "test"',
    ]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: requirements)
    assert machine.libraries() == [
        {"name": "numpy", "extra": None, "version": importlib.metadata.version("numpy")},
        {"name": "no-such-library", "extra": "plot", "version": None},
        {"name": "click", "extra": "other", "version": importlib.metadata.version("click")},
    ]


def test_without_a_cache_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr("orderparams.compiled.cache_root", lambda: None)
    assert machine.kernel_cache()["folder"] is None
    assert "NUMBA_CACHE_DIR" in machine.kernel_cache()["state"]
