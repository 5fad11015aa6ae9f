"""Help texts: every command has examples that its parser accepts, and `python -m` is the same."""

import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from orderparams.cli.main import orderparams
from orderparams.shipped import preset_names
from orderparams.sources import load


def examples(command):
    """Command lines of the block "Examples:" of a help text, without what a shell redirects."""
    _, separator, block = (command.help or "").partition("Examples:\n")
    lines = block.split("\n\n")[0].strip().splitlines() if separator else []
    return [shlex.split(line.split(" > ")[0]) for line in lines]


PROGRAM = click.Context(
    orderparams, info_name="orderparams", terminal_width=80, **orderparams.context_settings
)
ALL = [
    (name, words) for name, command in orderparams.commands.items() for words in examples(command)
]


@pytest.mark.parametrize("name", orderparams.commands)
def test_every_command_has_an_example(name):
    command = orderparams.commands[name]
    assert examples(command)
    shown = command.get_help(click.Context(command, PROGRAM, name))
    for words in examples(command):
        assert shlex.join(words) in shown


@pytest.mark.parametrize("name", orderparams.commands)
def test_every_option_says_what_it_does(name):
    for option in orderparams.commands[name].params:
        assert isinstance(option, click.Argument) or option.help, option.name


def test_every_summary_fits_its_line():
    _, commands = orderparams.get_help(PROGRAM).split("Commands:\n")
    assert "..." not in commands


@pytest.mark.parametrize(("name", "words"), ALL, ids=[" ".join(words) for _, words in ALL])
def test_examples_are_accepted(name, words):
    """The parser takes them, and what they configure exists."""
    program, command, *arguments = words
    assert (program, command) == ("orderparams", name)
    parameters = orderparams.commands[name].make_context(name, arguments, PROGRAM).params
    config = parameters.get("config")
    if config in (None, *preset_names()):
        load(config or "two-stage", parameters.get("assignments", ()))
    else:
        assert Path(config).suffix == ".h5"


def test_examples_of_the_program_are_accepted():
    for program, command, *arguments in examples(orderparams):
        assert program == "orderparams"
        if arguments != ["--help"]:
            orderparams.commands[command].make_context(command, arguments, PROGRAM)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["solve", "--help"], ["solve", "-s", "x=1"], ["x"]]
)
def test_python_m_is_the_same_program(arguments):
    script = Path(sys.executable).with_name("orderparams")
    runs = [
        subprocess.run([*program, *arguments], capture_output=True, text=True)
        for program in ([script], [sys.executable, "-m", "orderparams"])
    ]
    first, second = [(run.returncode, run.stdout, run.stderr) for run in runs]
    assert first == second
    assert first[0] == (0 if "--help" in arguments else 2)
