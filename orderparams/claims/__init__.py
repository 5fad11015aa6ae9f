"""What the program must show, claim by claim, each with checks that could fail.

The claims C1 to C7 are those of Sagitova, Duranthon & Zdeborová, arXiv 2603.03993; C8 and C9 rest
on Duranthon et al., arXiv 2509.21936. I1 to I9 are about in-context regression, after He et al.,
arXiv 2503.12734, and Chen et al., arXiv 2402.19442. X1 to X13 are what neighbours of these papers
found, in this model: X1 to X5 about values that are learned, as in arXiv 2509.21936, or tied to
keys (after arXiv 2410.02604). N1 to N6 are about fluctuations of SGD in a finite dimension
(docs/fluctuations.md). The settings are ours. Every claim is a function without arguments, in the
room that its entry names, whose docstring is the setting and what is checked.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass

from orderparams.errors import ConfigurationError
from orderparams.results.evidence import Evidence


@dataclass(frozen=True)
class Claim:
    """An entry of the list: ``function`` in ``orderparams.claims.<room>`` gives the evidence."""

    name: str
    title: str
    room: str
    function: str

    @property
    def _run(self) -> Callable[[], Evidence]:
        module = importlib.import_module(f"orderparams.claims.{self.room}")
        run: Callable[[], Evidence] = getattr(module, self.function)
        return run

    def run(self) -> Evidence:
        """Compute everything and check it."""
        return self._run()

    @property
    def setting(self) -> str:
        """What is computed, and what is checked, in words."""
        return inspect.getdoc(self._run) or ""


CLAIMS = (
    Claim("C1", "Heads are unspecialized at first", "specialization", "unspecialized_phase"),
    Claim("C2", "Heads specialize in stages", "specialization", "stages"),
    Claim("C3", "SGD follows the flow", "sgd", "sgd_follows_the_flow"),
    Claim("C4", "Redundant heads can be pruned", "redundancy", "redundant_heads"),
    Claim("C5", "A misplaced head makes an excursion", "excursion", "excursion"),
    Claim("C6", "Softmax has a noise floor", "noise_floor", "noise_floor"),
    Claim("C7", "Bayes-softmax is optimal", "bayes_optimality", "bayes_optimality"),
    Claim("C8", "Softmax beats linear attention", "linear_attention", "linear_attention"),
    Claim("C9", "Long sequences have a transition", "long_sequences", "long_sequences"),
    Claim("I1", "Heads pair up with zero sum", "in_context_heads", "groups_emerge"),
    Claim("I2", "Several heads beat one", "in_context_heads", "several_beat_one"),
    Claim("I3", "Heads slowly become GD", "in_context_heads", "slowly_gradient_descent"),
    Claim("I4", "Tasks are learned by strength", "in_context_tasks", "stages_by_strength"),
    Claim("I5", "Allocation is a transient", "in_context_tasks", "allocation_is_transient"),
    Claim("I6", "Heads share tasks", "in_context_tasks", "superposition"),
    Claim("I7", "Heads of one sign are stuck", "in_context_heads", "one_sign_is_stuck"),
    Claim("I8", "Softmax carries over to lengths", "in_context_length", "length_generalisation"),
    Claim("I9", "SGD sits above the flow", "in_context_noise", "whole_matrices"),
    Claim("X1", "Learned values reach Bayes", "learned_values", "learned_values"),
    Claim("X2", "Values are head weights", "learned_values", "values_are_head_weights"),
    Claim("X3", "Keys and values stay apart", "learned_values", "manifold"),
    Claim("X4", "Noise matters in every block", "value_noise", "noise_in_every_block"),
    Claim("X5", "Tying key and value hurts", "tied_values", "tying_hurts"),
    Claim("X6", "Unequal heads do not specialize", "head_importance", "head_importance"),
    Claim("X7", "A little repulsion is of use", "repulsion", "repulsion"),
    Claim("X8", "Heads need what their keys span", "shared_keys", "shared_keys"),
    Claim("X9", "SGD rests beside its target", "spheres", "rest_on_a_sphere"),
    Claim("X10", "A normaliser doubles the rate", "elementwise_attention", "elementwise_attention"),
    Claim("X11", "Dormant heads leave all to nothing", "dormancy", "dormant_heads"),
    Claim("X12", "Pairs of heads have a synergy", "dormancy", "pairs_of_heads"),
    Claim("X13", "Inertia overshoots", "momentum", "momentum"),
    Claim("N1", "Bands hold their replicas", "fluctuations", "bands_hold"),
    Claim("N2", "One replica is enough", "one_replica", "one_is_enough"),
    Claim("N3", "Variances are off by a/D", "fluctuations", "excess_falls"),
    Claim("N4", "Escapes scatter in every dimension", "escapes", "scatter_stays"),
    Claim("N5", "The mean is shifted by b/D", "fluctuations", "mean_is_shifted"),
    Claim("N6", "Means need more replicas", "replica_means", "means_need_many"),
)


def select(names: tuple[str, ...]) -> list[Claim]:
    """The claims of these names, in any case; all of them if there are none."""
    known = {claim.name: claim for claim in CLAIMS}
    wanted = [name.upper() for name in names]
    for name, upper in zip(names, wanted, strict=True):
        if upper not in known:
            raise ConfigurationError(f"no claim is called {name!r}; they are {', '.join(known)}")
    return [claim for claim in CLAIMS if not names or claim.name in wanted]
