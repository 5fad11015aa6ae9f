"""``orderparams doctor``."""

from __future__ import annotations

import json
import textwrap
import time
from typing import TYPE_CHECKING, Any

import click

from orderparams.cli import options
from orderparams.cli.screen import show

if TYPE_CHECKING:
    from orderparams.doctor.selftest import Outcome


@click.command()
@options.as_json
@click.option(
    "--compile",
    "compiles",
    is_flag=True,
    help="Compile all kernels that are not kept yet, and nothing else.",
)
def doctor(as_json: bool, compiles: bool) -> int:
    """Say whether this installation is in order.

    Versions, processor, threads, the cache of compiled kernels, and a test of
    the engines against closed forms that takes some seconds (a minute where the
    kernels are not compiled yet). Exit status 1 if a test fails.

    --compile prepares the image of a container, or the shared home of a
    cluster: no command has to compile afterwards. Kernels are kept for one kind
    of processor, in ~/.cache/orderparams or NUMBA_CACHE_DIR, which may be
    read-only later.

    \b
    Examples:
      orderparams doctor
      orderparams doctor --json
      orderparams doctor --compile
    """
    if compiles:
        return compile_kernels(as_json)
    from orderparams.doctor.machine import describe_machine
    from orderparams.doctor.selftest import run_tests

    machine = describe_machine()
    if not as_json:
        show(machine_lines(machine))
    started = time.monotonic()
    outcomes = []
    for outcome in run_tests():
        outcomes.append(outcome)
        if not as_json:
            click.echo(line(outcome))
    seconds = time.monotonic() - started
    failed = [outcome.what for outcome in outcomes if not outcome.holds]
    if as_json:
        tests = [vars(outcome) | {"holds": outcome.holds} for outcome in outcomes]
        click.echo(json.dumps(machine | {"tests": tests, "holds": not failed, "seconds": seconds}))
    else:
        passed = len(outcomes) - len(failed)
        click.echo(f"\n  {passed} of {len(outcomes)} passed, {seconds:.1f} s")
    if failed:
        click.echo(
            f"orderparams: {len(failed)} of {len(outcomes)} self-tests failed, the first is "
            f"{failed[0]!r}; install the program again in a new virtual environment",
            err=True,
        )
    return 1 if failed else 0


def compile_kernels(as_json: bool) -> int:
    """Compile what is missing, and say how much that was."""
    from orderparams.doctor.compiling import compile_all
    from orderparams.progress import ProgressLine

    started = time.monotonic()
    with ProgressLine(quiet=as_json) as line:
        found = compile_all(line)
    found["seconds"] = seconds = time.monotonic() - started
    if as_json:
        click.echo(json.dumps(found))
        return 0
    new, count = found["after"] - found["before"], found["after"]
    what = f"{new} kernels compiled" if new else "every kernel was compiled already"
    show([f"  {what}, {seconds:.1f} s", f"  {count} are kept in {found['folder']}, {size(found)}"])
    return 0


NAMES = 35
"""Columns of the names of tests."""


def size(found: dict[str, Any]) -> str:
    return f"{found['bytes'] / 2**20:.1f} MiB"


def entry(name: str, text: str) -> str:
    """A name and what there is to say about it, in 80 columns."""
    return textwrap.fill(text, 80, initial_indent=f"  {name:<12} ", subsequent_indent=" " * 15)


def machine_lines(machine: dict[str, Any]) -> list[str]:
    """What the program runs on."""
    processor, cache, libraries = (
        machine[key] for key in ("processor", "kernel_cache", "libraries")
    )
    needed = [
        f"{row['name']} {row['version'] or 'absent'}" for row in libraries if not row["extra"]
    ]
    extras = [
        entry(row["name"], row["version"] or f"absent; pip install 'orderparams[{row['extra']}]'")
        for row in libraries
        if row["extra"]
    ]
    vectors = " ".join(processor["features"]) or "no vector instructions"
    threads = [f"{name}={value}" for name, value in machine["threads"].items()]
    return [
        f"orderparams {machine['version']}",
        entry("folder", machine["folder"]),
        entry("Python", f"{machine['python']}, {machine['executable']}"),
        entry("platform", machine["platform"]),
        entry("processor", f"{processor['name']}, {vectors}"),
        entry("threads", ", ".join([f"{machine['cores']} cores", *threads])),
        entry("libraries", ", ".join(needed)),
        *extras,
        entry("kernel cache", ", ".join(filter(None, cache.values()))),
        "",
        f"  {'self-test':<{NAMES}}{'expected':>12}{'found':>13}{'within':>9}",
    ]


def line(outcome: Outcome) -> str:
    """A test; what it broke off with stands on lines of its own."""
    verdict = "ok" if outcome.holds else "FAILED"
    if outcome.message:
        return f"  {outcome.what:<{NAMES + 34}}   {verdict}\n{entry('', outcome.message)}"
    numbers = f"{outcome.expected:z12.8f}{outcome.found:z13.8f}{outcome.tolerance:9.0e}"
    return f"  {outcome.what:<{NAMES}}{numbers}   {verdict}"
