"""The rooms of expectations know no model, and their maps name all that is in them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import orderparams.expectations

ROOT = Path(orderparams.expectations.__file__).parent
BELOW = {f"orderparams.{name}" for name in ("ahead", "arrays", "compiled", "errors", "memory")}


def imported(path: Path) -> Iterator[str]:
    """Names of the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.stem)
def test_imports_run_down(path: Path) -> None:
    for name in imported(path):
        if name.split(".")[0] == "orderparams":
            allowed = name.startswith(("orderparams.expectations.", *BELOW))
            assert allowed, f"{path.name} imports {name}"


@pytest.mark.parametrize("room", ["separate", "joint", "sampling"])
def test_rooms_do_not_import_each_other(room: str) -> None:
    others = {"separate", "joint", "sampling"} - {room}
    for path in (ROOT / room).glob("*.py"):
        for name in imported(path):
            assert not any(name.startswith(f"orderparams.expectations.{other}") for other in others)


@pytest.mark.parametrize("folder", [ROOT, *(path for path in ROOT.iterdir() if path.is_dir())])
def test_maps_name_every_file(folder: Path) -> None:
    if folder.name == "__pycache__":
        return
    words = (ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or "").split()
    for path in folder.iterdir():
        if path.name not in {"__init__.py", "__pycache__"}:
            assert path.stem in words or f"{path.name}/" in words, path
