"""The order parameters of single-location regression (theory 3)."""

from __future__ import annotations

from orderparams.config.values import Matrix, Numbers
from orderparams.models.parameters import Axis, Observable, OrderParameter
from orderparams.models.single_location.sections import Problem
from orderparams.models.vectors.observables import PENALTY

HEAD = Axis("head", "attention head, counted from 1", "head")
OTHER_HEAD = Axis("head_2", "attention head, counted from 1", "head")
FEATURE = Axis("feature", "signal direction, counted from 1", "direction")
BASE = Axis("base", "base key of shared keys, counted from 1", "base")
COMPONENT = Axis(
    "signal_component", "component of the law of the signal, counted from 1", "component"
)

OVERLAP = OrderParameter("overlap", "m", "overlap m = k_h . k*_f / D", (HEAD, FEATURE))
SELF_OVERLAP = OrderParameter(
    "self_overlap",
    "q",
    "self-overlap q = k_h . k_h' / D",
    (HEAD, HEAD),
    symmetric=True,
    prominent=False,
)
KEY_TARGET_OVERLAP = OrderParameter(
    "key_target_overlap", "kt", "key-target overlap kt = k_h . v* / D", (HEAD,)
)
VALUE_ALIGNMENT = OrderParameter(
    "value_alignment", "mv", "value alignment mv = v_h . v* / D", (HEAD,)
)
VALUE_SELF_OVERLAP = OrderParameter(
    "value_self_overlap",
    "qv",
    "value self-overlap qv = v_h . v_h' / D",
    (HEAD, HEAD),
    symmetric=True,
    prominent=False,
)
VALUE_OVERLAP = OrderParameter(
    "value_overlap", "vk", "value overlap vk = v_h . k*_f / D", (HEAD, FEATURE), prominent=False
)
KEY_VALUE_OVERLAP = OrderParameter(
    "key_value_overlap",
    "kv",
    "key-value overlap kv = k_h . v_h' / D",
    (HEAD, OTHER_HEAD),
    prominent=False,
)
BASE_OVERLAP = OrderParameter(
    "base_overlap",
    "mb",
    "base overlap mb = kappa_j . k*_f / D",
    (BASE, FEATURE),
    prominent=False,
)
BASE_SELF_OVERLAP = OrderParameter(
    "base_self_overlap",
    "qb",
    "base self-overlap qb = kappa_j . kappa_j' / D",
    (BASE, BASE),
    symmetric=True,
    prominent=False,
)
MIXING = OrderParameter("mixing", "C", "learned mixing C_hj", (HEAD, BASE), prominent=False)
BIAS = OrderParameter("bias", "beta", "learned bias beta_h", (HEAD,))
HEAD_WEIGHT = OrderParameter("head_weight", "u", "learned head weight u_h", (HEAD,))
IMPORTANCE = OrderParameter("importance", "p", "importance p_h = u_h / U", (HEAD,))
SLOPE = OrderParameter("logit_slope", "s", "learned slope s_h", (HEAD,))
INTERCEPT = OrderParameter("intercept", "c", "learned intercept c_h", (HEAD,))

VELOCITIES = (
    OrderParameter(
        "velocity_overlap",
        "mp",
        "velocity overlap mp = p_h . k*_f / D",
        (HEAD, FEATURE),
        prominent=False,
    ),
    OrderParameter(
        "key_velocity_overlap",
        "qkp",
        "key-velocity overlap qkp = k_h . p_h' / D",
        (HEAD, OTHER_HEAD),
        prominent=False,
    ),
    OrderParameter(
        "velocity_self_overlap",
        "qpp",
        "velocity self-overlap qpp = p_h . p_h' / D",
        (HEAD, HEAD),
        symmetric=True,
        prominent=False,
    ),
)
"""Of heads with inertia, which have velocities p (theory 10e)."""

MOTION = tuple(one.name for one in VELOCITIES)
"""Their names: m^p, q^kp and q^pp."""

RISK = "population risk per dimension"
"""What the risk is called in files."""

REFERENCES = {"bayes_risk": "Bayes risk", "projection_bound": "projection bound"}
"""Risks to compare with, and their names: the second where the noise of the token with the signal
is not that of the others."""

ASYMPTOTIC = {"projection_bound": "by projections; the norm of a token reveals ε"}
"""Why that is no Bayes risk: as D → ∞ the norm of each token is sure, and the Bayes risk zero."""

NOTHING = Observable(
    "nothing",
    "s_0",
    "mass on nothing s_0 = kappa E[1/Z_h]",
    (HEAD,),
    beyond=0.999,
    called="dormant",
)
BY_COMPONENT = Observable(
    "nothing_by_component",
    "s_0",
    "mass on nothing s_0 given the component of the signal",
    (HEAD, COMPONENT),
    last=True,
)
OBSERVABLES = (PENALTY, NOTHING, BY_COMPONENT)
"""What a repulsion adds to the risk; of heads with normalisers of their own and a κ in them."""

CROSSES = (KEY_TARGET_OVERLAP, VALUE_OVERLAP, KEY_VALUE_OVERLAP)
"""What vanishes on the manifold of learned values (theory 11)."""

OF_VALUES = (VALUE_ALIGNMENT, VALUE_SELF_OVERLAP, *CROSSES)
"""Order parameters that heads have only where values are not known."""

OF_BASES = (BASE_OVERLAP, BASE_SELF_OVERLAP)
"""Order parameters of the base keys of shared keys; those of heads follow from them (theory 12)."""

PARAMETERS = (
    OVERLAP,
    SELF_OVERLAP,
    *OF_VALUES,
    *OF_BASES,
    MIXING,
    BIAS,
    HEAD_WEIGHT,
    SLOPE,
    INTERCEPT,
    IMPORTANCE,
    *VELOCITIES,
)


def system_of(problem: Problem) -> str:
    """Which equations values have: "known", "tied"; of learned ones "manifold", if all crosses of
    the start are exactly zero, else "full"."""
    initial, value = problem.initial, problem.attention.value
    if value != "learned":
        return value
    if initial.kind == "random":
        return "full" if initial.variance else "manifold"
    crosses = (getattr(initial, one.name) for one in CROSSES)
    return "full" if any(given is not None and nonzero(given) for given in crosses) else "manifold"


def stacked(problem: Problem) -> str:
    """What the rows of V are where they are not one a head."""
    return "keys, then values" if problem.attention.value == "learned" else ""


def nonzero(given: Matrix | Numbers) -> bool:
    """Whether any number of a list, or a list of lists, is not zero."""
    return any(any(row) if isinstance(row, tuple) else row for row in given)


def order_parameters(problem: Problem) -> tuple[OrderParameter, ...]:
    """Those that move in a problem."""
    attention, system = problem.attention, system_of(problem)
    learned = {
        BIAS: attention.bias == "learned",
        HEAD_WEIGHT: attention.head_weights == "learned",
        IMPORTANCE: attention.head_weights == "importance",
        SLOPE: attention.slope == "learned",
        INTERCEPT: attention.intercept == "learned",
    }
    learned |= dict.fromkeys((VALUE_ALIGNMENT, VALUE_SELF_OVERLAP), system in ("manifold", "full"))
    learned |= dict.fromkeys(CROSSES, system == "full")
    learned |= dict.fromkeys(VELOCITIES, problem.training.inertia is not None)
    learned[KEY_TARGET_OVERLAP] = system in ("full", "tied")
    sharing = attention.sharing
    learned |= dict.fromkeys(OF_BASES, sharing is not None)
    learned[MIXING] = sharing is not None and sharing.learned
    return tuple(one for one in PARAMETERS if learned.get(one, True))


def sizes(problem: Problem) -> dict[str, int]:
    """Lengths of the axes."""
    signal = problem.task.signal
    found = {
        HEAD.name: problem.attention.heads,
        FEATURE.name: signal.features,
        COMPONENT.name: signal.count,
    }
    sharing = problem.attention.sharing
    if sharing is not None:
        found[BASE.name] = sharing.bases
    own = {OTHER_HEAD.name: problem.attention.heads}
    crossed = system_of(problem) == "full" or problem.training.inertia is not None
    return found | own if crossed else found
