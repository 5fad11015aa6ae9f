"""The notebook of the pages runs, and shows what is stored in it."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from test_examples import matches

ROOT = Path(__file__).parents[1]
STORED = ROOT / "docs" / "python-tutorial.ipynb"


def shown(output):
    """What a cell prints, or says of a value."""
    return output.get("text") or output.get("data", {}).get("text/plain", "")


def texts(path):
    """What the cells of a notebook show, a list of lines each."""
    cells = nbformat.read(path, as_version=4).cells
    found = ["\n".join(map(shown, cell.outputs)) for cell in cells if cell.cell_type == "code"]
    return [[line for line in text.splitlines() if line.strip()] for text in found]


def execute(script, *arguments):
    return subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        env={key: value for key, value in os.environ.items() if key != "MPLBACKEND"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_it_shows_what_is_stored_in_it(tmp_path):
    """Numbers to 1 %, as in the examples of the pages."""
    new = tmp_path / "new.ipynb"
    done = execute(ROOT / "docs" / "notebook.py", "-o", new)
    assert done.returncode == 0, done.stderr
    for number, (stored, found) in enumerate(zip(texts(STORED), texts(new), strict=True), 1):
        assert matches(stored, found), f"code cell {number} shows\n" + "\n".join(found)
    assert pictures(new) == pictures(STORED)


def pictures(path):
    """How many figures each cell shows."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    outputs = [cell.get("outputs", []) for cell in cells]
    return [sum("image/png" in one.get("data", {}) for one in of_cell) for of_cell in outputs]


def test_figures_are_stored_and_nothing_has_failed():
    assert sum(pictures(STORED)) >= 3
    for cell in json.loads(STORED.read_text("utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            assert output["output_type"] != "error"
            if picture := output.get("data", {}).get("image/png"):
                assert base64.b64decode(picture).startswith(b"\x89PNG")


STOPPED = """
import signal
import orderparams as op
from orderparams import compiled, interruption

def stopping():
    pressed = []

    def listen(fraction, now):
        if fraction > 0.2 and not pressed:
            pressed.append(now)
            signal.raise_signal(signal.SIGINT)

    return listen

small = {"training.duration": 20, "output.points": 5}
print(op.solve("single-head", settings=small, progress=stopping()).status)
try:
    op.analyze("single-head", settings=small, progress=stopping())
except KeyboardInterrupt:
    print("stopped")
"""

AFTER = """
state = interruption._state
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
print(state.sections, state.begun, state.writers, state.since, state.undo)
print(op.solve("single-head", settings=small, progress=True).status, compiled.on_compiling)
"""


@pytest.mark.slow
def test_a_cell_that_is_interrupted_leaves_all_as_it_was(tmp_path):
    """In a kernel, which answers SIGINT in its own way; and errors are raised in one piece."""
    from nbclient import NotebookClient

    cells = [nbformat.v4.new_code_cell(source) for source in (STOPPED, AFTER)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    stopped, after = ("".join(map(shown, cell.outputs)) for cell in notebook.cells)
    assert stopped == "interrupted\nstopped\n"
    assert after == "True\n0 False 0 None []\nfinished []\n"
