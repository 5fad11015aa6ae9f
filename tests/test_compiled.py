"""The kernel cache: used again, never stale, and done without where no folder can be written."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import pytest

from orderparams import compiled

SOURCES = {
    "constants.py": "STEP = {step}\nTABLE = __import__('numpy').array({table})\n",
    "shapes.py": "from typing import NamedTuple\n\nclass Pair(NamedTuple):\n    {fields}: float\n",
    "instructions.py": """
from numba.core import types
from numba.extending import intrinsic

@intrinsic
def shift(_context, x):
    def generate(context, builder, signature, arguments):
        return builder.fadd(arguments[0], context.get_constant(types.float64, {shift}))
    return types.float64(types.float64), generate
""",
    "inner.py": """
from orderparams.compiled import kernel, part
from rooms.constants import STEP, TABLE
from rooms.instructions import shift
from rooms.shapes import Pair

@{inner}()
def inner(x):
    return shift(x) + STEP + TABLE[0] + {number}
""",
    "middle.py": """
from orderparams.compiled import kernel
from rooms import inner as room

@kernel()
def middle(x):
    return room.inner(x)
""",
    "outer.py": """
from orderparams.compiled import kernel
from rooms.middle import middle

@kernel()
def outer(x):
    return 10.0 * middle(x)
""",
}
TYPES = {
    "general.py": """
from orderparams.compiled import chosen_by_type, kernel

@chosen_by_type
def part(model, x):
    pass

@kernel()
def whole(model, x):
    return 10.0 * part(model, x)
""",
    "first.py": """
from typing import NamedTuple
from orderparams.compiled import kernel
from rooms.inner import inner

class Model(NamedTuple):
    scale: float

@kernel({options})
def part(model, x):
    return model.scale * inner(x)
""",
    "second.py": """
from typing import NamedTuple
from orderparams.compiled import kernel

class Another(NamedTuple):
    scale: float

@kernel()
def part(model, x):
    return model.scale - x
""",
}
SOURCES |= TYPES
CLASSES = {"first": "Model", "second": "Another"}
GIVEN = {
    "inner": "kernel",
    "options": "",
    "shift": 0.0,
    "step": 0.0,
    "table": [0.0, 0.0],
    "fields": "first",
    "number": 1.0,
}


def write(folder, **changes):
    """A package of kernels that call each other over three modules."""
    package = folder / "rooms"
    package.mkdir(exist_ok=True)
    for name, source in SOURCES.items():
        (package / name).write_text(source.format(**GIVEN | changes))


def run(folder, **environment):
    """Call the outermost kernel in a new process: its value, and how often the cache served.

    Without bytecode: Python takes it for fresh where a source of one length is written anew within
    a second.
    """
    script = (
        "from rooms.outer import outer; print(outer(1.0), sum(outer.stats.cache_hits.values()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ
        | {
            "NUMBA_CACHE_DIR": str(folder / "cache"),
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    value, hits = done.stdout.split()
    return float(value), int(hits)


@pytest.mark.parametrize("inner", ["kernel", "part"])
def test_a_change_two_calls_deep_is_noticed_and_what_is_kept_is_used(tmp_path, inner):
    write(tmp_path, inner=inner)
    assert run(tmp_path) == (20.0, 0)
    assert run(tmp_path) == (20.0, 1)
    write(tmp_path, inner=inner, number=2.0)
    assert run(tmp_path) == (30.0, 0)


def test_a_part_is_there_before_its_callers_are_loaded(tmp_path):
    """Also where it alone is lost from the cache: LLVM would end the process."""
    write(tmp_path, inner="part")
    assert run(tmp_path) == (20.0, 0)
    for path in (tmp_path / "cache").rglob("*inner*"):
        path.unlink()
    assert run(tmp_path) == (20.0, 1)
    for path in (tmp_path / "cache").rglob("*inner*.nbc"):
        path.write_bytes(path.read_bytes()[:20])
    assert run(tmp_path) == (20.0, 1)


def test_a_part_is_compiled_once_and_for_kernels_alone(outer, tmp_path):
    write(tmp_path, inner="part")
    (tmp_path / "rooms" / "two.py").write_text(
        "from orderparams.compiled import kernel\nfrom rooms.inner import inner\n"
        "@kernel()\ndef two(x):\n    return inner(x) + inner(1.0) + inner(2)\n"
    )
    assert outer()(1.0) == 20.0
    two = importlib.import_module("rooms.two").two
    assert two(1.0) == 7.0
    inner = sys.modules["rooms.inner"].inner
    assert [str(*kinds) for kinds in inner.overloads] == ["float64", "int64"]
    (code,) = two.inspect_llvm().values()
    assert re.search(r"declare .*@rooms\.inner\.inner\.", code)  # and no copy of it
    with pytest.raises(TypeError, match=r"rooms\.inner\.inner is called by kernels only"):
        inner(1.0)


def test_what_another_installation_has_compiled_is_used(tmp_path):
    """The same sources in another folder, and older."""
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        write(folder)
    for path in (other / "rooms").iterdir():
        os.utime(path, (1e9, 1e9))
    assert run(one) == (20.0, 0)
    assert run(other, NUMBA_CACHE_DIR=str(one / "cache")) == (20.0, 1)


def whole(folder, *models):
    """Call a kernel with models of other types in a new process: values, hits of the cache."""
    script = ["from rooms.general import whole"]
    for name in models:
        script.append(f"from rooms.{name} import {CLASSES[name]} as Kind")
        script.append("print(whole(Kind(3.0), 1.0))")
    script.append("print(sum(whole.stats.cache_hits.values()))")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(script)],
        env=os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    *values, hits = done.stdout.split()
    return [float(value) for value in values], int(hits)


def test_a_kernel_chosen_by_type_is_that_of_the_type_never_stale_and_used_again(tmp_path):
    """A change behind one of the types costs the kernels of that type alone."""
    write(tmp_path)
    assert whole(tmp_path, "first", "second") == ([60.0, 20.0], 0)
    assert whole(tmp_path, "second", "first") == ([20.0, 60.0], 2)
    write(tmp_path, number=2.0)
    assert whole(tmp_path, "first", "second") == ([90.0, 20.0], 1)
    (tmp_path / "rooms" / "second.py").unlink()
    assert whole(tmp_path, "first") == ([90.0], 1)


@pytest.mark.parametrize("change", ["no kernel", "one with options"])
def test_a_type_without_its_kernel_is_told(outer, tmp_path, change):
    write(tmp_path, options="fastmath=True" if change == "one with options" else "")
    outer()
    first = importlib.import_module("rooms.first")
    if change == "no kernel":
        del first.part
    general = importlib.import_module("rooms.general")
    with pytest.raises(Exception, match=r"rooms\.first needs a kernel part without options"):
        general.whole(first.Model(3.0), 1.0)


def test_types_that_numba_takes_for_one_are_refused():
    one, other, third = (
        NamedTuple("Kind", [(field, float)]) for field in ("scale", "scale", "size")
    )
    compiled.require_distinct(one)
    compiled.require_distinct(one)
    compiled.require_distinct(third)
    with pytest.raises(TypeError, match="have the same name and fields"):
        compiled.require_distinct(other)


def test_without_a_writable_folder_nothing_is_cached(tmp_path):
    write(tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert run(tmp_path, NUMBA_CACHE_DIR=str(blocked / "cache")) == (20.0, 0)


@pytest.fixture
def outer(tmp_path, monkeypatch):
    """Import the package anew, with a cache folder of its own; returns the outermost kernel."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(compiled, "cache_root", lambda: tmp_path / "cache")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    forget()

    def imported():
        forget()
        importlib.invalidate_caches()
        return importlib.import_module("rooms.outer").outer

    yield imported
    forget()


def forget():
    compiled.source_hash.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "rooms"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    "change",
    [{"number": 2.0}, {"shift": 1.0}, {"step": 0.5}, {"table": [0.0, 1.0]}, {"fields": "second"}],
)
def test_the_folder_of_a_kernel_depends_on_all_that_it_is_made_of(outer, tmp_path, change):
    write(tmp_path)
    before = outer().stats.cache_path
    assert outer().stats.cache_path == before
    write(tmp_path, **change)
    assert outer().stats.cache_path != before
    write(tmp_path)
    assert outer().stats.cache_path == before


@pytest.mark.parametrize("library", [numba, np])
def test_an_upgrade_of_a_library_is_noticed(outer, tmp_path, monkeypatch, library):
    write(tmp_path)
    before = outer().stats.cache_path
    monkeypatch.setattr(library, "__version__", "0.0")
    assert outer().stats.cache_path != before


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_damaged_cache_is_compiled_anew(outer, tmp_path, suffix):
    write(tmp_path)
    assert outer()(1.0) == 20.0
    for path in (tmp_path / "cache").rglob(f"*{suffix}"):
        path.write_bytes(path.read_bytes()[:20])
    again = outer()
    assert (again(1.0), sum(again.stats.cache_hits.values())) == (20.0, 0)
    again = outer()
    assert (again(1.0), sum(again.stats.cache_hits.values())) == (20.0, 1)


def test_an_entry_of_another_signature_is_not_used(outer, tmp_path):
    """Two processes that write at the same time can leave the index of one with data of the
    other: here that of single precision under the index of double."""
    write(tmp_path)
    assert outer()(np.float32(1.0)) == 20.0
    single = {path: path.read_bytes() for path in (tmp_path / "cache").rglob("outer*.nbc")}
    for path in (tmp_path / "cache").rglob("outer*"):
        path.unlink()
    assert outer()(1.0) == 20.0
    for path, content in single.items():
        path.write_bytes(content)
    again = outer()
    assert (again(1.0), sum(again.stats.cache_hits.values())) == (20.0, 0)


def test_a_full_disk_only_costs_the_cache(outer, tmp_path, monkeypatch):
    write(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._save_data", full)
    for _ in range(2):
        kernel = outer()
        assert (kernel(1.0), sum(kernel.stats.cache_hits.values())) == (20.0, 0)


def test_without_a_home_nothing_is_written_into_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for an unknown user
    assert compiled.cache_root.__wrapped__() is None
    assert not list(Path().iterdir())
