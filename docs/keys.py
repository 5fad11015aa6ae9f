"""Writes the tables of keys in the pages from the keys themselves: ``python docs/keys.py``.

One stands between ``<!-- keys MODEL TABLE... -->`` and ``<!-- end of keys -->``, with the keys of
these tables of the configuration, ``top`` for those in none; ``<!-- keys scan -->`` has [scan].
"""

import re
from pathlib import Path

from orderparams.config.keys import Key, described, entries, keys
from orderparams.scans.settings import ScanConfig

PAGES = ("configuration.md", "committee.md", "in-context.md", "scans.md")
BLOCK = re.compile(r"(<!-- keys (.*) -->\n)(?:.*\n)*?(<!-- end of keys -->\n)")
SPECIAL = re.compile(r"[*_|]")
"""What means something else to Markdown unless a backslash stands before it."""

HEADING = ["| key | default | allowed | unit | meaning |", "|---|---|---|---|---|"]


def default(key: Key) -> str:
    """The default of a key, a value of TOML as code."""
    return escaped(key.left_out) if key.default is None else f"`{key.default_text()}`"


def escaped(text: str) -> str:
    """A text as it is to be read."""
    return SPECIAL.sub(r"\\\g<0>", text)


def row(key: Key, name: str) -> str:
    """A key as a row."""
    allowed = "; ".join(part for part in (key.type, key.allowed) if part)
    others = " | ".join(map(escaped, (allowed, key.unit, key.told())))
    return f"| `{name}` | {default(key)} | {others} |"


def home(key: Key, known: list[Key]) -> str:
    """The table that a key stands in."""
    tables = [other.name for other in known if other.type == "table"]
    return max((name for name in tables if key.name.startswith(f"{name}.")), key=len, default="top")


def rows(asked: str) -> list[str]:
    """The rows of a table that a page asks for; names are dotted where it has several tables."""
    if asked == "scan":
        found = [described(name, entry, {}, {}) for name, entry in entries(ScanConfig)]
        return [row(key, key.name) for key in found]
    model, *tables = asked.split()
    known = keys(model)
    found = [key for key in known if key.type != "table" and home(key, known) in tables]
    prefix = f"{tables[0]}." if len(tables) == 1 else ""
    return [row(key, key.name.removeprefix(prefix)) for key in found]


def table(asked: str) -> str:
    """A whole table."""
    return "\n".join([*HEADING, *rows(asked)])


def page(text: str) -> str:
    """A page with its tables written anew."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{table(found[2])}\n\n{found[3]}", text)


if __name__ == "__main__":
    for name in PAGES:
        path = Path(__file__).with_name(name)
        path.write_text(page(path.read_text("utf-8")), "utf-8")
