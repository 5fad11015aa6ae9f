"""What the program must show, claim by claim, each with checks that could fail.

The claims C1 to C7 are those of Sagitova, Duranthon & Zdeborová, arXiv 2603.03993; C8 and C9 rest
on Duranthon et al., arXiv 2509.21936. The settings are ours. Every claim is a function without
arguments, in the room that its entry names, whose docstring is the setting and what is checked.
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
)


def select(names: tuple[str, ...]) -> list[Claim]:
    """The claims of these names, in any case; all of them if there are none."""
    known = {claim.name: claim for claim in CLAIMS}
    wanted = [name.upper() for name in names]
    for name, upper in zip(names, wanted, strict=True):
        if upper not in known:
            raise ConfigurationError(f"no claim is called {name!r}; they are {', '.join(known)}")
    return [claim for claim in CLAIMS if not names or claim.name in wanted]
