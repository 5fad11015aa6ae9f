"""doctor --compile: all kernels, once, and a word about it."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import orderparams
from orderparams import ahead, compiled
from orderparams.doctor import compiling, machine
from orderparams.errors import ConfigurationError, SolverError
from orderparams.expectations import elementwise
from orderparams.models.own import building
from orderparams.models.own import kernels as own

QUICK = {"committees": compiling.REHEARSALS["committees"]}


def kernels():
    """All kernels of the program."""
    root = Path(orderparams.__file__).parent
    paths = [
        path
        for path in root.rglob("*.py")
        if re.search(r"^@(kernel|part)\(", path.read_text(), re.M)
    ]
    names = [
        ".".join(("orderparams", *path.relative_to(root).with_suffix("").parts)) for path in paths
    ]
    return ahead.kernels_in(map(importlib.import_module, names))


@pytest.mark.slow
def test_rehearsals_need_every_kernel_of_the_program():
    """Those that Python calls; those that kernels call by name or type are compiled with them."""
    for what in compiling.REHEARSALS:
        compiling.rehearse(what)
    everything = kernels()
    called = {other for kernel in everything for other in ahead.called_by(kernel)}
    assert len(everything) > 60
    chosen = {function.__name__ for function in compiled.CHOSEN}
    brought = {elementwise.alone, elementwise.together}  # of activations without closed forms
    brought |= {own.add_samples, own.shift_all, own.answer_all}
    brought |= {building.unshifted, building.lossless}  # of users' models
    for kernel in everything:
        ready = kernel.overloads or kernel in called or kernel in brought
        assert ready or kernel.__name__ in chosen, kernel


@pytest.mark.slow
def test_the_command_compiles_once_and_says_what_is_kept(run, tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "REHEARSALS", QUICK)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    monkeypatch.setattr(compiled, "cache_root", compiled.cache_root.__wrapped__)
    (tmp_path / "kernels").mkdir()
    status, out, err = run("doctor", "--compile")
    assert (status, err) == (0, "")
    said = re.fullmatch(
        r"(\d+) kernels compiled, .* s (\d+) are kept in (.*), .* MiB", " ".join(out.split())
    )
    assert int(said[1]) == int(said[2]) > 5
    assert said[3] == str(tmp_path / "kernels")
    status, out, err = run("doctor", "--compile", "--json")
    found = json.loads(out)
    assert (status, err) == (0, "")
    assert found["before"] == found["after"] == int(said[2])


def test_what_cannot_be_compiled_is_told(monkeypatch):
    monkeypatch.setattr(
        compiling, "REHEARSALS", {"nothing": ("evaluate", "two-stage", {})}
    )  # which the process that compiles does not know
    with pytest.raises(SolverError, match="the kernels of nothing could not be compiled: KeyError"):
        compiling.compile_all(lambda *_: None)


@pytest.mark.parametrize("folder", [None, "read-only"])
def test_without_a_folder_to_keep_kernels_in_the_remedy_is_told(tmp_path, monkeypatch, folder):
    root = tmp_path if folder else None
    monkeypatch.setattr(compiled, "cache_root", lambda: root)
    monkeypatch.setattr(compiled, "is_writable", lambda _: False)
    with pytest.raises(ConfigurationError, match="set NUMBA_CACHE_DIR to one that can") as told:
        compiling.compile_all(lambda *_: None)
    assert (str(tmp_path) in str(told.value)) is bool(folder)


def test_the_state_of_the_cache_counts_what_is_left(tmp_path, monkeypatch):
    """Also beside kernels of an older version."""
    (tmp_path / "0123456789abcdef").mkdir()
    (tmp_path / "0123456789abcdef" / "pairs.seeded_integrals-1.py312.1.nbc").write_bytes(b"old")
    program = "from orderparams.doctor.machine import kernel_cache; print(kernel_cache()['state'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    left = len(
        ahead.with_called(
            importlib.import_module("orderparams.expectations.separate.integrals").KERNELS
        )
    )
    assert f"writable, {left} kernels of softmax are not compiled yet" in done.stdout
    monkeypatch.setattr(ahead, "missing", lambda _: [])
    assert machine.kernel_cache()["state"] == "writable"


def test_kernels_are_loaded_from_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "kept").write_bytes(b"")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    monkeypatch.setattr(compiled, "is_writable", lambda _: False)
    assert compiled.cache_root.__wrapped__() == tmp_path / "kernels"
    (tmp_path / "kernels" / "kept").unlink()
    assert compiled.cache_root.__wrapped__() is None
