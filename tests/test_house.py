"""The house: imports run downhill, no circles; names of order parameters stay with their models.

What a result offers as a method, ``run.plot()``, is the public verb ``orderparams.plot``: it is
asked for by that name when it is called, and imported then (orderparams/__init__.py).
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "orderparams"

FLOORS = (
    (
        "errors",
        "ordered",
        "processors",
        "streams",
        "interruption",
        "recognition",
        "memory",
        "arrays",
        "subroutines",
        "compiled",
        "ahead",
        "phases",
    ),
    ("models.limit",),
    ("models.registry", "models.parameters"),
    ("config",),
    ("arguments", "shipped", "provenance", "progress", "notebook", "standard_input", "kernel_log"),
    ("storage",),
    ("expectations",),
    ("models.interface", "models.replicas", "models.schedule"),
    ("models.vectors",),
    ("models",),
    ("results",),
    ("sources",),
    ("measured",),
    ("run",),
    ("analysis",),
    ("claims", "scans", "doctor", "exports"),
    ("views",),
    ("outputs",),
    ("cli",),
    ("__init__", "__main__"),
)
"""Rooms from the ground up; a file belongs to the longest name that its own begins with."""


def modules() -> dict[str, Path]:
    """All modules by their dotted names below the package."""
    found = {}
    for folder, prefix in ((PACKAGE, ""), (ROOT / "cli", "cli.")):
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found[f"{prefix}{'.'.join(parts)}".rstrip(".") or "__init__"] = path
    return found


MODULES = modules()


def floor(name: str) -> int:
    """The floor of a module."""
    rooms = {room: level for level, level_rooms in enumerate(FLOORS) for room in level_rooms}
    known = [room for room in rooms if name == room or name.startswith(f"{room}.")]
    assert known, f"{name} has no floor"
    return rooms[max(known, key=len)]


def imported(path: Path) -> set[str]:
    """The modules of the house that a file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they lead"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.partition(".")[0] == "orderparams":
                inner = name.removeprefix("orderparams").strip(".")
                while inner and inner not in MODULES:
                    inner = inner.rpartition(".")[0]
                if inner:
                    found.add(inner)
    return found


@cache
def arrows() -> dict[str, set[str]]:
    """What each module imports of the others."""
    return {name: imported(path) - {name} for name, path in MODULES.items()}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_import_runs_up(name):
    up = [other for other in arrows()[name] if floor(other) > floor(name)]
    assert name == "__init__" or not up, f"{name} imports {up} from above"


def test_no_imports_run_in_circles():
    """Files are taken away that import nothing that is left; what remains goes round."""
    left = {name: set(others) for name, others in arrows().items() if name != "__init__"}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    assert not left, {name: sorted(others & left.keys()) for name, others in left.items()}


def test_both_tests_can_fail():
    assert imported(ROOT / "tests" / "test_house.py") == {"models.registry"}
    assert "errors" in arrows()["memory"]
    assert floor("models.single_location.flow") < floor("results.files") < floor("cli.main")


COMMON = {"output"}
"""What is also the name of a table of all configurations and of an option."""


def parameter_names() -> set[str]:
    """Names of all order parameters of all models, but for COMMON ones."""
    from orderparams.models import registry

    tables = (registry.configuration(name).PARAMETERS for name in registry.names())
    return {parameter.name for table in tables for parameter in table} - COMMON


def names_in(path: Path) -> set[str]:
    """Names and texts in the code of a file, without its docstrings and comments."""
    tree = ast.parse(path.read_text("utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""  # a docstring
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"[\w.\[\]{}]+", node.value):  # no prose
                found.update(re.findall(r"\w+", node.value))
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name | ast.arg | ast.keyword):
            found.add(getattr(node, "id", None) or node.arg)
    return found


OUTSIDE = [name for name in MODULES if not name.startswith(("models.", "expectations.", "claims."))]


@pytest.mark.parametrize("name", sorted(OUTSIDE))
def test_no_room_but_a_model_names_an_order_parameter(name):
    """Claims are about single-location regression; expectations are not of order parameters."""
    assert not names_in(MODULES[name]) & parameter_names()
