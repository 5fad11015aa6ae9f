"""The page about a result file: what was found, the figure, the settings, where it comes from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from orderparams.config import parse_toml
from orderparams.config.titles import title_of
from orderparams.config.values import toml_value
from orderparams.config.words import describe
from orderparams.models import registry
from orderparams.provenance import version
from orderparams.results.analysis import Analysis
from orderparams.results.evaluation import Evaluation
from orderparams.results.evidence import Evidence
from orderparams.results.files import open_result, read_attributes
from orderparams.results.findings import Findings
from orderparams.results.innovations import Innovations
from orderparams.results.scan import Scan
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import Validation
from orderparams.views.plots.subject import rule_of
from orderparams.views.reports import findings, markup
from orderparams.views.reports.figure import Pictures
from orderparams.views.reports.fluctuations import banded


class Kind(NamedTuple):
    """What a result is called on its page, the sections about it, and what its figure shows."""

    name: str
    sections: Callable[[Any], list[str]]
    caption: str


EVENTS = ", with a triangle at half of each event"
"""What figures show of runs whose events can be told."""

KINDS = {
    Trajectory: Kind(
        "Order-parameter flow",
        findings.of_run,
        f"Order parameters and risk in time{EVENTS}; the end",
    ),
    Analysis: Kind(
        "Analysis of a run",
        findings.of_analysis,
        f"Order parameters and risk in time{EVENTS}; the end",
    ),
    Findings: Kind(
        "Analysis of a run",
        findings.of_analysis,
        "Order parameters and risk in time",
    ),
    SimulationRun: Kind(
        "Simulation of SGD",
        findings.of_simulation,
        "Order parameters and risk in time: of the replicas the mean and, as bands, the range",
    ),
    Validation: Kind(
        "Theory and simulation",
        findings.of_validation,
        "Order parameters and risk in time, the theory dashed; deviations in standard errors",
    ),
    Innovations: Kind(
        "Theory and one simulation",
        findings.of_innovations,
        "What was measured, on the theory from the time before; below, innovations of each replica "
        "at the ends of intervals, normal numbers by chance",
    ),
    Scan: Kind("Scan", findings.of_scan, "What the points came to, over the varied parameters"),
    Evaluation: Kind("Order-parameter flow at one point", findings.of_evaluation, ""),
    Evidence: Kind("Claim", findings.of_claim, "What the checks were read off"),
}


def report_page(path: Path, figure: Pictures | None = None, *, stored: bool = True) -> str:
    """The HTML page about a result file, with its figure.

    The same file and program give the same bytes. Unless the file is ``stored``, and not only made
    for the page, its name is not told. :class:`~orderparams.errors.FileError` if the
    file cannot be read.
    """
    result = open_result(path)
    attributes = read_attributes(path)
    kind = KINDS[type(result)]
    varied = tuple(result.keys.values()) if isinstance(result, Scan) else ()
    words = describe(result.problem, rule_of(result), varied)
    first, *others = kind.sections(result)
    drawn = []
    if figure is not None:
        caption = kind.caption
        if not registry.staged(result.problem):
            caption = caption.replace(EVENTS, "")
        caption = banded(caption, result)
        drawn = [markup.section("Figure", markup.figure(*figure, caption))]
    source = f" from {path.name}" if stored else ""
    return markup.page(
        title_of(result.problem.title, varied) or path.stem,
        f"{kind.name} {path.stem}" if isinstance(result, Evidence) else kind.name,
        " ".join(f"{text[0].upper()}{text[1:]}." for text in words.values()),
        [
            first,
            *drawn,
            *others,
            settings(attributes["config"]),
            provenance(path if stored else None, attributes),
        ],
        f"Written by orderparams {version()}{source}.",
    )


def settings(config: str) -> str:
    """Every setting, section by section."""
    parts = [
        markup.part(name, markup.terms({key: toml_value(value) for key, value in values.items()}))
        for name, values in setting_groups(parse_toml(config))
    ]
    return markup.section("Settings", markup.columns(parts))


def setting_groups(
    table: Mapping[str, Any], path: str = ""
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The sections of a configuration with the values that stand in each."""
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    if path and values:
        yield path, values
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from setting_groups(value, f"{path}.{key}" if path else key)


def provenance(path: Path | None, attributes: Mapping[str, Any]) -> str:
    """Who made the file, when, with what, and what is in it; the checksum of a ``path``."""
    keys = ("status", "command", "created", "version", "platform", "seeds", "schema_version")
    record = {key.replace("_", " "): str(attributes[key]) for key in keys if attributes[key] != ""}
    if path is not None:
        with path.open("rb") as file:
            record["SHA-256"] = hashlib.file_digest(file, "sha256").hexdigest()
    rows = []
    for name, group in attributes.items():
        if isinstance(group, dict):
            for key, shape in group["variables"].items():
                rows.append((f"/{name}/{key}", " × ".join(map(str, shape)) or "1"))
            rows += [
                (f"/{name}, {key}", str(value))
                for key, value in group.items()
                if key != "variables" and value != ""
            ]
    contents = markup.folded("Contents of the file", markup.table(("name", "size or value"), rows))
    return markup.section("Provenance", markup.terms(record, "record"), contents)
