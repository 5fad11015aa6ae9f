"""Order parameters are read from every result in one way: result["overlap"]."""

import copy
import pickle

import numpy as np
import pytest
import result_files

import orderparams as op
from orderparams.results.schema import table

LEARNED = {"overlap", "self_overlap", "bias", "head_weight"}
PARAMETERS = {one.name: one for one in table("single-location") if one.name in LEARNED}
LEADING = {
    "run": ("time",),
    "simulation": ("replica", "time"),
    "evaluation": (),
    "validation": ("time",),
}
SIZES = {"time": 5, "replica": 3, "head": 2, "head_2": 2, "feature": 2}


@pytest.mark.parametrize("name", LEADING)
def test_by_name_with_the_axes_of_the_table(name, results):
    """Also what is learned beside the overlaps; as an attribute it is the same."""
    result = results[name]
    assert set(result) == set(result.parameters) == LEARNED
    for key, parameter in PARAMETERS.items():
        shape = tuple(SIZES[axis] for axis in (*LEADING[name], *parameter.axis_names))
        assert result[key].shape == shape
        assert key in result
        assert getattr(result, key) is result[key]


@pytest.mark.parametrize("name", LEADING)
def test_from_a_file_it_is_read_in_the_same_way(result_paths, name, results):
    result, again = results[name], op.open(result_paths[name])
    assert set(again) == LEARNED
    for key in again:
        np.testing.assert_array_equal(again[key], result[key])


def results_without(learned):
    """A run, replicas, an evaluation and a validation of a problem in which nothing is learned but
    the heads."""
    problem = op.load(result_files.TABLE, learned)
    return (
        op.solve(problem),
        op.simulate(problem),
        op.evaluate(problem),
        op.validate(problem, dimensions=[50, 100]),
    )


def test_what_does_not_move_is_not_there():
    for result in results_without(["attention={heads=2, bias='norm', activation='softmax-1'}"]):
        assert set(result) == {"overlap", "self_overlap"}
        assert "bias" not in result
        with pytest.raises(KeyError, match="'bias' is not among overlap, self_overlap"):
            result["bias"]
        if not isinstance(result, op.Validation):
            assert result.bias is None
        with pytest.raises(AttributeError, match="has no attribute 'overlapp'"):
            _ = result.overlapp


def test_a_scan_is_read_in_the_same_way(result_paths):
    scan = op.open(result_paths["solve"])
    assert scan["overlap"].shape == (2, 2, 2, 2)
    assert {"overlap", "risk", "heads", "status"} <= set(scan)
    with pytest.raises(KeyError, match="'overlapp' is not among activation, heads, "):
        scan["overlapp"]
    assert "replica_overlap" in op.open(result_paths["simulate"])


def test_references_are_read_like_order_parameters(results):
    run, evaluation = (results[name] for name in ("run", "evaluation"))
    assert run.bayes_risk == run.references["bayes_risk"] == evaluation.bayes_risk
    assert np.isnan(results["simulation"].bayes_risk)


@pytest.mark.parametrize("name", [*LEADING, "claim", "unfinished"])
@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_results_can_be_copied_and_sent_to_other_processes(name, again, results):
    result = results[name]
    assert again(result).to_xarray().identical(result.to_xarray())
