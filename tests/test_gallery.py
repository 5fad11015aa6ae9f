"""Every figure of the gallery has commands that are understood, and that would draw it."""

import runpy
import shlex
from pathlib import Path

import pytest

import orderparams as op
from orderparams.claims import select
from orderparams.cli.main import orderparams
from orderparams.cli.plan import make_plan

DOCS = Path(__file__).parents[1] / "docs"
GALLERY = runpy.run_path(str(DOCS / "gallery.py"))
BLOCKS = {page: GALLERY["blocks"](page) for page in GALLERY["PAGES"]}
PLAN = ("varied", "zipped", "points", "seed", "action", "trajectories", "warm_start")


def files_of(name, arguments, made):
    """The files that a command makes; it is not run, but all that it is given is checked."""
    given = orderparams.commands[name].make_context(name, arguments).params
    output = given["output"]
    if name == "reproduce":
        return {f"{claim.name}.png" for claim in select(given["names"])}
    if name == "plot":
        assert {*map(str, given["files"])} <= made
        return {str(output or given["files"][0].with_suffix(".png"))}
    if name == "scan":
        plan = {key: given[key] for key in PLAN}
        assert make_plan(given["config"], given["assignments"], None, bar=None, **plan)
        return {str(output)}
    assert op.load(given["config"], given["assignments"])
    ending = "-validation.h5" if name == "validate" else ".h5"
    return {str(output or given["config"] + ending)}


@pytest.mark.parametrize("page", BLOCKS)
def test_the_commands_above_a_figure_draw_it(page):
    shared = set()
    for script, figure in BLOCKS[page]:
        made = set(shared)
        for line in script.replace("\\\n", "").splitlines():
            program, name, *arguments = shlex.split(line)
            assert program == "orderparams"
            made |= files_of(name, arguments, made)
        if not figure:
            shared = made
        assert not figure or figure in made, f"{page}: what draws {figure}?"


def test_every_picture_of_the_gallery_has_commands():
    page = (DOCS / "gallery.md").read_text("utf-8")
    figures = [figure for _, figure in BLOCKS["gallery.md"]]
    assert len(figures) >= 10
    assert all(figures)
    assert page.count("\n![") == len(figures)
