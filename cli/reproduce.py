"""``orderparams reproduce``."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orderparams import interruption
from orderparams.cli import completion, idle, options
from orderparams.cli.screen import show
from orderparams.cli.verbose import verbose
from orderparams.phases import phase

if TYPE_CHECKING:
    from orderparams.claims import Claim
    from orderparams.results.evidence import Check, Evidence


@click.command()
@click.argument("names", nargs=-1, metavar="[CLAIM]...", shell_complete=completion.claims)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default="claims",
    show_default=True,
    metavar="DIR",
    help="Folder for files, figures and report.md.",
)
@click.option("--list", "only_list", is_flag=True, help="List the claims and run nothing.")
@options.force
@options.as_json
@verbose
def reproduce(
    names: tuple[str, ...], output: Path, only_list: bool, force: bool, as_json: bool
) -> int:
    """Check the claims of the papers.

    All of them, or those that are named. Writes CLAIM.h5 and a figure CLAIM.png
    each, and a report of all that the folder has. Exit status 4 if a check fails.

    \b
    Examples:
      orderparams reproduce --list
      orderparams reproduce C6 C8 -o claims
    """
    from orderparams.claims import CLAIMS, select
    from orderparams.progress import ProgressLine
    from orderparams.storage.files import atomic

    idle.warned()
    claims = select(names)
    if only_list and as_json:
        listed = [{"claim": claim.name, "title": claim.title} for claim in claims]
        click.echo(json.dumps({"claims": listed}, indent=2))
        return 0
    if only_list:
        show(f"{claim.name}  {claim.title}" for claim in claims)
        return 0
    figures = make_folder(claims, output, force=force)
    interruption.advise(f"no claim was finished, {output} has nothing new")
    reports = earlier(CLAIMS, output)
    entries, holds = [], True
    for claim in claims:
        started = time.monotonic()
        with ProgressLine() as line:
            line.step(f"{claim.name}  {claim.title}")
            with phase(f"claim {claim.name}"):
                evidence = claim.run()
        seconds = time.monotonic() - started
        holds &= evidence.holds
        entries.append(entry(claim, evidence, seconds))
        reports[claim.name] = report(claim, evidence)
        in_order = [reports[known.name] for known in CLAIMS if known.name in reports]
        with interruption.writing():
            write(claim, evidence, output, force=force, figure=figures)
            with atomic(output / "report.md", force=True) as temporary:
                temporary.write_text("\n".join([HEADING, *in_order]), "utf-8")
        finished = ", ".join(str(found["claim"]) for found in entries)
        interruption.advise(f"{output} has what was finished: {finished}")
        if not as_json:
            show([*table(claim, evidence, seconds), ""])
        interruption.check()
    if as_json:
        click.echo(json.dumps({"holds": holds, "claims": entries}, indent=2))
    else:
        click.echo(f"  written to {output}")
    return 0 if holds else 4


def make_folder(claims: list[Claim], output: Path, *, force: bool) -> bool:
    """Make the folder and check what is to be written; False if figures cannot be drawn."""
    from orderparams.errors import FileError
    from orderparams.storage.files import check_target
    from orderparams.views.plots import drawing, installed

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{output} could not be made: {error}") from None
    if figures := installed():
        with drawing():  # fails now where it would fail after the work
            pass
    else:
        click.echo("no figures: they need pip install 'orderparams[plot]'", err=True)
    for claim in claims:
        for suffix in (".h5", ".png")[: 1 + figures]:
            check_target(output / f"{claim.name}{suffix}", force=force)
    check_target(output / "report.md", force=force or ours(output / "report.md"))
    return figures


def ours(path: Path) -> bool:
    """Whether a file is a report of claims, which is written anew."""
    return path.is_file() and path.read_bytes().startswith(HEADING.encode())


def earlier(claims: Sequence[Claim], output: Path) -> dict[str, str]:
    """Sections of the report on claims of which the folder has the files."""
    from orderparams.errors import FileError
    from orderparams.results.evidence import Evidence
    from orderparams.results.files import open_result

    found = {}
    for claim in claims:
        path = output / f"{claim.name}.h5"
        with contextlib.suppress(FileError):
            if path.exists() and isinstance(evidence := open_result(path), Evidence):
                found[claim.name] = report(claim, evidence)
    return found


def write(claim: Claim, evidence: Evidence, output: Path, *, force: bool, figure: bool) -> None:
    """The file of a claim and its figure."""
    options.save(evidence.save, output / f"{claim.name}.h5", force=force)
    if figure:
        from orderparams.views.plots import drawing, plot_evidence, save_figure

        with drawing():
            save_figure(plot_evidence(evidence), output / f"{claim.name}.png")


def verdict(holds: bool) -> str:
    return "holds" if holds else "fails"


def table(claim: Claim, evidence: Evidence, seconds: float) -> list[str]:
    """Claim, expected, found and verdict in 80 columns."""
    head = f"{claim.name}  {claim.title} ({seconds:.0f} s)"
    lines = [f"{head:<42}{'expected':>18}{'found':>12}   {verdict(evidence.holds)}"]
    return lines + [row(check) for check in evidence.checks]


def row(check: Check) -> str:
    """One check; what does not fit stands on a line of its own."""
    what, rest = f"  {check.what}", f"{check.found:>12}   {verdict(check.holds)}"
    space = 60 - len(what)
    if len(check.expected) < space:
        return f"{what}{check.expected:>{space}}{rest}"
    return f"{what}\n{check.expected:>60}{rest}"


def entry(claim: Claim, evidence: Evidence, seconds: float) -> dict[str, object]:
    """The same for ``--json``."""
    return {
        "claim": claim.name,
        "title": claim.title,
        "holds": evidence.holds,
        "seconds": seconds,
        "checks": [vars(check) for check in evidence.checks],
    }


HEADING = """# The claims, reproduced

Made by `orderparams reproduce`. Every line is a check that could fail.
"""


def cell(text: str) -> str:
    """Text in a table of Markdown."""
    return text.replace("|", "\\|")


def report(claim: Claim, evidence: Evidence) -> str:
    """A section of the report: the setting, and the table."""
    rows = [
        f"| {cell(check.what)} | {cell(check.expected)} | {cell(check.found)} | "
        f"{verdict(check.holds)} |"
        for check in evidence.checks
    ]
    heading = f"## {claim.name} {claim.title}: {verdict(evidence.holds)}"
    columns = ["| check | expected | found | |", "|---|---|---|---|"]
    return "\n".join([heading, "", claim.setting, "", *columns, *rows, ""])
