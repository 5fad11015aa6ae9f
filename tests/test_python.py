"""The interface in Python: what there is, its examples, and results as files, figures and pages."""

import ast
import doctest
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import result_files
from matplotlib.text import Text

import orderparams as op
from orderparams.results.appearance import Appearance
from orderparams.views.plots import plot_results

ROOT = Path(__file__).parents[1]
SMALL = {"training.duration": 2, "output.points": 5}
OUTPUTS = {"save": "found.h5", "export": "found.csv", "plot": "found.png", "report": "found.html"}


def test_what_is_public_is_listed_found_and_typed():
    """In ``__all__`` for readers and editors, by ``__getattr__``, and for type checkers."""
    tree = ast.parse(Path(op.__file__).read_text("utf-8"))
    typing = next(node for node in tree.body if isinstance(node, ast.If))
    typed = [name.asname for node in typing.body if isinstance(node, ast.ImportFrom)
             for name in node.names]  # fmt: skip
    assert sorted([*typed, "__version__"]) == sorted(op.__all__) == sorted(dir(op))
    for name in op.__all__:
        assert getattr(op, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'sovle'"):
        op.sovle  # noqa: B018


def test_no_module_has_a_public_name():
    """An imported module would take the name's place."""
    assert not {module.name for module in pkgutil.iter_modules(op.__path__)} & {*op.__all__}


def test_importing_it_loads_nothing():
    code = "import sys, orderparams; print({'numpy', 'scipy', 'numba'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_preset_is_listed_and_given_as_text():
    text = op.presets("two-stage")
    assert op.load("two-stage").title == op.presets()["two-stage"]
    assert f'title = "{op.presets()["two-stage"]}"' in text
    for wrong in ("two-stag", 3):
        with pytest.raises(op.ConfigurationError):
            op.presets(wrong)


def test_an_evaluation_has_no_figure_and_says_so_in_words_of_python(result_paths):
    point = op.open(result_paths["evaluation"])
    with pytest.raises(op.ConfigurationError, match="the result is an evaluation, one point: "):
        point.plot()
    with pytest.raises(op.ConfigurationError, match="result 2 is an evaluation, one point: "):
        op.plot([op.open(result_paths["run"]), point])


def test_a_figure_can_be_asked_for_all_that_the_shell_can():
    asked = inspect.signature(plot_results).parameters
    own = {name for name, one in asked.items() if one.kind is inspect.Parameter.KEYWORD_ONLY}
    assert own - {"force"} == Appearance.__annotations__.keys()


@pytest.mark.parametrize("name", [name for name in op.__all__ if name != "__version__"])
def test_it_has_an_example_that_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    documented = getattr(op, name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    text = inspect.getdoc(documented) or ""
    example = doctest.DocTestParser().get_doctest(text, {"op": op}, name, None, None)
    assert example.examples, f"{name} has no example"
    told = []
    for _ in ("a first time", "again in the same folder"):
        doctest.DocTestRunner(optionflags=flags).run(example, out=told.append, clear_globs=False)
        if not any(tmp_path.iterdir()):  # which is then as it was
            break
    assert not told, "".join(told)


def test_the_example_of_the_package_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = doctest.DocTestParser().get_doctest(op.__doc__, {}, "orderparams", None, None)
    assert not doctest.DocTestRunner().run(example).failed
    assert (tmp_path / "run.png").exists()


def test_every_argument_of_a_function_is_explained():
    for name in op.__all__:
        function = getattr(op, name)
        if inspect.isfunction(function) and name not in ("open", "presets"):
            text = inspect.getdoc(function).partition("Parameters\n")[2].partition("Examples\n")[0]
            arguments = dict(inspect.signature(function).parameters)
            if arguments.pop("appearance", None):
                arguments |= Appearance.__annotations__
            for argument in arguments:
                assert argument in text.replace(",", " ").split(), f"{name} does not say {argument}"


def written(verb, source, folder, **options):
    """The bytes that a verb writes of a source."""
    path = folder / OUTPUTS[verb]
    getattr(op, verb)(source, path, **options)
    return path.read_bytes()


@pytest.mark.parametrize("verb", ["export", "plot", "report"])
def test_a_result_its_file_and_the_shell_give_the_same(verb, result_paths, tmp_path, run):
    """But for when and where a result was stored, which pages and exports of files tell."""
    file, arguments = result_paths["run"], {"export": ["--to", "csv"]}.get(verb, [])
    assert run(verb, file, *arguments, "-o", OUTPUTS[verb])[0] == 0
    expected = (tmp_path / OUTPUTS[verb]).read_bytes()
    assert written(verb, str(file), tmp_path, force=True) == expected
    own = written(verb, op.open(file), tmp_path, force=True)
    if verb == "report":
        assert b"SHA-256" in expected
        assert b"SHA-256" not in own
        assert b".h5" not in own
        assert own.count(b"<figure") == expected.count(b"<figure") == 1
    else:
        assert own == expected


@pytest.mark.parametrize("verb", OUTPUTS)
def test_a_problem_in_any_form_is_solved_first(verb, tmp_path):
    table = {"attention": {"heads": 1}, "task": {"signal": {"kind": "spikes", "strengths": [4.0]}}}
    sources = ["single-head", table, op.load(table), op.solve(table, settings=SMALL)]
    for source in sources[1:3] if verb in ("plot", "report") else sources:
        assert written(verb, source, tmp_path, settings=SMALL, force=True)
    if verb == "save":
        assert op.open(tmp_path / OUTPUTS[verb]).time[-1] == SMALL["training.duration"]


def test_the_file_of_a_result_is_saved_with_all_that_is_in_it(result_paths, tmp_path):
    """Which a scan that was opened has not: the groups of its points."""
    path = op.save(result_paths["solve"], tmp_path / "copy.h5")
    assert path.read_bytes() == result_paths["solve"].read_bytes()
    with pytest.raises(op.FileError, match="give force=True to replace it, or another path"):
        op.save(result_paths["solve"], path)


def test_the_format_of_an_export_is_that_of_the_ending(result_paths, tmp_path):
    for ending in ("csv", "npz", "nc", "json"):
        assert op.export(result_paths["run"], tmp_path / f"run.{ending}").stat().st_size
    assert op.export(result_paths["run"], tmp_path / "plain", to="csv").read_text()[:4] == "path"


NO_LINE = ("evaluation", "optimum")
"""One point, which is refused."""


@pytest.mark.parametrize("name", [name for name in result_files.NAMES if name not in NO_LINE])
def test_every_result_draws_itself(result_paths, name, tmp_path):
    result = op.open(result_paths[name])
    options = {"at": {"attention.activation": "softmax"}} if name == "evaluate" else {}
    if name != "claim" or result.panels:
        figure = result.plot(tmp_path / "figure.svg", **options)
        assert figure.axes
        assert (tmp_path / "figure.svg").stat().st_size > 1000


def test_values_and_keys_of_a_scan_are_given_as_python_has_them(result_paths):
    by_number = op.plot(result_paths["solve"], at={"attention.heads": np.int64(2)})
    by_text = op.plot(result_paths["solve"], at={"heads": "2"}, over="attention.activation")
    assert len(by_number.axes) == len(by_text.axes)


def test_files_and_results_are_compared_in_one_figure(result_paths):
    """Named as they are asked to be."""
    files = [result_paths["run"], result_paths["simulation"]]
    for source in (files, [op.open(files[0]), files[1]]):
        figure = op.plot(source, labels=["flow", "replicas"])
        told = " ".join(text.get_text() for text in figure.findobj(Text))
        assert "flow" in told
        assert "replicas" in told


BAD = {
    "a path that is none": (
        lambda: op.save("single-head", 3),
        "expected the path of a result file",
    ),
    "a folder": (lambda: op.report("single-head", "pages/"), "names a directory"),
    "another ending": (lambda: op.save("single-head", "run.csv"), "has the ending .h5 or .hdf5"),
    "no format": (lambda: op.export("single-head", "run.xls"), "has the ending .csv"),
    "an unknown format": (lambda: op.export("single-head", "run", to="xls"), "to: expected one of"),
    "a missing format": (lambda: op.export("single-head", "run"), "to: expected"),
    "values of no scan": (lambda: op.plot("single-head", at={"a": 1}), "changes nothing in"),
    "values that are none": (lambda: op.plot("single-head", at=3), "at: expected a table"),
    "a size that is none": (lambda: op.plot("single-head", size=(1,)), "size: expected"),
    "a title that is none": (lambda: op.plot("single-head", title=3), "title: expected a text"),
    "quantities that are none": (
        lambda: op.plot("single-head", quantity=[1]),
        "quantity: expected",
    ),
    "excess in words": (lambda: op.plot("single-head", excess="yes"), "excess: expected"),
    "no style": (lambda: op.plot("single-head", style=3), "expected the path of a style sheet"),
    "no plane": (lambda: op.plot("single-head", plane=1), "plane: expected two directions"),
    "no analysis": (lambda: op.plot("single-head", kind="modes"), r"orderparams.analyze\("),
    "a misspelt option": (lambda: op.plot("single-head", tile=""), "did you mean 'title'"),
    "too many labels": (
        lambda: op.plot(op.evaluate("single-head"), labels=["a", "b"]),
        "labels: 2 names of 1 results",
    ),
    "an output that is none": (
        lambda: op.scan("single-head", {"initial.seed": [1]}, output=3),
        "expected the path of a result file to write",
    ),
    "no result": (lambda: op.plot(3), "expected a preset's name, a path"),
    "a run that fails": (
        lambda: op.export("single-head", "a.csv", settings={"integrator.max_steps": 1}),
        "the run did not finish: .* solve returns what was reached",
    ),
    "progress in words": (lambda: op.solve("single-head", progress="yes"), "progress: expected"),
    "an evaluation": (lambda: op.evaluate("single-head").plot(), "one point"),
    "workers": (lambda: op.simulate("single-head", workers=0), "workers: expected"),
    "workers in words": (lambda: op.validate("single-head", workers="all"), "workers: expected"),
    "false alarms": (lambda: op.validate("single-head", false_alarm=1), "between 0 and 1"),
    "no function": (lambda: op.solve("single-head", checkpoint="a.h5"), "a function to call"),
    "workers of a scan": (
        lambda: op.scan("single-head", {"initial.seed": [1]}, workers=-1),
        "workers: expected",
    ),
    "a replica": (lambda: op.analyze("single-head", replica="a"), "replica: expected"),
    "seconds": (lambda: op.solve("single-head", max_seconds="1"), "max_seconds: expected"),
    "an interval": (lambda: op.simulate("single-head", interval=-1), "interval: expected"),
    "what to resume": (lambda: op.solve("single-head", resume="run.h5"), "resume: expected"),
    "a mode": (lambda: op.scan("single-head", {"initial.seed": [1]}, mode="a"), "mode: expected"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_told_in_the_words_of_python(name, tmp_path, monkeypatch):
    """At once: nothing is written, and no option of the shell is named."""
    monkeypatch.chdir(tmp_path)
    call, message = BAD[name]
    with pytest.raises(op.OrderparamsError, match=message) as caught:
        call()
    assert "--" not in str(caught.value)
    assert " -o" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_settings_without_effect_are_told_where_the_verb_was_called(tmp_path):
    for verb, name in OUTPUTS.items():
        with pytest.warns(op.IgnoredSettingWarning, match="simulation.dimension") as told:
            getattr(op, verb)(
                "single-head", tmp_path / name, settings=SMALL | {"simulation.dimension": 9}
            )
        assert told[0].filename == __file__


def test_a_page_without_a_figure_says_why(monkeypatch, tmp_path):
    run = op.solve("single-head", settings=SMALL)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.warns(UserWarning, match="no figure: figures need matplotlib"):
        op.report(run, tmp_path / "run.html")
    assert "<figure" not in (tmp_path / "run.html").read_text("utf-8")
