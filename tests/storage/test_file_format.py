"""docs/file-format.md names every group, dataset and attribute of real files, axes and units."""

import re
from pathlib import Path

import h5py
import pytest
import result_files

from orderparams.results import schema
from orderparams.storage.inspection import axes_of
from orderparams.storage.schema import AXES

MODEL = "single-location"
KNOWN = schema.known(MODEL).groups
OBSERVABLES = schema.observables(MODEL)
PARAMETERS = {parameter.name: parameter for parameter in schema.table(MODEL)}

PAGE = (Path(__file__).parents[2] / "docs" / "file-format.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
ROW = re.compile(r"^\| `(\w+)` \| ([^|]*) \| (\S+) \|", re.MULTILINE)
ROWS = {
    title: {
        name: (tuple(filter(None, axes.split(", "))), unit)
        for name, axes, unit in ROW.findall(text)
    }
    for title, text in SECTIONS.items()
}
NOT_NAMED = {"NAME", "CLASS", "DIMENSION_LIST", "REFERENCE_LIST", "units", "long_name", "key"}


def named(section, attributes):
    """Whether the text of a section names all these attributes."""
    return {name for name in attributes if f"`{name}`" not in SECTIONS[section]} <= NOT_NAMED


def check_group(group, title):
    """Datasets of a group against the table of its section."""
    assert named(title, group.attrs)
    parameter = "|".join(PARAMETERS)
    varied = axes_of(group["status"]) if title == "/scan" else (group.attrs.get("axis"),)
    for name, data in group.items():
        axes = axes_of(data)
        known = name
        if title == "/comparison":
            known = re.sub(f"^({parameter})_", "X_", name)
        if "key" in data.attrs or name == group.attrs.get("axis"):
            continue  # a name of the user, or of the claim
        expected, unit = (ROWS["Axes"] | ROWS[title])[known]
        if "…" in expected:
            if title == "/comparison":
                varied = PARAMETERS[re.match(f"({parameter})_", name)[1]].axis_names
            place = expected.index("…")
            expected = (*expected[:place], *varied, *expected[place + 1 :])
        assert (axes, data.attrs["units"]) == (expected, unit), data.name


def check_groups(file):
    """All groups of a file, or of a point of a scan."""
    for name, group in file.items():
        title = "/" + name.split("_")[0]
        if name == "checkpoint":
            paths = []
            group.visit(paths.append)
            assert named(title, [path for path in paths if path not in ("record", "state")])
        elif name == "curves":
            for panel in group.values():
                check_group(panel, title)
        elif name == "points":
            for point in group.values():
                assert named(title, point.attrs)
                check_groups(point)
        else:
            check_group(group, title)


@pytest.mark.parametrize("name", result_files.NAMES)
def test_the_page_names_everything_in_a_file(result_paths, name):
    with h5py.File(result_paths[name]) as file:
        assert named("Root attributes", file.attrs)
        check_groups(file)


@pytest.mark.parametrize(
    ("title", "variables"),
    [
        *[(f"/{kind}", KNOWN[kind]) for kind in ("trajectory", "simulation", "stages", "checks")],
        *[(f"/{kind}", KNOWN[kind]) for kind in ("fluctuations", "innovations", "escapes")],
        *[(f"/{kind}", KNOWN[kind]) for kind in ("scan", "evaluation", "analysis", "rest")],
        *[(f"/{kind}", KNOWN[kind]) for kind in ("plateaus", "excursions", "directions")],
        *[(f"/{kind}", KNOWN[kind]) for kind in ("targets", "optimum", "pruning", "synergy")],
        ("Axes", AXES | schema.axis_names([*PARAMETERS.values(), *OBSERVABLES.values()])),
    ],
)
def test_the_page_names_nothing_else(title, variables):
    assert ROWS[title].keys() - {"point"} == variables.keys() - {"point"}


def test_all_kinds_of_files_are_looked_at(result_paths):
    seen = set()
    for path in result_paths.values():
        with h5py.File(path) as file:
            seen |= {"/" + name.split("_")[0] for name in file}
    assert seen == {title for title in SECTIONS if title.startswith("/")}
