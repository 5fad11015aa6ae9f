"""Keys as data: each has a meaning, and what is said of it is so."""

import pytest

from orderparams.config.keys import Key, entries, keys, matching, near, size
from orderparams.config.sections import check_of, known_keys, problem_type
from orderparams.config.values import Choice, ListOf, Real, Whole
from orderparams.config.words import SYMBOLS
from orderparams.models import registry
from orderparams.sources import load

MODELS = registry.names()


def numeric(check):
    """Whether values of a key are numbers, or lists of them."""
    if isinstance(check, ListOf):
        return numeric(check.item)
    return isinstance(check, Real | Whole) or (isinstance(check, Choice) and check.numbers)


@pytest.mark.parametrize("model", MODELS)
def test_every_key_has_a_meaning_and_every_number_a_unit(model):
    known = {key.name: key for key in keys(model)}
    assert known.keys() >= set(known_keys(problem_type(model)))
    for name, key in known.items():
        assert 3 < len(key.meaning) < 90, name
        assert key.meaning[-1] not in ".;", name
        check = check_of(name.replace("[i]", "[0]"), problem_type(model))
        if numeric(check) and not name.endswith("seed"):
            assert key.unit, name
        if isinstance(check, Choice):
            assert all(word in key.allowed for word in check.words)


def test_a_key_without_a_meaning_cannot_be_defined():
    from orderparams.config.sections import option

    with pytest.raises(TypeError, match="meaning"):
        option(Real(), 1.0)


@pytest.mark.parametrize("model", MODELS)
def test_symbols_are_told(model):
    told = {key.name: key.told() for key in keys(model)}
    shared = {name: symbol for name, symbol in SYMBOLS.items() if name in told}
    for name, symbol in (shared | registry.configuration(model).SYMBOLS).items():
        assert told[name].startswith(f"{symbol}: ")


def test_what_models_have_alike_stands_once():
    known = keys()
    assert len({(key.name, model) for key in known for model in key.models}) == sum(
        len(key.models) for key in known
    )
    owners = {key.name: key.models for key in known if key.name in ("integrator.rtol", "task")}
    assert owners["integrator.rtol"] == MODELS
    assert [key.default for key in known if key.name == "training.duration"] == [1500.0, 200.0, 1e4]
    assert {key.name for key in known} == {key.name for model in MODELS for key in keys(model)}


@pytest.mark.parametrize("activation", ["softmax", "softmax-1", "bayes-softmax"])
def test_defaults_that_another_key_decides_are_told(activation):
    """The first value is that of all activations that are not named."""
    told = {key.name: key.left_out for key in keys("single-location")}
    found = load("two-stage", [f"attention.activation={activation}"]).attention
    for name in ("kappa", "bias", "head_weights"):
        value, *others = told[f"attention.{name}"].split("; ")
        for other in others:
            text, _, words = other.partition(" for ")
            value = text if activation in words.split(" and ") else value
        assert value.strip('"') == str(getattr(found, name))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (256, "256"),
        (999_998, "999998"),
        (10**6, "10^6"),
        (10**12, "10^12"),
        (2**26, "2^26"),
        (2**63 - 1, "2^63 - 1"),
        (2**63, "2^63"),
        (3 * 10**6, "3000000"),
    ],
)
def test_large_bounds_are_powers(number, text):
    assert size(number) == text


def test_a_pattern_is_sought_in_names_and_meanings():
    known = keys()
    names = {key.name for key in matching("LEARNING", known)}
    assert {"training.learning_rate", "training.bias_rate", "initial"} <= names
    assert matching("no such text", known) == []
    found = {key.name for key in matching("γ", known)}
    assert found == {"training.learning_rate", "task.signal_noise"}
    assert {key.name for key in matching("task.*len?th.w", known)} == {"task.length.weights"}
    assert matching("[task", known) == []
    assert near("haeds", known) == ["attention.heads"]
    assert near("integrator.mxa_steps", known) == ["integrator.max_steps"]
    assert near("zzzzzz", known) == []


def test_keys_of_tables_in_lists_are_keys():
    names = {name for name, _ in entries(problem_type("single-location"))}
    assert {"task.signal.components[i].mean", "task.length.weights"} <= names
    assert all(isinstance(key, Key) for key in keys())
