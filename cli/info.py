"""``orderparams info``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orderparams.cli import completion, options
from orderparams.cli.screen import show


@click.command()
@click.argument("file", type=click.Path(path_type=Path), shell_complete=completion.results)
@options.as_json
def info(file: Path, as_json: bool) -> None:
    """Show what a result file holds and how it was made.

    \b
    Examples:
      orderparams info run.h5
      orderparams info run.h5 --json
    """
    from orderparams.results.files import read_attributes

    attributes = read_attributes(file)
    if as_json:
        click.echo(json.dumps(attributes))
        return
    groups = {name: group for name, group in attributes.items() if isinstance(group, dict)}
    config = attributes.pop("config")
    lines = [f"{name:<16}{value}" for name, value in attributes.items() if name not in groups]
    for name, group in groups.items():
        lines += ["", f"/{name}"]
        for variable, shape in group.pop("variables").items():
            lines.append(f"  {variable:<28}{' x '.join(map(str, shape)) or 'one number'}")
        lines += [f"  {key:<28}{value}" for key, value in group.items() if value != ""]
    told = findings(file) if "analysis" in groups else []
    if "fluctuations" in groups:
        told += ["", *holding(file)]
    show([*lines, *told, "", "configuration", "", *config.splitlines()])


def findings(file: Path) -> list[str]:
    """What an analysis found, as lines: its sentences, the optimum, and rates."""
    from orderparams.results.files import open_group
    from orderparams.views.story import screen
    from orderparams.views.story.tell import summary

    return screen.lines(summary(open_group(file, "analysis")))


def holding(file: Path) -> list[str]:
    """In which dimensions the fluctuations of a run are small enough for linear theory, until when
    in that of its simulation, and what comes then."""
    from orderparams.models import registry
    from orderparams.results.files import open_group

    run = open_group(file, "trajectory")
    found, own = run.fluctuations, run.problem.simulation.dimension
    random = found.problem.fluctuations.start == "random"
    lines = [f"linear theory of fluctuations{' over random starts' * random} holds"]
    lines += [f"  {f'until t = {t:.4g}':<28}D >= {d:.3g}" for t, d in found.linear().items()]
    until = found.linear_until(own)
    if until == found.time[-1]:
        return lines
    when = f"until t = {until:.4g}" if until > found.time[0] else "at no time"
    lines.append(f"  {f'in D = {own}':<28}{when}")
    if found.growth_rate.max() > 0 and not registry.own_analysis(run.problem):
        lines.append("  analyze tells whether SGD leaves a symmetric state then, and when")
    return lines
