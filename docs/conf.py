"""The documentation as a site, by Sphinx: ``sphinx-build -W docs site``.

Pages are plain Markdown that reads well without it; what only the site has, the help of commands and
the docstrings, stands in blocks ``{eval-rst}``. Nothing is fetched when the site is built or read.
"""

from importlib import metadata

import click
from sphinx.application import Sphinx

project = "orderparams"
copyright = author = "The orderparams developers"
release = metadata.version("orderparams")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinxcontrib.bibtex",
]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3
highlight_language = "text"

autodoc_class_signature = "separated"
autodoc_member_order = "bysource"
autodoc_type_aliases = {"Source": "Source", "Settings": "Settings", "State": "State"}
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


def examples_as_code(_: Sphinx, __: click.Context, lines: list[str]) -> None:
    """The examples of a command's help, which come as lines that keep their breaks, as code."""
    kept = [line.removeprefix("| ") for line in lines if line.startswith("| ")]
    if kept and kept[0] == "Examples:":
        before = [line for line in lines if not line.startswith("| ")]
        code = [f"   $ {line.strip()}" for line in kept[1:]]
        lines[:] = [*before, "", ".. code-block:: console", "", *code, ""]


def setup(app: Sphinx) -> None:
    """What this site has beside its extensions."""
    app.connect("sphinx-click-process-description", examples_as_code)
