"""``orderparams completion``, and what TAB offers for the arguments of the other commands."""

from __future__ import annotations

import dataclasses
import glob
import os
import re
import shlex
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

if TYPE_CHECKING:
    from orderparams.config import Problem

SHELLS = ("bash", "zsh", "fish")
END = "x"
"""Any sign: behind a line it makes the word that is typed the last one, also if it is empty."""
SPECIAL = re.compile(r"[\s'\"\\$`!&|;<>()*?\[\]{}#]")
"""What means something else to bash unless a backslash stands before it."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script by which a shell completes commands with TAB.

    It completes commands and options, the names of presets and files, and the
    keys of -s and --vary with the words or defaults that they take. Put the line of your
    shell into its startup file:

    \b
      bash  eval "$(orderparams completion bash)"          ~/.bashrc
      zsh   eval "$(orderparams completion zsh)"           ~/.zshrc
      fish  orderparams completion fish | source           config.fish

    \b
    Examples:
      orderparams completion bash
      orderparams completion fish > orderparams.fish
    """
    click.echo(script(shell, click.get_current_context().find_root().command))


class Asked(ShellComplete):
    """Keeps the words before the one that is typed: click forgets them where an option lacks its
    value, which is what is typed."""

    words: ClassVar[list[str]] = []

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        Asked.words = args
        return super().get_completions(args, incomplete)


class Bash(Asked, BashComplete):
    """Bash, which cuts words at = and : as well, and inserts in place of the last piece only.

    Its script hands over the line up to the cursor, and that piece. After KEY= and a folder no
    space is inserted.
    """

    source_template = r"""
%(complete_func)s() {
    local IFS=$'\n' response completion type value
    response=$(env COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_CWORD="$2" \
        %(complete_var)s=bash_complete "$1")
    for completion in $response; do
        IFS=',' read -r type value <<< "$completion"
        if [[ $type == dir ]]; then
            COMPREPLY=(); compopt -o dirnames
        elif [[ $type == file ]]; then
            COMPREPLY=(); compopt -o default
        elif [[ $type == plain ]]; then
            COMPREPLY+=("$value")
        fi
    done
    [[ $COMPREPLY == *[=/,] ]] && compopt -o nospace
    return 0
}

%(complete_func)s_setup() {
    complete -o nosort -F %(complete_func)s %(prog_name)s
}

%(complete_func)s_setup;
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        words = split_arg_string(os.environ["COMP_WORDS"] + END)
        self.incomplete = words.pop().removesuffix(END)
        return words[1:], self.incomplete

    def format_completion(self, item: CompletionItem) -> str:
        piece = "".join(split_arg_string(os.environ["COMP_CWORD"].lstrip("'\"")))
        before = self.incomplete.removesuffix(piece) if piece != "=" else self.incomplete
        rest = item.value.removeprefix(before)
        if not in_quotes(os.environ["COMP_WORDS"]):
            rest = SPECIAL.sub(r"\\\g<0>", rest)
        return f"{item.type},{rest}"


def in_quotes(line: str) -> bool:
    """Whether a line of the shell ends within quotes."""
    try:
        shlex.split(line)
    except ValueError:
        return True
    return False


class Zsh(Asked, ZshComplete):
    """After KEY= and a folder no space is inserted."""

    source_template = ZshComplete.source_template.replace(
        "compadd -U -V unsorted -a completions",
        "local -a ending; [[ $completions[1] == *[=/] ]] && ending=(-S '')\n"
        '        compadd -U -V unsorted "${ending[@]}" -a completions',
    )


class Fish(Asked, FishComplete):
    """What is offered may have commas in it."""

    source_template = FishComplete.source_template.replace(
        'string split "," $completion', 'string split -m 1 "," $completion'
    )


for shell in (Bash, Zsh, Fish):
    add_completion_class(shell)


def script(shell: str, command: click.Command) -> str:
    """The script of a shell, which asks the program what can follow what was typed."""
    kind = get_completion_class(shell)
    assert kind is not None
    return kind(command, {}, "orderparams", "_ORDERPARAMS_COMPLETE").source()


def configurations(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Presets, TOML and result files, and folders, that begin with what was typed."""
    from orderparams.shipped import preset_names

    presets = [name for name in preset_names() if name.startswith(typed)]
    return presets + files(typed, (".toml", ".h5", ".hdf5"))


def presets(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Presets that begin with what was typed."""
    from orderparams.shipped import preset_names

    return [name for name in preset_names() if name.startswith(typed)]


def claims(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Claims that begin with what was typed, in any case."""
    from orderparams.claims import CLAIMS

    return [claim.name for claim in CLAIMS if claim.name.startswith(typed.upper())]


def results(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Result files, and folders, that begin with what was typed."""
    return files(typed, (".h5", ".hdf5"))


def data(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Files that may hold data, and folders, that begin with what was typed."""
    return files(typed, (".csv", ".npz", ".h5", ".hdf5", ".nc"))


def files(typed: str, endings: Sequence[str]) -> list[str]:
    """Files with these endings, and folders, that begin with what was typed."""
    paths = sorted(glob.glob(glob.escape(os.path.expanduser(typed)) + "*"))
    found = [path for path in paths if Path(path).suffix in endings]
    return found + [f"{path}/" for path in paths if os.path.isdir(path)]


def addresses(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """How the address of a Dask scheduler begins; its usual port on this machine."""
    return [known for known in ("tcp://", "tcp://127.0.0.1:8786") if known.startswith(typed)]


def keys(context: click.Context | None, __: click.Parameter, typed: str) -> list[str]:
    """Keys that begin with what was typed."""
    return [key for key in setting_keys(kind_in(context)) if key.startswith(typed)]


def patterns(context: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """Keys that begin with what was typed, of the model that was named, or of all."""
    from orderparams.config.keys import keys

    named = context.params.get("model")
    return [key.name for key in keys(*[named] if named else []) if key.name.startswith(typed)]


def kind_in(context: click.Context | None) -> type[Problem]:
    """The kind of problem of the configuration that was typed before, as far as it can be read."""
    from orderparams.config.sections import problem_type
    from orderparams.config.toml import model_name

    return problem_type(model_name(table_in(context)))


def table_in(context: click.Context | None) -> dict[str, Any]:
    """The configuration that was typed before, of a model that there is; empty if it cannot be
    read."""
    from orderparams.config.toml import model_name
    from orderparams.errors import OrderparamsError
    from orderparams.sources import read_table

    assigned = [word.partition("=")[2] for word in Asked.words if word.startswith("model=")]
    config = None if context is None else typed_config(context.command)
    try:
        table = {"model": assigned[-1]} if assigned else read_table(config) if config else {}
        model_name(table)
    except OrderparamsError:
        return {}
    return table


def typed_config(command: click.Command) -> str | None:
    """CONFIG as it was typed: of the words behind the command that are neither options nor their
    values the first, or that after DATA."""
    names = [one.name for one in command.params if isinstance(one, click.Argument)]
    before = names.index("config") if "config" in names else 0
    options = [one for one in command.params if isinstance(one, click.Option) and not one.is_flag]
    taking = {name for option in options for name in option.opts}
    words = iter(Asked.words[1:])
    for word in words:
        if word in taking:
            next(words, None)
        elif not word.startswith("-"):
            if not before:
                return word
            before -= 1
    return None


def assignments(context: click.Context | None, option: click.Parameter, typed: str) -> list[str]:
    """Keys that begin with what was typed, each with the sign that its value follows; after that
    the words that the value can be, or the default of a number."""
    key, sign, written = typed.partition("=")
    if not sign:
        return [f"{known}=" for known in keys(context, option, typed)]
    values = words_of(key, context) or default_of(key, context)
    return [f"{key}={value}" for value in values if value.startswith(written)]


def variations(context: click.Context | None, option: click.Parameter, typed: str) -> list[str]:
    """The same of a list of values: the words that can follow the last comma."""
    key, sign, written = typed.partition("=")
    before, comma, last = written.rpartition(",")
    if not (sign and comma):
        return assignments(context, option, typed)
    taken = before.split(",")
    return [
        f"{key}={before},{word}"
        for word in words_of(key, context)
        if word.startswith(last) and word not in taken
    ]


def words_of(key: str, context: click.Context | None) -> tuple[str, ...]:
    """The words that a key takes; none if it takes numbers."""
    from orderparams.config.sections import check_of
    from orderparams.errors import ConfigurationError

    try:
        return getattr(check_of(key, kind_in(context)), "words", ())
    except ConfigurationError:
        return ()


def default_of(key: str, context: click.Context | None) -> tuple[str, ...]:
    """The default of a key that takes numbers, which is one to start from."""
    from orderparams.config.unused import defaults
    from orderparams.config.values import toml_value

    default = defaults(table_in(context)).get(key)
    return (toml_value(default),) if isinstance(default, int | float) else ()


def setting_keys(section: type[Any], path: str = "") -> Iterator[str]:
    """Dotted keys of all settings in a section of the configuration."""
    from orderparams.config.sections import settings_of

    kinds = typing.get_type_hints(section)
    for name in settings_of(section):
        kind = kinds[name]
        if dataclasses.is_dataclass(kind):
            yield from setting_keys(typing.cast(type, kind), f"{path}{name}.")
        else:
            yield f"{path}{name}"
