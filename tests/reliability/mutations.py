"""Malformed inputs: presets with something wrong in them, and damaged result files."""

import functools
import random
from pathlib import Path

import h5py
import numpy as np

from orderparams.config import to_toml
from orderparams.shipped import preset_names
from orderparams.sources import load
from orderparams.storage.seal import LENGTH

FIXTURES = Path(__file__).parents[1] / "fixtures"

WRONG = {
    "text": ["1", "true", '["x"]', "{ a = 1 }", '"no such word"', "1979-05-27", "nan"],
    "list": ["1.0", "true", '"x"', "[]", '["x"]', "[[[]]]", "[nan]", "[inf]", "{ a = 1 }"],
    "boolean": ['"x"', "1", "0.0", "[true]", "True", "nan"],
    "number": [
        '"x"', "true", "[1]", "{ a = 1 }", "nan", "inf", "-inf", "-1", "-1e308", "-7.5", "07:32:00",
        "1" + "0" * 400, "-0x" + "f" * 5000, "9" * 5000,
    ],
}  # fmt: skip
"""Values that are never allowed, by the type of what they replace."""


def kind(value: str) -> str:
    """The type of a value by its first character, in TOML."""
    return {'"': "text", "[": "list", "t": "boolean", "f": "boolean"}.get(value[0], "number")


def wrong_value(lines: list[str], chance: random.Random) -> None:
    places = [i for i, line in enumerate(lines) if " = " in line and not line.startswith("title")]
    at = chance.choice(places)
    key, value = lines[at].split(" = ", 1)
    wrong = chance.choice(WRONG[kind(value)])
    if (key, wrong) == ("noise", "[1]"):  # one a task
        wrong = "[]"
    lines[at] = f"{key} = {wrong}"


def wrong_key(lines: list[str], chance: random.Random) -> None:
    at = chance.choice([i for i, line in enumerate(lines) if " = " in line])
    place = chance.randrange(lines[at].index(" = "))
    lines[at] = lines[at][:place] + chance.choice("qxz_7") + lines[at][place:]


def wrong_section(lines: list[str], chance: random.Random) -> None:
    at = chance.choice([i for i, line in enumerate(lines) if line.startswith("[")])
    place = chance.randrange(1, len(lines[at]))
    lines[at] = lines[at][:place] + chance.choice("qxz_7") + lines[at][place:]


def no_syntax(lines: list[str], chance: random.Random) -> None:
    broken = ["[", "key", "= 1", "a = ", "a = [1", 'a = "', "a = 1 2", "a.b.", "\x01", "[[x]", "]"]
    lines.insert(chance.randrange(len(lines) + 1), chance.choice(broken))


def twice(lines: list[str], chance: random.Random) -> None:
    at = chance.choice([i for i, line in enumerate(lines) if line])
    lines.insert(at + 1, lines[at])


def missing(lines: list[str], chance: random.Random) -> None:
    needed = ("kind = ", "[task.signal]", "components = ", "strengths = ", "model = ")
    kinds = ('kind = "random"', 'kind = "allocated"', 'kind = "cosine"')
    whole = (*kinds, "strengths = [[")  # there are defaults
    found = [line for line in lines if line.startswith(needed) and not line.startswith(whole)]
    lines.remove(chance.choice(found))


CHANGES = (wrong_value, wrong_value, wrong_key, wrong_section, no_syntax, twice, missing)


@functools.cache
def written_out(preset: str) -> str:
    """The text of a preset with every default."""
    return to_toml(load(preset))


def malformed_configuration(chance: random.Random) -> bytes:
    """The text of a preset, every default written out, with one mistake that makes it invalid."""
    lines = written_out(chance.choice(preset_names())).splitlines()
    if chance.random() < 0.1:
        text = "\n".join(lines).encode()
        place = chance.randrange(len(text))
        return text[:place] + bytes([chance.randrange(128, 192)]) + text[place:]
    chance.choice(CHANGES)(lines, chance)
    return "\n".join(lines).encode()


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The bytes of a file cut short, or with some of them changed."""
    body = bytearray(content)
    if chance.random() < 0.3:
        return bytes(body[: chance.randrange(len(body) - LENGTH)])
    for _ in range(chance.choice([1, 2, 8, 64])):
        body[chance.randrange(len(body) - LENGTH)] ^= 1 << chance.randrange(8)
    return bytes(body)


ODD = (1, -1.5, "text", "é", np.zeros(3), np.zeros(0), np.arange(4).reshape(2, 2), np.nan, 1j, True)


def distort(path: Path, chance: random.Random) -> str:
    """Change something in an unsealed file with h5py; returns what."""
    with h5py.File(path, "r+") as file:
        names: list[str] = ["/"]
        file.visit(names.append)
        name = chance.choice(names)
        item = file[name]
        change = chance.choice(["attribute", "missing", "replaced", "group", "foreign"])
        if change == "attribute" and len(item.attrs):
            item.attrs[chance.choice(sorted(item.attrs))] = chance.choice(ODD)
        elif change == "foreign" and isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            item[...] = chance.choice([np.nan, np.inf, -1e300])
        elif name != "/":
            del file[name]
            if change == "group":
                file.create_group(name)
            elif change != "missing":
                file[name] = chance.choice(ODD)
        return f"{change} {name}"
