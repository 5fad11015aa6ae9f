"""The source: nothing that executes data."""

import ast
from importlib import resources

import pytest

FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}


def sources():
    """Every Python file of the installed package."""
    pending = [
        resources.files("orderparams"),
        *map(resources.files, ("orderparams.cli", "orderparams.data")),
    ]
    while pending:
        entry = pending.pop()
        if entry.is_dir():
            pending += entry.iterdir()
        elif entry.name.endswith(".py"):
            yield str(entry), entry.read_text("utf-8")


def offences(text):
    """What a source does that it must not."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in FORBIDDEN_CALLS:
                yield name
            case ast.Import(names=names):
                yield from (n.name for n in names if n.name.split(".")[0] in FORBIDDEN_MODULES)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in FORBIDDEN_MODULES:
                yield module
            case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
                yield "allow_pickle"
            case ast.keyword(arg="shell", value=ast.Constant(value=True)):
                yield "shell"


def test_no_source_executes_data():
    found = {name: list(offences(text)) for name, text in sources()}
    assert len(found) > 100
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "text",
    ["eval('1')", "import pickle", "from pickle import loads", "np.load(f, allow_pickle=True)"],
)
def test_an_offence_would_be_found(text):
    assert list(offences(text))
