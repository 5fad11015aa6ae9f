"""Messages that name a least number: with it the same command goes on, with less it does not."""

import re

import pytest

import orderparams as op

SHORT = {
    "training.duration": 0.4,
    "output.points": 2,
    "simulation.replicas": 2,
    "simulation.dimension": 100,
}
RANDOM = {"initial": {"kind": "random"}}
DIRECT = {"simulation.backend": "direct"}
CASES = [
    ("evaluate", "single-head", "initial.dimension", {}),
    ("evaluate", "learned-values", "initial.dimension", RANDOM),
    ("evaluate", "tied-values", "initial.dimension", RANDOM),
    ("simulate", "tied-values", "simulation.dimension", {}),
    ("simulate", "learned-values", "simulation.dimension", DIRECT),
    ("validate", "learned-values", "simulation.dimension", {}),
    ("validate", "shared-keys", "simulation.dimension", DIRECT),
    ("validate", "single-head", "simulation.replicas", {}),
]


@pytest.mark.filterwarnings("ignore::orderparams.IgnoredSettingWarning")
@pytest.mark.parametrize(("verb", "preset", "key", "more"), CASES)
def test_the_least_number_that_is_named_is_enough(verb, preset, key, more):
    settings = SHORT | {"training.learning_rate": 0.01} | more
    options = {"test": "replicas"} if verb == "validate" else {}

    def named(number):
        with pytest.raises(op.ConfigurationError) as told:
            getattr(op, verb)(preset, settings=settings | {key: number}, **options)
        (least,) = re.findall(r"at least (\d+)", str(told.value))
        return int(least)

    least = named(1)
    assert named(least - 1) == least
    getattr(op, verb)(preset, settings=settings | {key: least}, **options)


def test_a_backend_is_offered_where_it_serves():
    for dimension, offered in ((8, True), (7, False)):
        with pytest.raises(op.ConfigurationError) as told:
            op.validate("single-head", settings={"simulation.dimension": dimension},
                        test="replicas")  # fmt: skip
        assert ("set simulation.backend = 'direct'" in str(told.value)) == offered
