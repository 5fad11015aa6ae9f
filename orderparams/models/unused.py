"""Which settings commands do not use, whatever the model, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orderparams.config.unused import Unused
from orderparams.models import registry

NO_SIMULATION = Unused(("simulation",), "no SGD is run; simulate and validate run it", True)
STEPS = (
    "training.learning_rate",
    "training.batch_size",
    "training.schedule",
    "training.momentum",
)
NO_STEPS = Unused(
    STEPS,
    "gradient flow takes no steps; simulate and validate do, and solve with training.rule = 'sgd'",
    True,
)
NO_FLUCTUATIONS = Unused(("fluctuations",), "solve and analyze take fluctuations", True)
OWN_REPLICAS = Unused(
    ("simulation.replicas",), "analyze has an option of its own for replicas", True
)
NO_REPLICAS = Unused(
    ("simulation.seed", "simulation.backend"),
    "no replicas are simulated beside the laws of escape; analyze --simulate N does",
    True,
)
DRAWN = ("initial.dimension", "initial.seed")
DRAWN_ANEW = Unused(
    DRAWN, "replicas are drawn in simulation.dimension with simulation.seed; set those", True
)

BY_COMMAND = {
    "solve": (NO_SIMULATION,),
    "analyze": (NO_SIMULATION,),
    "evaluate": (
        NO_SIMULATION,
        NO_FLUCTUATIONS,
        Unused(
            (
                "integrator", "output", "training.duration", "training.schedule",
                "training.inertia.friction",
            ),
            "nothing is integrated in time; solve does it",
            True,
        ),
    ),
    "simulate": (
        NO_FLUCTUATIONS,
        Unused(("integrator",), "no flow is integrated; solve and validate do it", True),
        Unused(("training.rule",), "a simulation is always SGD; solve has the choice", True),
    ),
    "validate": (
        NO_FLUCTUATIONS,
        Unused(("training.rule",), "validate has an option of its own for the rule", True),
    ),
    "judge": (
        NO_FLUCTUATIONS,
        Unused(("simulation",), "no SGD is run: the data are there; --dimension is theirs", True),
        Unused(("output", "training.duration"), "the data have times of their own", True),
        Unused(("training.rule",), "judge has an option of its own for the rule", True),
        Unused(DRAWN, "the data begin where they were measured", True),
    ),
    "optimum": (
        NO_SIMULATION,
        NO_FLUCTUATIONS,
        Unused(
            (
                "integrator", "output", "training.rule", *STEPS, "training.duration",
                "training.weight_decay", "training.repulsion", "training.inertia", "initial.kind",
                "initial.variance",
                *DRAWN, "initial.overlap", "initial.self_overlap", "expectation.tolerance",
            ),
            "the optimum is searched for from starts and with a precision of its own; solve uses "
            "them",
            True,
        ),
    ),
}  # fmt: skip
"""Commands, and the action of a scan that is none, with what they never use."""


def by_command(problem: Any, command: str) -> tuple[Unused, ...]:
    """What a command never uses of a problem: analyze simulates escapes from symmetric states where
    it has laws of them."""
    return (OWN_REPLICAS,) if command == "analyze" and escaping(problem) else BY_COMMAND[command]


def unsimulated(problem: Any, command: str, replicas: int | None) -> tuple[Unused, ...]:
    """What else analyze does not use of a problem where no replicas are asked for."""
    idle = command == "analyze" and escaping(problem) and not replicas
    return (NO_REPLICAS,) if idle else ()


def escaping(problem: Any) -> bool:
    """Whether an analysis has laws of escape: where fluctuations are asked for."""
    settings = getattr(problem, "fluctuations", None)
    return settings is not None and settings.enabled and not registry.own_analysis(problem)


def fluctuating(settings: Any) -> Iterator[Unused]:
    """What fluctuations do not take that are not asked for."""
    if settings is None or not settings.enabled:
        keys = ("nodes", "seed", "points", "start", "bias")
        reason = "no fluctuations are asked for; set fluctuations.enabled = true"
        yield Unused(tuple(f"fluctuations.{key}" for key in keys), reason)


def repelling(training: Any) -> Iterator[Unused]:
    """A repulsion that repels nothing."""
    if training.repulsion is not None and training.repulsion.strength == 0:
        keys = tuple(f"training.repulsion.{key}" for key in ("strength", "kind", "width"))
        yield Unused(keys, "of strength zero nothing is repelled; raise it, or leave it out")


def drawn_anew(command: str) -> Iterator[Unused]:
    """What random vectors do not take where every replica draws its own."""
    if command in ("simulate", "validate"):
        yield DRAWN_ANEW


def starting(initial: Any, vectors: str) -> Iterator[Unused]:
    """What only random vectors have, or only those that have a length."""
    if initial.kind == "explicit":
        reason = "the start is given by its overlaps; set initial.kind = 'random'"
        yield Unused(("initial.variance", *DRAWN), reason)
    elif initial.variance == 0:
        yield Unused(DRAWN, f"initial.variance = 0 puts all {vectors} at the origin; raise it")
