"""Settings without effect: key by key, command by command, changed and looked at.

The oracle is the experiment: either the numbers of a result change with a key, or the key is named;
and what is named changes nothing.
"""

import functools
import itertools

import numpy as np
import pytest

import orderparams as op
from orderparams.analysis import optimum as module
from orderparams.config import parse, to_table
from orderparams.config.sections import Given, known_keys, problem_type
from orderparams.config.unused import ignored
from orderparams.errors import ConfigurationError, SolverError
from orderparams.models.unused import unsimulated

BASE = {
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0, 1.0]}},
    "attention": {"heads": 2},
    "training": {"duration": 1.0},
    "initial": {"dimension": 100, "variance": 0.3},
    "expectation": {"tolerance": 1e-4, "samples": 256},
    "output": {"points": 3},
    "fluctuations": {"nodes": 64, "points": 6},
    "simulation": {"dimension": 60, "replicas": 2},
}

EXPLICIT = {"kind": "explicit", "overlap": [[0.5, 0.1], [-0.3, 0.4]]}
MIXTURE = {
    "kind": "mixture",
    "components": [
        {"mean": [1.0, 0.0], "weight": 2.0},
        {"mean": [0.0, 2.0], "variances": [0.5, 0.2]},
        {"mean": [3.0, 3.0], "weight": 0.0},
    ],
}

CONTEXTS = {
    "softmax": {},
    "softmax-sgd": {"training.rule": "sgd", "attention.bias": "learned"},
    "one-head-sgd": {"training.rule": "sgd", "attention.heads": 1, "task.target": "token"},
    "scalar-sgd": {"training.rule": "sgd", "attention.heads": 1, "task.target": "scalar"},
    "softmax-1-explicit": {"attention.activation": "softmax-1", "initial": EXPLICIT},
    "learned": {
        "attention.activation": "softmax-1",
        "attention.bias": "learned",
        "attention.head_weights": "learned",
    },
    "importance": {
        "attention.head_weights": "importance",
        "training.importance_penalty": 0.1,
        "initial.importance": [0.6, 0.4],
    },
    "bayes": {"attention.activation": "bayes-softmax", "training.rule": "sgd"},
    "one-bayes": {"attention.activation": "bayes-softmax", "attention.heads": 1},
    "inertia": {"training.inertia": {"friction": 0.7, "gain": 0.5}},
    "sampling": {"expectation.engine": "sampling"},
    "origin": {"initial.variance": 0.0},
    "linear-sgd": {
        "attention.activation": "linear",
        "attention.slope": "learned",
        "attention.intercept": "learned",
        "training.rule": "sgd",
    },
    "fluctuating": {
        "attention.heads": 1,
        "training.rule": "sgd",
        "fluctuations.enabled": True,
    },
    "erf": {"attention.activation": "erf", "attention.bias": "learned"},
    "softplus": {"attention.activation": "softplus"},
    "values": {"attention.heads": 1, "attention.value": "learned", "task.target": "scalar"},
    "values-sgd": {
        "attention.value": "learned",
        "task.target": "scalar",
        "training.rule": "sgd",
        "initial": EXPLICIT | {"value_alignment": [0.3, 0.5], "key_target_overlap": [0.1, 0.0]},
    },
    "manifold": {
        "attention.value": "learned",
        "task.target": "scalar",
        "initial": EXPLICIT | {"value_alignment": [0.3, 0.5]},
    },
    "bayes-values": {
        "attention.activation": "bayes-softmax",
        "attention.value": "learned",
        "task.target": "scalar",
        "initial": EXPLICIT | {"value_alignment": [0.3, 0.5]},
    },
    "tied": {"attention.value": "tied", "task.target": "scalar"},
    "bayes-tied": {
        "attention.activation": "bayes-softmax",
        "attention.value": "tied",
        "task.target": "scalar",
        "expectation.engine": "sampling",
    },
    "shared": {"attention.heads": 3, "attention.keys": "shared", "attention.shared.learned": True},
    "shared-explicit": {
        "attention.heads": 3,
        "attention.keys": "shared",
        "attention.shared.mixing": [[1.0, 0.2], [-0.5, 0.8], [0.3, -1.0]],
        "initial.kind": "explicit",
        "initial.base_overlap": [[0.5, 0.1], [-0.3, 0.4]],
        "training.rule": "sgd",
    },
    "erf-values": {
        "attention.activation": "erf",
        "attention.value": "learned",
        "attention.intercept": "learned",
        "task.target": "scalar",
        "training.rule": "sgd",
    },
    "linear-values": {
        "attention.activation": "linear",
        "attention.value": "tied",
        "task.target": "scalar",
        "training.rule": "sgd",
    },
    "softplus-values": {
        "attention.activation": "softplus",
        "attention.value": "learned",
        "task.target": "scalar",
        "initial": EXPLICIT | {"value_alignment": [0.3, 0.5]},
    },
    "mixture": {"task.signal": MIXTURE, "task.length": {"values": [2, 4], "weights": [1.0, 1.0]}},
}

OTHERS = {
    "task": [],
    "task.signal": [{"kind": "spikes", "strengths": [3.0, 2.0]}],
    "task.signal.kind": ["flipped-spikes"],
    "task.signal.mean": [],
    "task.signal.strengths": [[2.0, 1.0]],
    "task.signal.variances": [],
    "task.signal.covariance": [],
    "task.signal.components": [[*MIXTURE["components"][:2][::-1], {"mean": [1.0, 1.0]}]],
    "task.length": [5, {"values": [2, 4], "weights": [3.0, 1.0]}],
    "task.length.values": [[2, 5]],
    "task.length.weights": [[3.0, 1.0]],
    "task.target": ["scalar", "token"],
    "task.noise": [0.5],
    "task.signal_noise": [0.7],
    "task.feature_correlation": [[[1.0, 0.4], [0.4, 1.0]]],
    "attention.heads": [3],
    "attention.activation": ["softmax-1", "softmax"],
    "attention.kappa": [0.7],
    "attention.bias": ["norm", [0.3, -0.2], [0.4]],
    "attention.head_weights": ["sum", [0.8, 0.4], [0.7]],
    "attention.importance_total": [1.4],
    "attention.slope": [0.7, [0.4, 1.3], [0.3]],
    "attention.intercept": [0.2, [0.4, 0.1], [0.3]],
    "attention.value": ["learned", "tied", "known"],
    "attention.keys": ["shared"],
    "attention.shared": [{"bases": 1, "seed": 3}],
    "attention.shared.bases": [1, 3],
    "attention.shared.mixing": [[[0.4, 0.2], [-0.5, 0.8], [0.3, -1.0]]],
    "attention.shared.learned": [True, False],
    "attention.shared.seed": [7],
    "training.mixing_rate": [2.0],
    "training.value_rate": [2.0],
    "training.rule": ["sgd", "gradient-flow"],
    "training.learning_rate": [1.3],
    "training.batch_size": [2],
    "training.weight_decay": [0.1],
    "training.duration": [1.2],
    "training.schedule": [{"kind": "inverse", "time": 1.0}],
    "training.schedule.kind": [],  # one needs others of these
    "training.schedule.time": [],
    "training.schedule.final": [],
    "training.schedule.times": [],
    "training.schedule.factors": [],
    "training.momentum": [0.5],
    "training.constraint": ["sphere"],
    "training.inertia": [],  # it needs both of these
    "training.inertia.friction": [0.4],
    "training.inertia.gain": [0.6],
    "training.repulsion": [{"kind": "cosine", "strength": 0.2}],
    "training.repulsion.kind": ["gaussian"],
    "training.repulsion.strength": [0.3],
    "training.repulsion.width": [],  # of another kind than the default
    "training.bias_rate": [2.0],
    "training.head_weight_rate": [2.0],
    "training.importance_rate": [2.0],
    "training.importance_penalty": [0.2],
    "training.slope_rate": [2.0],
    "training.intercept_rate": [2.0],
    "initial.kind": [],
    "initial.variance": [0.2],
    "initial.dimension": [90],
    "initial.seed": [5],
    "initial.overlap": [[[0.2, 0.1], [0.1, 0.1]]],
    "initial.self_overlap": [[[1.0, 0.1], [0.1, 1.0]]],
    "initial.values": ["zero"],
    "initial.key_target_overlap": [[0.2, 0.1]],
    "initial.value_alignment": [[0.2, 0.1]],
    "initial.value_self_overlap": [[[1.0, 0.1], [0.1, 1.0]]],
    "initial.value_overlap": [[[0.2, 0.1], [0.1, 0.1]]],
    "initial.key_value_overlap": [[[0.0, 0.0], [0.1, 0.0]]],
    "initial.base_overlap": [[[0.2, 0.1], [0.1, 0.1]]],
    "initial.base_self_overlap": [[[1.0, 0.1], [0.1, 1.0]]],
    "initial.bias": [[0.3, -0.2]],
    "initial.head_weights": [[0.3, 1.2]],
    "initial.importance": [[0.3, 1.2]],
    "initial.slope": [[0.3, 1.2]],
    "initial.intercept": [[0.3, 1.2]],
    "expectation.engine": ["sampling", "auto"],
    "expectation.tolerance": [1e-7],
    "expectation.samples": [512],
    "expectation.seed": [5],
    "integrator.method": ["RK45"],
    "integrator.rtol": [1e-4],
    "integrator.atol": [1e-5],
    "integrator.max_steps": [1],
    "integrator.stop_at_rest": [],  # no run here lasts as long; it has a test of its own
    "output.points": [4],
    "output.spacing": ["log"],
    "fluctuations.enabled": [True, False],
    "fluctuations.nodes": [128],
    "fluctuations.seed": [5],
    "fluctuations.points": [7],
    "fluctuations.start": ["random"],
    "fluctuations.bias": [False],
    "simulation.backend": ["direct"],
    "simulation.dimension": [70],
    "simulation.replicas": [3],
    "simulation.seed": [5],
}
"""Other values of every key; what a context cannot have is left out there."""

CANCELS = {"attention.bias", "initial.bias", "training.bias_rate"}
"""Keys that where they are named change no more than the last digits."""


@functools.cache
def solve(problem):
    run = op.solve(problem)
    names = (
        "time",
        "overlap",
        "self_overlap",
        "risk",
        "bias",
        "head_weight",
        "logit_slope",
        "intercept",
    )
    found = {name: value for name in names if (value := getattr(run, name)) is not None}
    about = run.fluctuations
    own = {} if about is None else {"covariance": about.covariance, "shift": about.shift}
    return found | own


def evaluate(problem):
    found = op.evaluate(problem)
    names = ("risk", "error_estimate", "noise_error")
    parts = {name: np.array(getattr(found, name), float) for name in names}
    parts |= {f"{name}_gradient": value for name, value in found.gradient.items()}
    return parts | {f"{name}_velocity": value for name, value in found.velocity.items()}


def simulate(problem):
    run = op.simulate(problem)
    records = run.records
    kept = {"time": records.time, "step": records.step, "loss": records.loss, "risk": run.risk}
    return {**records.parameters, **kept}


def validate(problem):
    result = op.validate(problem, test="replicas")
    parts = {}
    for size, run in result.simulations.items():
        kept = {"overlap": run["overlap"], "loss": run.records.loss, "risk": run.risk}
        parts |= {f"{name} {size}": value for name, value in kept.items()}
        for r, flow in enumerate(result.theory[size]):
            parts |= {f"flow {size} {r}": flow.overlap, f"flow risk {size} {r}": flow.risk}
    return parts


def analyze(problem):
    """What an analysis takes of the settings: the run, and the search for the optimum."""
    return solve(problem) | {"best " + name: of for name, of in optimum(problem).items()}


@functools.cache
def optimum(problem):
    found = module.optimum(problem)
    return {"x": found.point.x, "risks": np.array(found.values)}


COMMANDS = {f.__name__: f for f in (solve, evaluate, simulate, validate, analyze, optimum)}


def assigned(table, key, value):
    """A copy of a table with one value."""
    head, _, rest = key.partition(".")
    branch = table.get(head)
    branch = branch if isinstance(branch, dict) else {}
    return table | {head: assigned(branch, rest, value) if rest else value}


def context(name):
    table = BASE
    for key, value in CONTEXTS[name].items():
        table = assigned(table, key, value)
    return table


def equal(first, second, cancels):
    """Whether two results are the same; of a bias that cancels, whether all but it is."""
    if cancels:
        first, second = (
            {name: of for name, of in parts.items() if "bias" not in name}
            for parts in (first, second)
        )
    if {name: of.shape for name, of in first.items()} != {n: of.shape for n, of in second.items()}:
        return False
    near = {"rtol": 1e-4, "atol": 1e-4} if cancels else {"rtol": 0, "atol": 0}
    return all(np.allclose(first[n], second[n], **near, equal_nan=True) for n in first)


def test_every_key_has_another_value():
    containers = {"model", "title", "attention", "training", "initial", "expectation", "integrator",
                  "output", "fluctuations", "simulation"}  # fmt: skip
    assert set(known_keys(problem_type("single-location"))) - containers == set(OTHERS)


SIMULATION = ("dimension", "backend", "seed", "replicas")
VALUES = {name for name, of in CONTEXTS.items() if of.get("attention.value")}
SHARED = {"shared", "shared-explicit"}

PAIRS = [
    *itertools.product(
        CONTEXTS.keys() - {"bayes", "one-bayes", "origin"} - VALUES - SHARED, ("solve",)
    ),
    *itertools.product(CONTEXTS.keys() - {"origin"}, ("evaluate",)),
    *itertools.product(
        ("softmax-sgd", "softmax-1-explicit", "sampling", "linear-sgd", "inertia"), ("simulate",)
    ),
    ("values", "simulate"),
    ("shared", "simulate"),
    ("origin", "solve"),
    ("softmax-sgd", "validate"),
    ("one-head-sgd", "analyze"),
    ("one-head-sgd", "optimum"),
]
"""A context for each thing that settings can rule out; what takes long in as few as will do."""


@pytest.fixture(autouse=True)
def few_starts(monkeypatch):
    monkeypatch.setattr(module, "LEAST", 2)
    monkeypatch.setattr(module, "MOST", 2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "command"), sorted(PAIRS))
def test_a_key_changes_the_result_or_is_named(name, command):
    table = context(name)
    original = COMMANDS[command](parse(table))
    wrong = {}
    for key, values in OTHERS.items():
        if name == "fluctuating" and not key.startswith("fluctuations."):
            continue  # softmax-sgd has the others
        named, changed = set(), set()
        for value in values:
            try:
                problem = parse(assigned(table, key, value))
                if problem == parse(table):
                    continue
                result = COMMANDS[command](problem)
            except ConfigurationError:  # not in this context
                continue
            except SolverError:  # too few steps
                result = {}
            if command == "validate":  # whatever the configuration says
                problem = parse(assigned(to_table(problem), "training.rule", "sgd"))
            here = key in ignored(problem, command, Given(assigned=frozenset([key])))
            named.add(here)
            changed.add(not equal(original, result, key in CANCELS and here))
            if here and changed == {True}:
                break
        if named and (named == {True}) == (True in changed):
            wrong[key] = (named, changed)
    assert not wrong


def test_what_is_across_the_manifold_of_bayes_softmax_is_sampled():
    problem, keys = parse(context("bayes-values")), ["expectation.samples", "expectation.tolerance"]
    given = Given(assigned=frozenset(keys))
    named = {command: [*ignored(problem, command, given)] for command in COMMANDS}
    assert named["evaluate"] == named["solve"] == ["expectation.samples"]
    assert named["analyze"] == []
    assert named["optimum"] == ["expectation.tolerance"]


@pytest.mark.parametrize(
    ("value", "replicas", "named"),
    [
        ("known", 0, {"simulation.replicas", "simulation.seed", "simulation.backend"}),
        ("known", 5, {"simulation.replicas"}),
        ("learned", 0, {f"simulation.{key}" for key in SIMULATION}),
    ],
)
def test_analyze_simulates_replicas_beside_laws_of_escape_alone(value, replicas, named):
    """Of dimension, backend, seed and number: laws have a dimension, and no others without
    replicas; what analyzes itself has no laws."""
    settings = {"attention.value": value, "task.target": "scalar", "fluctuations.enabled": True}
    problem = op.load("finite-learning-rate", {**settings, "initial": {"kind": "random"}})
    given = Given(assigned=frozenset(f"simulation.{key}" for key in SIMULATION))
    more = unsimulated(problem, "analyze", replicas)
    assert set(ignored(problem, "analyze", given, more)) == named
    assert unsimulated(problem, "solve", 0) == ()


def test_a_stop_at_rest_counts_where_a_flow_is_integrated():
    table = assigned(context("origin"), "training.duration", 1000.0)
    table = assigned(table, "attention.heads", 1)
    problem = parse(assigned(table, "integrator.stop_at_rest", True))
    assert op.solve(problem).status == "at rest"
    given = Given(assigned=frozenset(["integrator.stop_at_rest"]))
    named = {command for command in COMMANDS if ignored(problem, command, given)}
    assert named == {"evaluate", "simulate", "optimum"}
