"""The documentation as a site, by Sphinx: ``sphinx-build -W docs site``.

Pages are plain Markdown that reads well without it; what only the site has, the help of commands
and the docstrings, stands in blocks ``{eval-rst}``. Nothing is fetched when it is built or read.
"""

import re
from importlib import metadata
from itertools import groupby
from typing import Any

import click
from sphinx.application import Sphinx

project = "orderparams"
copyright = author = "The orderparams developers"
release = metadata.version("orderparams")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinxcontrib.bibtex",
]
nb_execution_mode = "off"  # notebooks carry what they show
myst_heading_anchors = 3
highlight_language = "text"
smartquotes = False  # --vary is no dash

autodoc_class_signature = "separated"
INTERNAL = "__init__ __new__ attributes course ended facts groups heading main rows"
autodoc_default_options = {"exclude-members": INTERNAL.replace(" ", ", ")}
autodoc_member_order = "bysource"
autodoc_type_aliases = {name: name for name in ("ArrayLike", "Settings", "Source", "State")}
autodoc_typehints_format = "short"
add_module_names = False
python_maximum_signature_line_length = 80

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"

html_theme = "furo"
html_title = f"orderparams {release}"
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_copy_source = False


def kept_lines_as_code(_: Sphinx, __: click.Context, lines: list[str]) -> None:
    """What keeps its line breaks in the help of a command as code, examples as commands."""
    found = []
    for kept, group in groupby(lines, lambda line: line.startswith("| ")):
        block = [line.removeprefix("| ") for line in group]
        if kept:
            examples = block[0] == "Examples:"
            language, prompt = ("console", "$ ") if examples else ("text", "")
            code = [f"   {prompt}{line.strip()}" for line in block[examples:]]
            block = ["", f".. code-block:: {language}", "", *code, ""]
        found += block
    lines[:] = found


NAMED = re.compile(r"TypeAliasForwardRef\('(\w+)'\)|<function (\w+)>")
"""Types and functions that a signature shows otherwise than by their names."""


def named(*arguments: Any) -> list[str | None]:
    """A signature and what it returns, where they are told, with names."""
    return [text and NAMED.sub(r"\1\2", text) for text in arguments[-2:]]


def setup(app: Sphinx) -> None:
    """What this site has beside its extensions."""
    app.connect("sphinx-click-process-description", kept_lines_as_code)
    app.connect("autodoc-process-signature", named)
