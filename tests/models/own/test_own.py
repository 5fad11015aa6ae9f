"""Models of one's own against the same models as they come with the program."""

import sys
from importlib import metadata
from pathlib import Path

import numba
import numpy as np
import pytest
from click.testing import CliRunner

import orderparams as op
from orderparams.cli.main import orderparams
from orderparams.errors import ConfigurationError, FileError
from orderparams.models import registry

HERE = Path(__file__).parent
COMMITTEE, SOFTMAX = HERE / "own_committee.py", HERE / "own_softmax.py"

START = {
    "training": {"rule": "sgd", "learning_rate": 0.5, "duration": 5.0},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.3, 0.1], [0.05, 0.4]],
        "self_overlap": [[0.5, 0.1], [0.1, 0.6]],
    },
    "output": {"points": 11},
}
OWN = {
    "my-committee": {**START, "model": "my-committee", "task": {"noise": 0.2}},
    "own-softmax": {**START, "model": "own-softmax"},
}
COMES_WITH = {
    "my-committee": {
        **START,
        "model": "committee",
        "task": {"teachers": 2, "noise": 0.2},
        "network": {"students": 2},
    },
    "own-softmax": {
        **START,
        "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0, 2.25]}},
        "attention": {"heads": 2, "head_weights": "mean"},
    },
}
NOISE = {"my-committee": 0.5 * 0.2**2, "own-softmax": 0.0}
"""What the risk of one's own counts beside: the noise of the labels is in its loss."""


@pytest.fixture(scope="module", autouse=True)
def files():
    """The two models are known; afterwards none is."""
    for path in (COMMITTEE, SOFTMAX):
        op.register(path)
    yield
    registry.OWN.clear()
    registry.FILES.clear()


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """What a test makes known is forgotten after it."""
    for name in ("OWN", "FILES"):
        monkeypatch.setattr(registry, name, getattr(registry, name).copy())


@pytest.mark.parametrize("name", OWN)
def test_expectations_are_those_of_the_model_that_comes_with_the_program(name):
    own, usual = op.evaluate(OWN[name]), op.evaluate(COMES_WITH[name])
    assert abs(own.risk - usual.risk - NOISE[name]) < 2e-3
    for parameter in ("overlap", "self_overlap"):
        for found in ("gradient", "velocity"):
            there, here = getattr(usual, found)[parameter], getattr(own, found)[parameter]
            np.testing.assert_allclose(here, there, atol=2e-3)
    np.testing.assert_allclose(own.noise, usual.noise, atol=3e-3)


@pytest.mark.parametrize("rule", ["gradient-flow", "sgd"])
def test_so_is_the_flow(rule):
    settings = {"training.rule": rule, "expectation.samples": 2**16}
    own = op.solve(OWN["my-committee"], settings=settings)
    usual = op.solve(COMES_WITH["my-committee"], settings={"training.rule": rule})
    np.testing.assert_allclose(own.overlap, usual.overlap, atol=2e-3)
    np.testing.assert_allclose(own.self_overlap, usual.self_overlap, atol=2e-3)


def test_spheres_repulsion_and_decay_are_those_of_vectors():
    """With the committee machine of the program as the oracle."""
    for changed in (
        {"training.constraint": "sphere"},
        {"training.weight_decay": 0.2, "training.repulsion": {"strength": 0.1}},
    ):
        own, usual = (op.evaluate(of["my-committee"], settings=changed) for of in (OWN, COMES_WITH))
        for parameter in ("overlap", "self_overlap"):
            here, there = own.velocity[parameter], usual.velocity[parameter]
            np.testing.assert_allclose(here, there, atol=2e-3)


@pytest.mark.parametrize(("name", "backend"), [("my-committee", "gram"), ("own-softmax", "direct")])
def test_sgd_agrees_with_the_flow(name, backend):
    settings = {
        "simulation.backend": backend,
        "simulation.dimension": 400,
        "simulation.replicas": 8,
        "expectation.samples": 2**15,
    }
    found = op.validate(OWN[name], settings=settings, workers=2)
    assert found.verdict == "agree", found.reason


def test_sgd_is_that_of_the_model_that_comes_with_the_program():
    """The same dimension and law, other random numbers: means within four standard errors."""
    settings = {"simulation.dimension": 50, "simulation.replicas": 200, "output.points": 3}
    own, usual = (
        op.simulate(of["my-committee"], settings=settings | {"simulation.seed": seed}, workers=2)
        for seed, of in enumerate((OWN, COMES_WITH))
    )
    for parameter in ("overlap", "self_overlap"):
        here, there = own[parameter][:, -1], usual[parameter][:, -1]
        spread = np.sqrt((here.var(axis=0) + there.var(axis=0)) / 200)
        assert (abs(here.mean(axis=0) - there.mean(axis=0)) < 4 * spread).all()


def test_the_gradient_in_self_overlaps_is_not_known_where_nothing_lies_outside():
    flat = op.evaluate(
        OWN["my-committee"], settings={"initial.self_overlap": [[0.1, 0.055], [0.055, 0.1625]]}
    )
    assert np.isnan(flat.gradient["self_overlap"]).all()
    assert np.isfinite(flat.velocity["self_overlap"]).all()


def perceptron(scale):
    @numba.njit
    def loss(fields, hidden, random, settings, gradient):
        error = fields[0, 0] - hidden[0, 0]
        gradient[0, 0] = scale * error
        return 0.5 * scale * error**2

    return op.OwnModel("perceptron", loss)


def test_a_kernel_of_a_notebook_has_no_file():
    """One step of a linear perceptron of unit rate: dm/dt = 1 at the origin, V = q* = 1."""
    cell = """
@numba.njit
def loss(fields, hidden, random, settings, gradient):
    gradient[0, 0] = fields[0, 0] - hidden[0, 0]
    return gradient[0, 0] ** 2 / 2
"""
    notebook = {"numba": numba, "__name__": "cell"}
    exec(cell, notebook)
    op.register(op.OwnModel("of-a-notebook", notebook["loss"]))
    start = {"kind": "explicit", "overlap": [[0.0]]}
    problem = {"model": "of-a-notebook", "initial": start, "training": {"duration": 0.01}}
    settings = {"simulation.dimension": 100, "simulation.replicas": 1000, "output.points": 2}
    found = op.simulate(problem, settings=settings, workers=2)["overlap"][:, -1, 0, 0]
    assert abs(found.mean() - 0.01) < 4 * found.std() / 1000**0.5


def test_a_later_model_of_a_name_takes_the_place_of_the_earlier():
    """Closed form: the risk at the origin is half the scale."""
    start = {"initial": {"kind": "explicit", "overlap": [[0.0]]}, "model": "perceptron"}
    for scale in (1.0, 3.0):
        op.register(perceptron(scale))
        found = op.evaluate(start)
        assert abs(found.risk - 0.5 * scale) < 1e-6
        assert abs(found.velocity["overlap"][0, 0] - scale) < 1e-6


def test_a_package_makes_models_known(monkeypatch):
    registry.OWN.clear()
    registry.FILES.clear()

    class Entry:
        def load(self):
            return perceptron(1.0)

    def entry_points(group, name):
        return [Entry()] if (group, name) == ("orderparams.models", "perceptron") else []

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    assert op.load({"model": "perceptron"}).task.vectors == 1
    assert registry.model_file("perceptron") is None
    with pytest.raises(ConfigurationError, match=r'none called "others".*register'):
        op.load({"model": "others"})


def test_points_of_a_scan_know_a_model_from_its_file(tmp_path):
    vary = {"task.noise": [0.0, 0.2]}
    scan = op.scan(OWN["my-committee"], vary, action="evaluate", workers=1)
    assert (scan["status"] == "finished").all()
    assert abs(np.diff(scan["risk"])[0] - 0.02) < 1e-3
    op.register(perceptron(1.0))
    with pytest.raises(ConfigurationError, match=r"known to this process only.*of its own"):
        op.scan({"model": "perceptron"}, {"expectation.seed": [0, 1]}, action="evaluate")


def test_the_shell_takes_the_file_with_every_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    registry.OWN.clear()
    Path("run.toml").write_text(
        'model = "my-committee"\n[training]\nduration = 2\n[output]\npoints = 5\n', "utf-8"
    )

    def run(*arguments, own=True):
        more = ("--model-file", str(COMMITTEE)) if own else ()
        registry.OWN.clear()
        return CliRunner().invoke(orderparams, [*arguments, *more])

    for arguments in (
        ("solve", "run.toml", "-o", "run.h5"),
        ("info", "run.h5"),
        ("analyze", "run.h5"),
        ("plot", "run.h5"),
        ("report", "run.h5"),
        ("export", "run.h5", "-o", "run.csv"),
    ):
        said = run(*arguments)
        assert said.exit_code == 0, said.output
    assert (tmp_path / "run.png").stat().st_size > 10_000
    assert "student" in (tmp_path / "run.csv").read_text("utf-8").splitlines()[0]
    for arguments in (("solve", "run.toml"), ("info", "run.h5")):
        error = run(*arguments, own=False).exception
        assert isinstance(error, ConfigurationError | FileError)
        assert "there is none called" in str(error)


KERNEL = "import numba, orderparams as op\n@numba.njit\ndef loss(f, h, r, s, g):\n    {}\n"
WRONG = {
    "a function": ("import orderparams as op\nop.OwnModel('mine', lambda *a: 0.0)", "no kernel"),
    "name": (KERNEL.format("return 0.0") + "op.OwnModel('my model', loss)", "a name has letters"),
    "taken": (KERNEL.format("return 0.0") + "op.OwnModel('committee', loss)", "another name"),
    "count": (KERNEL.format("return 0.0") + "op.OwnModel('m', loss, tokens=0)", "from 1 on"),
    "setting": (
        KERNEL.format("return 0.0") + "op.OwnModel('m', loss, settings={'a': 'b'})",
        "a = str 'b', but it is a finite number",
    ),
    "reserved": (
        KERNEL.format("return 0.0") + "op.OwnModel('m', loss, settings={'tokens': 1})",
        "has a meaning already",
    ),
    "none": ("import numpy", "there is no model in it"),
    "fails": ("1 / 0", "line 1: ZeroDivisionError: division by zero"),
    "syntax": ("a =", "line 1: SyntaxError"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_a_file_without_a_proper_model_is_refused_with_one_message(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        op.register(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


BAD = {
    "no number": (
        "return g",
        "loss returns ndarray, but it is to return one",
    ),
    "not finite": ("return h[0, 0] / (r[0] - r[0])", "loss or gradient is not finite"),
    "no such setting": ("return s.width * 1.0", "does not compile: "),
    "outside": ("return f[0]", "loss returns ndarray"),
}


@pytest.mark.parametrize(("body", "message"), BAD.values(), ids=BAD)
def test_a_kernel_that_does_what_it_must_not_is_refused(tmp_path, body, message):
    path = tmp_path / "mine.py"
    path.write_text(
        KERNEL.format(body) + "model = op.OwnModel('mine', loss, random=1)", encoding="utf-8"
    )
    op.register(path)
    with pytest.raises(ConfigurationError) as caught:
        op.evaluate({"model": "mine"})
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


def test_what_models_of_ones_own_have_is_told_with_them():
    registry.OWN.clear()
    with pytest.raises(ConfigurationError, match="'committee', or one of your own, has it; set m"):
        op.load("in-context-pairs", {"fluctuations.enabled": True})


def test_starts_are_checked_and_files_must_exist(tmp_path):
    with pytest.raises(ConfigurationError, match=r"expected 2 rows \(task.vectors\) of 2 numbers"):
        op.load({**OWN["my-committee"], "initial": {"kind": "explicit", "overlap": [[1.0]]}})
    with pytest.raises(ConfigurationError, match="no student is shorter"):
        op.load(OWN["my-committee"], settings={"initial.self_overlap": [[0.1, 0], [0, 0.1]]})
    with pytest.raises(ConfigurationError, match=r"initial.dimension = 3 is too small"):
        op.load({"model": "my-committee", "initial": {"dimension": 3}})
    with pytest.raises(ConfigurationError, match=r"training.inertia is not served"):
        op.load(OWN["my-committee"], settings={"training.inertia": {"friction": 1.0}})
    with pytest.raises(FileError, match="does not exist"):
        op.register(tmp_path / "none.py")
    with pytest.raises(ConfigurationError, match="a Python file with one, not 3"):
        op.register(3)
    assert "orderparams_model_own_committee" in sys.modules
