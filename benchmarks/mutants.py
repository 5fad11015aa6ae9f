"""Change one thing in a formula, a verdict or a file format, and see whether a test notices.

    python benchmarks/mutants.py [ROOM ...] [--sample N] [--at FILE:LINE ...]

`mutants.toml` names rooms: files, and the tests that must notice a change in them. Cosmic Ray
(https://cosmic-ray.readthedocs.io) makes the changes: a sign, an operation, a comparison, a number,
a condition, a loop that is left out. A sample of those of a room is tried, the same one as long as
its files stay as they are, in a copy of this folder with a kernel cache of its own. What survives
is printed as a difference; the toml file lists what changes no result, with the reason. The exit
status is 1 if fewer than 95 % are noticed in a room.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import importlib
import os
import random
import re
import shlex
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cosmic_ray.commands import init
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import MutationSpec

HERE = Path(__file__).parent
LEAST = 0.95
# Of every operator what a slip of the pen would write; others fail by themselves.
SLIPS = re.compile(
    r"core/(ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|Pow_Mul|FloorDiv_Mul|BitOr_BitAnd"
    r"|BitAnd_BitOr)|ReplaceComparisonOperator_(Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Lt_GtE|Gt_LtE|Eq_NotEq"
    r"|NotEq_Eq|Is_IsNot|IsNot_Is)|ReplaceUnaryOperator_(USub_UAdd|Delete_Not)|AddNot|NumberReplacer"
    r"|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd"
    r"|ReplaceBreakWithContinue|ReplaceContinueWithBreak|ZeroIterationForLoop)"
)


@dataclass
class Room:
    """Files, the tests that look after them, and what became of the changes."""

    name: str
    files: list[Path]
    tests: str
    sample: int
    possible: int = 0
    killed: int = 0
    late: int = 0
    equivalent: int = 0
    survived: list[str] = field(default_factory=list)

    @property
    def score(self) -> float:
        """Share of the changes to a result that were noticed."""
        return self.killed / max(1, self.killed + len(self.survived))


def idle_parts(tree: ast.Module) -> Iterator[ast.expr]:
    """What no result depends on: annotations, decorators, and zip's check of lengths."""
    for node in ast.walk(tree):
        parts = [getattr(node, name, None) for name in ("annotation", "returns")]
        parts += getattr(node, "decorator_list", [])
        if isinstance(node, ast.keyword) and node.arg == "strict":
            parts.append(node.value)
        yield from (part for part in parts if isinstance(part, ast.expr))


def idle_places(path: Path) -> set[tuple[int, int]]:
    """Lines and columns of these, and of the star before arguments that must be named."""
    text = path.read_text("utf-8")
    places = set()
    for part in idle_parts(ast.parse(text)):
        begin, end = (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)
        lines = range(part.lineno, (part.end_lineno or 0) + 1)
        inside = ((line, column) for line in lines for column in range(200))
        places |= {place for place in inside if begin <= place < end}
    for number, line in enumerate(text.splitlines(), 1):
        places |= {(number, star.start()) for star in re.finditer(r"\*,", line)}
    return places


def changes(room: Room, session: Path) -> list[MutationSpec]:
    """All changes of a room, in the order of its files and lines."""
    with use_db(session) as work:
        init(room.files, work, {})
        found = [item.mutations[0] for item in work.work_items]
    idle = {path: idle_places(path) for path in room.files}
    kept = [
        change
        for change in found
        if SLIPS.fullmatch(change.operator_name)
        and change.start_pos not in idle[change.module_path]
    ]
    return sorted(kept, key=lambda m: (m.module_path, m.start_pos, m.operator_name, m.occurrence))


def difference(before: str, after: str) -> str:
    """The lines removed and added, without their indentation."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines if line[0] in "+-")


def tests_pass(room: Room, limit: float, *, keep: bool) -> bool | None:
    """Whether the tests of a room pass, in a process that has the libraries but no line of ours;
    None after ``limit`` seconds. ``keep`` keeps what Python compiles of the sources."""
    child = os.fork()
    if not child:
        os.setsid()
        os.dup2(os.open("tests.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(1, 2)
        sys.dont_write_bytecode = not keep
        options = ["-q", "-x", "-n0", "-p", "no:cacheprovider", "--color=no"]
        os._exit(pytest.main([*options, *shlex.split(room.tests)]))
    until = time.monotonic() + limit
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def try_out(room: Room, chosen: list[MutationSpec], equivalent: set[tuple[str, str]]) -> None:
    """Run the tests of a room once as they are, then with each change."""
    began = time.monotonic()
    if not tests_pass(room, 3600, keep=True):
        sys.exit(f"{room.name}: its tests fail without any change\n{Path('tests.log').read_text()}")
    limit = 30 + 5 * (time.monotonic() - began)
    for number, change in enumerate(chosen, 1):
        operator = get_operator(change.operator_name)(**change.operator_args)
        with use_mutation(change.module_path, operator, change.occurrence) as (before, after):
            passed = tests_pass(room, limit, keep=False)
        shown = difference(before, after)
        if not passed:
            room.killed += 1
            room.late += passed is None
        elif (str(change.module_path), shown) in equivalent:
            room.equivalent += 1
        else:
            place = f"{change.module_path}:{change.start_pos[0]} {change.definition_name or ''}"
            room.survived.append(f"{place}\n{shown}")
            print(f"\r{room.survived[-1]}\n", file=sys.stderr)
        print(f"\r{room.name}: {number} of {len(chosen)} ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


@contextlib.contextmanager
def copy_of_this_folder() -> Iterator[Path]:
    """A copy to work in, which tests import, and the kernels that are compiled by now."""
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch) / "project"
        left_out = shutil.ignore_patterns(".*", "build", "*.egg-info", "*.h5", "__pycache__")
        for name in ("orderparams", "cli", "data", "tests", "docs", "recipes"):
            kept = left_out if name != "tests" else shutil.ignore_patterns("__pycache__")
            shutil.copytree(HERE.parent / name, project / name, ignore=kept)
        for path in HERE.parent.glob("*.*"):
            if path.is_file():
                shutil.copy(path, project)
        kernels = project.with_name("kernels")
        if (compiled := Path.home() / ".cache" / "orderparams").is_dir():
            shutil.copytree(compiled, kernels)
        os.environ |= {"NUMBA_CACHE_DIR": str(kernels), "PYTHONPATH": str(project)}
        # Changed kernels run but a few times; a place beyond their arrays is an error there.
        os.environ |= {"NUMBA_OPT": "1", "NUMBA_BOUNDSCHECK": "1"}
        for library in ("numba", "scipy.integrate", "scipy.stats", "h5py", "xarray"):
            importlib.import_module(library)
        sys.path[0] = str(project)  # not the folder of this script, whose files tests do not know
        os.chdir(project)
        yield Path(scratch)


def files_of(patterns: list[str]) -> list[Path]:
    """Files below the working folder, each pattern's in order."""
    found = [path for pattern in patterns for path in sorted(Path().glob(pattern))]
    return list(dict.fromkeys(found))


def rooms(table: dict[str, Any], names: list[str], sample: int | None) -> list[Room]:
    """The rooms that were asked for, or all."""
    unknown = set(names) - set(table)
    if unknown:
        sys.exit(f"no room is called {', '.join(unknown)}; there are {', '.join(table)}")
    return [
        Room(name, files_of(row["files"]), row["tests"], sample or row["sample"])
        for name, row in table.items()
        if not names or name in names
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("rooms", nargs="*", help="rooms of mutants.toml; all by default")
    parser.add_argument("--sample", type=int, help="changes a room, instead of those of the file")
    parser.add_argument("--at", action="extend", nargs="+", help="all changes in FILE:LINE, only")
    asked = parser.parse_args()
    with (HERE / "mutants.toml").open("rb") as file:
        table = tomllib.load(file)
    equivalent = {(row["file"], row["change"].strip()) for row in table.get("equivalent", ())}
    with copy_of_this_folder() as scratch:
        wanted = rooms(table["rooms"], asked.rooms, asked.sample)
        for room in wanted:
            found = changes(room, scratch / f"{room.name}.sqlite")
            room.possible = len(found)
            if asked.at:
                found = [m for m in found if f"{m.module_path}:{m.start_pos[0]}" in asked.at]
                room.sample = len(found)
            chance = random.Random(room.name)
            chosen = chance.sample(found, min(room.sample, len(found)))
            try_out(room, chosen, equivalent)
    print(f"{'room':20s} {'possible':>8s} {'tried':>6s} {'equal':>6s} {'killed':>7s} {'score':>6s}")
    for room in wanted:
        tried = room.killed + room.equivalent + len(room.survived)
        late = f"  {room.late} by the time limit" if room.late else ""
        print(
            f"{room.name:20s} {room.possible:8d} {tried:6d} {room.equivalent:6d} {room.killed:7d} "
            f"{room.score:6.0%}{late}"
        )
        for text in room.survived:
            print(f"    survived: {text}".replace("\n", "\n        "))
    return int(any(room.score < LEAST for room in wanted))


if __name__ == "__main__":
    sys.exit(main())
