"""Every figure of the pages is in the gallery, with commands that are understood and draw it."""

import runpy
import shlex
from pathlib import Path

import pytest

import orderparams as op
from orderparams.claims import select
from orderparams.cli.main import orderparams
from orderparams.cli.plan import make_plan

DOCS = Path(__file__).parents[1] / "docs"
GALLERY = runpy.run_path(str(DOCS / "gallery.py"))["entries"]()
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
    if name == "judge":
        assert given["data"] in made
        return {str(output)}
    assert op.load(given["config"], given["assignments"])
    ending = "-validation.h5" if name == "validate" else ".h5"
    return {str(output or given["config"] + ending)}


@pytest.mark.parametrize("figure", GALLERY)
def test_the_commands_of_a_figure_draw_it(figure):
    made = set()
    for line in GALLERY[figure].replace("\\\n", "").splitlines():
        program, name, *arguments = shlex.split(line)
        assert program == "orderparams"
        made |= files_of(name, arguments, made)
    assert figure in made


def test_every_figure_of_the_pages_is_in_the_gallery():
    assert {path.name for path in DOCS.glob("*.png")} == {*GALLERY}
    page = (DOCS / "gallery.md").read_text("utf-8")
    assert page.count("```sh\n") == page.count("\n![") == len(GALLERY)
