"""Analyses of shared keys: optima, prunings, what free keys would do.

Oracles: optima and risks of free keys that are known to 1e-7 (claim X8); differences of the risk.
"""

from __future__ import annotations

import numpy as np
import pytest
from shared_bases import C, M, Q, table
from simulation_oracles import differences

import orderparams as op
from orderparams.analysis.optimum import search
from orderparams.analysis.pruning import prune
from orderparams.errors import ConfigurationError
from orderparams.models.single_location.shared.chapters import key_sizes
from orderparams.models.vectors.landscape import Landscape


@pytest.mark.parametrize("constraint", ["none", "sphere"])
def test_gradient_of_bases_and_mixing_is_that_of_the_risk(constraint):
    """In units of two rates."""
    training = {"mixing_rate": 2.5, "head_weight_rate": 0.5, "constraint": constraint}
    attention = {"activation": "softmax-1", "head_weights": "learned"}
    landscape = Landscape(op.load(table(attention, training=training)))
    x = landscape.point(landscape.flow.start)
    assert x.size == 2 * 4 + 6 + 3
    expected = differences(landscape.risk, x)
    np.testing.assert_allclose(landscape.gradient(x), expected, rtol=0, atol=1e-7)


def test_removing_a_head_is_removing_its_row():
    """Against the layer of the others; weights that are means become means over them."""
    problem = op.load(table())
    found = prune(problem, Landscape(problem).flow.start)
    for removed in ((0,), (1, 2)):
        rest = np.delete(C, removed, axis=0)
        risk = op.evaluate(table(mixing=rest)).risk
        assert found.subsets[removed] == pytest.approx(risk, abs=1e-8)
    assert found.interaction.shape == (3, 3)
    assert found.removals[1].reoptimized_risk < found.removals[1].risk


def test_a_search_starts_from_keys_of_free_heads():
    """Of bases as many as directions: all that free heads reach is reached."""
    problem = op.load("shared-keys", settings={"attention.heads": 2, "attention.shared.bases": 1})
    ends = search(Landscape(problem, tolerance=1e-6), ())
    assert ends[0][0] == pytest.approx(0.644672, abs=1e-5)


def test_pairs_stay_where_free_heads_would_part(tmp_path):
    """From this mixing heads merge into two pairs, opposite to each other."""
    settings = {"attention.shared.seed": 3, "training.duration": 1000.0, "output.points": 41}
    found = op.analyze("shared-keys", settings=settings)
    said = found.chapter("keys").sentences
    assert said[0].startswith("The keys of 4 heads span 1 direction at the end, of 2")
    assert "sharing makes it a place to stay" in said[1]
    sizes = found.chapter("keys")["key_size"]
    keys = found.trajectory["self_overlap"][-1]
    assert sizes[0] ** 2 == pytest.approx(np.trace(keys), rel=1e-5)
    assert sizes[1] < 1e-2
    assert found.stages.groups == ((0, 1), (2, 3))
    assert {event.learner for event in found.stages.specializations} == {0, 1, 2, 3}
    assert op.plot(found, kind="phase").axes
    with pytest.raises(ConfigurationError, match="4 learners are made of 2 vectors"):
        op.plot(found, kind="phase", field=3)
    assert found.chapter("least")["reached"][0] == pytest.approx(0.6032085, abs=1e-6)
    assert found.chapter("removals")["left"][2] == pytest.approx(0.644672, abs=1e-5)
    saved = tmp_path / "pairs.h5"
    op.save(found, saved)
    opened = op.open(saved)
    assert opened.chapter("keys").sentences == said
    assert opened.stages.groups == found.stages.groups


def test_sizes_of_keys():
    keys = C @ np.hstack([M, np.linalg.cholesky(Q - M @ M.T)])
    expected = np.linalg.svd(keys, compute_uv=False)[:2]
    state = {"self_overlap": C @ Q @ C.T}
    np.testing.assert_allclose(key_sizes(state, 2), expected, rtol=1e-10)
