"""The reference pages say what the program says: all public names, and all keys."""

import re
import runpy
from pathlib import Path

import pytest

import orderparams
from orderparams.config.keys import keys
from orderparams.config.sections import known_keys, problem_type
from orderparams.models import registry

DOCS = Path(__file__).parents[1] / "docs"
KEYS = runpy.run_path(str(DOCS / "keys.py"))


def test_every_public_name_stands_in_the_reference():
    page = (DOCS / "api.md").read_text("utf-8")
    told = re.findall(r"^\.\. (?:auto|py:)\w+:: (\w+)$", page, re.MULTILINE)
    assert sorted(told) == sorted(orderparams.__all__)


@pytest.mark.parametrize("page", KEYS["PAGES"])
def test_the_tables_of_keys_are_current(page):
    text = (DOCS / page).read_text("utf-8")
    assert "<!-- keys " in text
    assert KEYS["page"](text) == text, "run python docs/keys.py"


@pytest.mark.parametrize("model", registry.names())
def test_every_key_stands_in_a_table(model):
    """In the page of the model, or in that of what all models have."""
    pages = "".join((DOCS / page).read_text("utf-8") for page in KEYS["PAGES"])
    blocks = [asked.split() for _, asked, _ in KEYS["BLOCK"].findall(pages)]
    told = {row for asked in blocks for row in KEYS["rows"](" ".join(asked))}
    for key in keys(model):
        names = (key.name, key.name.removeprefix(f"{KEYS['home'](key, keys(model))}."))
        assert key.type == "table" or told & {KEYS["row"](key, name) for name in names}, key.name


def test_every_key_of_the_configuration_is_described_in_its_section():
    page = (DOCS / "configuration.md").read_text("utf-8")
    start, *parts = re.split(r"^## \[(.*)\]\n", page, flags=re.MULTILINE)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    for key in set(known_keys(problem_type("single-location"))) - set(sections):
        homes = [text for name, text in sections.items() if key.startswith(name + ".")]
        assert re.search(rf"\b{key.rpartition('.')[2]}\b", homes[-1] if homes else start), key
