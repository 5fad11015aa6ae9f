"""``--verbose``: what is being done is told on standard error, and nothing without it."""

import json
import logging
import re

import numba
import pytest

import orderparams as op
from orderparams import phases
from orderparams.cli.main import orderparams
from orderparams.errors import SolverError
from orderparams.kernel_log import Compilations

SMALL = ["single-head", "-s", "training.duration=1", "-s", "output.points=5"]
SGD = [*SMALL, "-s", "simulation.dimension=60", "-s", "simulation.replicas=2"]
ONE = re.compile(r"^\[ *\d+\.\d\d s\] ")

COMMANDS = {
    "solve": (
        [*SMALL, "-o", "a.h5"],
        ["building the flow", "risks to compare with", "integrating to t = 1", "writing a.h5"],
    ),
    "evaluate": (["single-head"], ["building the flow", "risk, gradient and velocity"]),
    "simulate": (
        [*SGD, "-o", "a.h5"],
        ["building the simulation", "SGD, gram, D = 60", "risks of the replicas", "writing a.h5"],
    ),
    "validate": (
        [*SGD, "--dimensions", "30,60", "-o", "a.h5"],
        ["SGD, gram, D = 30", "theory from the starts at D = 60", "the verdict", "writing a.h5"],
    ),
    "judge": (
        ["sgd.csv", "single-head", "--dimension", "300", "-o", "a.h5"],
        ["the order parameters of the data", "the flow between measured times", "writing a.h5"],
    ),
    "analyze": (SMALL, ["integrating to t = 1", "the optimum", "pruning"]),
    "scan": (
        ["single-head", "--vary", "task.length=3,4", "--action=evaluate", "-o", "a.h5"],
        ["making the plan", "running 2 points", "collecting the points", "writing a.h5"],
    ),
    "reproduce": (["C8", "-o", "claims"], ["claim C8"]),
}


DATA = "step,m_1_1,q_1_1\n0,0.1,0.2\n300,0.2,0.3\n"


def told(err):
    """The lines of the log, without their times."""
    return [ONE.sub("", line) for line in err.splitlines() if ONE.match(line)]


def test_every_command_that_computes_has_the_option():
    having = {
        name
        for name, command in orderparams.commands.items()
        if any("--verbose" in parameter.opts for parameter in command.params)
    }
    taking = {
        name
        for name, command in orderparams.commands.items()
        if any(parameter.name == "config" for parameter in command.params)
    }
    assert having == COMMANDS.keys() == taking - {"config"} | {"reproduce"}


@pytest.mark.parametrize("command", COMMANDS)
def test_phases_are_told_with_their_seconds(run, tmp_path, command):
    arguments, expected = COMMANDS[command]
    (tmp_path / "sgd.csv").write_text(DATA)
    status, _, err = run(command, *arguments, "--verbose")
    assert status in (0, 4, 7), err
    lines = told(err)
    begun = [lines.index(what) for what in expected]
    assert begun == sorted(begun)
    for what in expected:
        assert any(re.fullmatch(rf"{re.escape(what)}: took \d+\.\d\d s", line) for line in lines)
    assert lines[0].startswith("kernels are kept in ")
    assert re.fullmatch(r"kernels: \d+ from the cache, \d+ compiled", lines[-1])
    if command != "reproduce":
        assert "reading the configuration of single-head" in lines
    assert not phases.LOG.handlers
    assert not phases.LOG.isEnabledFor(logging.INFO)


def test_nothing_is_told_without_it(run):
    quiet = run("evaluate", "single-head", "--json")
    verbose = run("evaluate", "single-head", "--json", "-v")
    assert quiet[2] == ""
    assert verbose[1] == quiet[1]
    json.loads(verbose[1])
    assert told(verbose[2]) == [ONE.sub("", line) for line in verbose[2].splitlines()]


def test_a_result_file_is_told_to_be_read(run, result_paths):
    lines = told(run("evaluate", result_paths["run"], "-v")[2])
    assert f"reading {result_paths['run']}" in lines


def test_a_refusal_is_one_message_after_what_was_told(run):
    status, out, err = run("solve", "no-such", "-v")
    assert (status, out) == (2, "")
    *log, last = err.splitlines()
    assert last.startswith("orderparams: 'no-such' is neither")
    assert len(told(err)) == len(log)
    assert not phases.LOG.handlers


def test_a_phase_that_fails_is_told_to_be_given_up(caplog):
    caplog.set_level(logging.INFO, "orderparams")
    with pytest.raises(SolverError), phases.phase("the work"):
        raise SolverError("no")
    assert re.fullmatch(r"the work: given up after \d+\.\d\d s", caplog.messages[-1])


def test_kernels_that_are_compiled_are_told_and_counted(caplog):
    caplog.set_level(logging.INFO, "orderparams")
    called = numba.njit(lambda x: x + 1)
    caller = numba.njit(lambda x: called(x) * 2)
    compilations = Compilations()
    compilations.begin()
    assert caller(2) == 6
    compilations.end()
    name = f"{__name__}.<lambda>"
    assert caplog.messages.count(f"compiling {name}") == 2
    assert sum(line.startswith(f"compiling {name}: took ") for line in caplog.messages) == 2
    assert caplog.messages[-1].endswith(", 2 compiled")
    assert caller(2.5) == 7.0
    assert caplog.messages[-1].endswith(", 2 compiled")


def test_python_listens_in_its_own_way(caplog):
    """Phases inside of others at the level DEBUG."""
    settings = {"training.duration": 1, "simulation.replicas": 2, "output.points": 5}
    for level, inner in ((logging.INFO, False), (logging.DEBUG, True)):
        caplog.clear()
        caplog.set_level(level, "orderparams")
        op.validate("single-head", settings=settings, dimensions=[30, 60])
        assert "the verdict" in caplog.messages
        assert ("integrating to t = 1" in caplog.messages) is inner
