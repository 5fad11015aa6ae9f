"""The whole story of an analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from orderparams.config.words import describe
from orderparams.models.vectors.geometry import geometry_of
from orderparams.results.findings import Findings
from orderparams.views.story import findings, points, worth
from orderparams.views.story.blocks import Chapter, sentences
from orderparams.views.story.escapes import escapes
from orderparams.views.story.opening import opening
from orderparams.views.story.stages import happened
from orderparams.views.story.words import Words, words_of

if TYPE_CHECKING:
    from orderparams.results.analysis import Analysis


def tell(result: Analysis | Findings) -> list[Chapter]:
    """Three sentences without a title, then what they rest on; or, after the stages if there are
    any, a model's own chapters."""
    if isinstance(result, Findings):
        return [*turns(result), *findings.chapters(result)]
    words = cast(Words, words_of(result.order_parameters))  # without both there is no analysis
    return [
        Chapter("", sentences(*opening(result, words))),
        *happened(result.trajectory, result.stages),
        points.why(result, words),
        *escapes(result, words),
        worth.end(result),
        worth.best(result),
        worth.pruning(result, words),
    ]


def turns(result: Findings) -> list[Chapter]:
    """The stages beside a model's own chapters."""
    if result.stages is None:
        return []
    learner = geometry_of(result.problem).word
    return happened(result.trajectory, result.stages, learner=learner)


def summary(result: Analysis | Findings) -> list[Chapter]:
    """The three sentences, the optimum and, of several, the rates where all are equal; of a model's
    own chapters the sentences."""
    if isinstance(result, Findings):
        return [Chapter(one.title, sentences(*one.sentences)) for one in result.chapters]
    words = cast(Words, words_of(result.order_parameters))
    found, rest = result.optimum, result.unspecialized
    known = rest.point.converged and len(result.pruning.interaction) > 1
    rates = ", ".join(f"{mode.rate:.6f}" for mode in rest.unstable) if known else ""
    told = f"Growth rates where all {words.learner}s are equal: {rates}." if rates else ""
    return [
        Chapter("", sentences(*opening(result, words))),
        Chapter("", sentences(worth.lowest("risk", found.risk, found), told)),
    ]


def about(result: Analysis | Findings) -> dict[str, str]:
    """What the run is of, in words."""
    told = describe(result.problem, "sgd" if result.replica else None)
    if result.replica:
        replicas = result.problem.simulation.replicas
        told = dict(told) | {"simulation": f"replica {result.replica} of {replicas}"}
    return dict(told)
