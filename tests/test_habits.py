"""What developers, CI and releases rely on says the same everywhere it is said."""

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def text(path):
    return (ROOT / path).read_text("utf-8")


def test_hooks_run_what_ci_checks():
    checks = re.findall(r"^(?:\.venv/bin/)?(ruff .*|\.ci/\w+)$", text(".ci/run"), re.MULTILINE)
    hooks = re.findall(r"^ +entry: (.*)$", text(".pre-commit-config.yaml"), re.MULTILINE)
    assert len(checks) == 4
    assert {*checks} <= {*hooks}


def setup():
    parser = configparser.ConfigParser()
    parser.read_string(text("setup.cfg"))
    return parser


def test_every_room_is_installed():
    rooms = {path.parent.relative_to(ROOT) for path in ROOT.glob("orderparams/**/*.py")}
    names = {".".join(room.parts) for room in rooms} | {"orderparams.cli", "orderparams.data"}
    assert {*setup()["options"]["packages"].split()} == names


def test_there_is_one_version():
    version = setup()["metadata"]["version"]
    assert f"\nversion: {version}\n" in text("CITATION.cff")
    assert f"version = {{{version}}}" in text("docs/references.md")
    assert f"\n## {version}" in text("CHANGELOG.md")


def test_every_paper_that_is_named_is_in_the_bibliography():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "CITATION.cff"]
    named = {found for page in pages for found in re.findall(r"arXiv:(\d{4}\.\d{5})", text(page))}
    known = re.findall(r"eprint = \{(.*)\}", text("docs/references.bib"))
    assert named
    assert named <= {*known}
