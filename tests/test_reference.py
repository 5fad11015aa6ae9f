"""The reference pages say what the program says: all commands, and all keys."""

import re
import runpy
from pathlib import Path

from orderparams.config.sections import known_keys, problem_type

DOCS = Path(__file__).parents[1] / "docs"


def test_the_command_reference_is_current():
    page = runpy.run_path(str(DOCS / "commands.py"))["page"]()
    assert (DOCS / "commands.md").read_text("utf-8") == page, "run python docs/commands.py"


def test_every_key_of_the_configuration_is_described_in_its_section():
    page = (DOCS / "configuration.md").read_text("utf-8")
    start, *parts = re.split(r"^## \[(.*)\]\n", page, flags=re.MULTILINE)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    for key in set(known_keys(problem_type("single-location"))) - set(sections):
        homes = [text for name, text in sections.items() if key.startswith(name + ".")]
        assert re.search(rf"\b{key.rpartition('.')[2]}\b", homes[-1] if homes else start), key
