"""The examples in the README and in docs/ are run, and print what the pages show.

A page is run from top to bottom in a folder of its own, as a reader would:

* each line of a ``sh`` block, and after ``$`` in a ``console`` block, is a command that succeeds,
  unless ``echo $?`` follows; output that is shown must be printed, where ``...`` stands for any
  lines, numbers agree to 1 %, and seconds and progress are not compared;
* a ``toml`` block is a file whose name stands in its first line;
* a ``python`` block is a script.

The processes of the README are its own; those of other pages are copies of one that has the program
loaded (warm.py). Commands that make an environment are left out: .ci/run executes those of the
README as printed. The gallery is left to tests/test_gallery.py and docs/gallery.py, since drawing
all of it takes long. Commands for batch systems stand in ``text`` blocks:
tests/scan/test_recipes.py runs the recipes.
"""

import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from warm import ENVIRONMENT

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(sh|console|toml|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALLING = ("python3 -m venv", ". .venv/bin/activate", "pip install")
README = ROOT / "README.md"
DOCUMENTS = [README, *sorted(ROOT.glob("docs/*.md"))]
PAGES = [page for page in DOCUMENTS if BLOCK.search(page.read_text("utf-8"))]
PAGES.remove(ROOT / "docs" / "gallery.md")
KINDS = {"sh", "console", "toml", "python", "text", "{eval-rst}", "{include}", "{toctree}"}
NUMBER = re.compile(r"([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
SECONDS = re.compile(r"\d+(\.\d+)? s\b")
PROGRESS = re.compile(r"^(?: *\d+%  |Compiling ).*\n", re.MULTILINE)
END = "--- end of a command, status "


class Command(NamedTuple):
    """A command and the lines that the page shows below it."""

    text: str
    shown: list[str]


def commands(page):
    """The commands of a page in order; files and scripts become commands as well."""
    found = []
    for kind, body in BLOCK.findall(page.read_text("utf-8")):
        if kind == "toml":
            name = re.match(r"# (\S+\.toml)\n", body)
            assert name, f"{page.name}: a file without its name:\n{body}"
            found.append(Command(f"cat > {name[1]} <<'END'\n{body}END", []))
        elif kind == "python":
            found.append(Command(f"cat > example.py <<'END'\n{body}END\npython example.py", []))
        else:
            prompt = "$ " if kind == "console" else ""
            for line in re.sub(r"\\\n\s*", "", body).splitlines():
                if line.startswith(prompt) and line:
                    found.append(Command(line.removeprefix(prompt), []))
                else:
                    found[-1].shown.append(line)
    return [command for command in found if not command.text.startswith(INSTALLING)]


def run(page, folder, first):
    """Output and exit status of each command of a page; one shell runs them and outlives them."""
    end = f"end() {{ local status=$?; echo; echo '{END}'$status; return $status; }}"
    script = "\n".join([end, *(f"{command.text}\nend" for command in commands(page)), "wait"])
    path = f"{first}{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | ENVIRONMENT | {"PATH": path}
    shell = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    printed = PROGRESS.sub("", shell.stdout)
    parts = re.split(rf"^{END}(\d+)\n", printed, flags=re.MULTILINE)
    return list(zip(parts[::2], map(int, parts[1::2]), strict=False))


def same(shown, printed):
    """Whether lines have equal words, and numbers, written alike, equal to 1 % or two units of the
    last digit."""
    shown, printed = (SECONDS.sub("(time)", " ".join(line.split())) for line in (shown, printed))
    words, others = NUMBER.split(shown), NUMBER.split(printed)
    if words[::2] != others[::2]:
        return False
    for expected, found in zip(words[1::2], others[1::2], strict=True):
        decimals = expected.partition("e")[0].partition(".")[2]
        slack = 2 * 10.0 ** -len(decimals) if decimals and "e" not in expected else 1e-8
        if ("e" in expected) != ("e" in found):
            return False
        if not math.isclose(float(expected), float(found), rel_tol=0.01, abs_tol=slack):
            return False
    return True


def matches(shown, printed):
    """Whether the printed lines are those shown, where ... stands for any number of them."""
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(matches(shown[1:], printed[n:]) for n in range(len(printed) + 1))
    return bool(printed) and same(shown[0], printed[0]) and matches(shown[1:], printed[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.slow
def test_the_examples_of_a_page(page, tmp_path, request):
    expected = commands(page)
    first = "" if page == README else f"{request.getfixturevalue('loaded_command').parent}:"
    results = run(page, tmp_path, first)
    assert len(results) == len(expected), f"{page.name}: the shell stopped early"
    for number, (command, (output, status)) in enumerate(zip(expected, results, strict=True)):
        report = f"{page.name}: $ {command.text}\n(exit status {status})\n{output}"
        asked = [later.text for later in expected[number + 1 : number + 2]] == ["echo $?"]
        assert status == 0 or asked, report
        shown = "\n".join(command.shown).strip("\n").splitlines()
        assert not shown or matches(shown, output.strip("\n").splitlines()), report


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.stem)
def test_no_block_escapes(page):
    kinds = re.findall(r"^```(.*)\n(?:.*\n)*?```$", page.read_text("utf-8"), re.MULTILINE)
    assert {kind.partition(" ")[0] for kind in kinds} <= KINDS


def test_a_page_that_is_wrong_is_found_out():
    shown = ["risk 0.39474812 at t = 4000", "...", "written to a.h5, 3.6 s"]
    printed = ["risk  0.39480000 at t = 4000", "", "written to a.h5, 12 s"]
    assert matches(shown, printed)
    assert not matches(shown, [*printed, "orderparams: interrupted"])
    for wrong in (
        "risk 0.4 at t = 4000",
        "risk 0.39474812 at t = 400",
        "Risk 0.39474812 at t = 4000",
    ):
        assert not matches(shown, [wrong, *printed[1:]])
    assert not same("1  0.0000", "1  3.5e-07")
