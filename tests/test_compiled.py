"""The kernel cache: used again, never stale, and done without where no folder can be written."""

import os
import subprocess
import sys

CALLER = """
from callee import inner
from orderparams.compiled import kernel

@kernel()
def outer(x):
    return 10.0 * inner(x)

print(outer(1.0), sum(outer.stats.cache_hits.values()))
"""
CALLEE = """
from orderparams.compiled import kernel

@kernel()
def inner(x):
    return x + {number}
"""


def run(folder, number, **environment):
    (folder / "callee.py").write_text(CALLEE.format(number=number))
    (folder / "caller.py").write_text(CALLER)
    done = subprocess.run(
        [sys.executable, "-c", "import caller"],
        cwd=folder,
        env=os.environ
        | {"NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(folder)}
        | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    value, hits = done.stdout.split()
    return float(value), int(hits)


def test_a_change_in_a_called_module_is_noticed(tmp_path):
    assert run(tmp_path, 1.0) == (20.0, 0)
    assert run(tmp_path, 1.0) == (20.0, 1)
    assert run(tmp_path, 2.0) == (30.0, 0)
    assert run(tmp_path, 1.0) == (20.0, 1)


def test_without_a_writable_folder_nothing_is_cached(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    for _ in range(2):
        assert run(tmp_path, 1.0, NUMBA_CACHE_DIR=str(blocked / "cache")) == (20.0, 0)
