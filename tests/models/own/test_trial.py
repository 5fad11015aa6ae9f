"""What a kernel of one's own must not do is told before anything rests on it.

One kernel has the losses that people take, smooth and with kinks, and the slips that they make.
"""

import math

import numba
import numpy as np
import pytest

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models import registry
from orderparams.models.interface import model_of

LOSSES = (
    *("relu", "maximum", "softmax", "absolute", "hinge"),
    *("quartic", "sine", "logistic", "large", "single", "square"),
)
SLIPS = {
    "doubled": "is 2 times the derivative everywhere: multiply gradient by 0.5",
    "sign": "is -1 times the derivative everywhere",
    "mean": "is 0.5 times the derivative everywhere: multiply gradient by 2",
    "missing": "the kernel does not fill gradient",
    "first": r"gradient\[[12], [01]\] is 0 at random fields.*that entry is not filled",
    "shifted": "is to have the derivatives of what loss returns in fields",
    "fields": "writes into what it is given; it is to fill gradient",
    "hidden": "writes into what it is given",
    "random": r"ends of its arguments: index 1 .* size 1; there are .*random = 1",
    "beyond": "ends of its arguments: index 3 .*vectors = 3",
    "nan": "not finite at random fields such as",
    "raises": "fails at random fields: ValueError: too far$",
    "unseeded": "of the same fields and random numbers.*argument random",
    "prints": "the kernels print 'here'; they are called millions of times",
    "constant": "the loss does not depend on fields",
}
RELU, MAXIMUM, SOFTMAX, ABSOLUTE, HINGE = (LOSSES.index(name) for name in LOSSES[:5])
QUARTIC, SINE, LOGISTIC, LARGE, SINGLE = (LOSSES.index(name) for name in LOSSES[5:10])
NUMBER = {name: 1 + at for at, name in enumerate(SLIPS)}
DOUBLED, SIGN, MEAN, MISSING, FIRST = (NUMBER[name] for name in list(SLIPS)[:5])
SHIFTED, FIELDS, HIDDEN, RANDOM, BEYOND = (NUMBER[name] for name in list(SLIPS)[5:10])
NAN, RAISES, UNSEEDED, PRINTS, CONSTANT = (NUMBER[name] for name in list(SLIPS)[10:])


@numba.njit
def of_one(kind, x, y):
    """A loss of a field x and a label y, and its derivative."""
    if kind == RELU:
        return 0.5 * (max(x, 0.0) - y) ** 2, (max(x, 0.0) - y) * (x > 0)
    if kind == ABSOLUTE:
        return abs(x - y), np.sign(x - y)
    if kind == HINGE:
        return max(0.0, 1 - x * y), -y * (x * y < 1)
    if kind == QUARTIC:
        return 0.25 * (x**2 - y**2) ** 2, (x**2 - y**2) * x
    if kind == SINE:
        return math.sin(300 * x), 300 * math.cos(300 * x)
    if kind == LOGISTIC:
        return math.log1p(math.exp(-20 * x * y)), -20 * y / (1 + math.exp(20 * x * y))
    if kind == LARGE:
        return 1e9 + 0.5 * (x - y) ** 2, x - y
    if kind == SINGLE:
        error = np.float32(x) - np.float32(y)
        return np.float64(np.float32(0.5) * error * error), np.float64(error)
    return 0.5 * (math.tanh(x) - y) ** 2, (math.tanh(x) - y) / math.cosh(x) ** 2


@numba.njit
def of_all(kind, fields, hidden, gradient):
    """The sum over vectors and tokens, or one that couples them."""
    vectors, tokens = fields.shape
    total = 0.0
    for i in range(vectors):
        if kind == MAXIMUM:
            total += fields[i].max()
            gradient[i, fields[i].argmax()] = 1.0
        elif kind == SOFTMAX:
            share = np.exp(4 * (fields[i] - fields[i].max()))
            share /= share.sum()
            mean = (share * hidden[0]).sum()
            total += mean
            gradient[i] = 4 * share * (hidden[0] - mean)
        else:
            for token in range(tokens):
                value, slope = of_one(kind, fields[i, token], hidden[0, token])
                total += value
                gradient[i, token] = slope
    return total


@numba.njit
def loss(fields, hidden, random, settings, gradient):
    slip, tokens = settings.slip, fields.shape[1]
    value = of_all(settings.kind, fields, hidden, gradient)
    own = gradient.copy()
    if slip == DOUBLED:
        gradient *= 2
    if slip == SIGN:
        gradient *= -1
    if slip == MEAN:
        gradient /= tokens
    if slip in (MISSING, FIRST, CONSTANT):
        gradient[:] = 0.0
    if slip == FIRST:
        gradient[0] = own[0]
    if slip == SHIFTED:
        for token in range(tokens):
            gradient[:, (token + 1) % tokens] = own[:, token]
    if slip == FIELDS:
        fields[0, 0] = 0.0
    if slip == HIDDEN:
        hidden[0, 0] = 0.0
    if slip == RANDOM:
        value += random[1]
    if slip == BEYOND:
        gradient[3, 0] = 1.0
    if slip == NAN and fields[0, 0] < -5:
        value = math.nan
    if slip == RAISES and fields[0, 0] < -2:
        raise ValueError("too far")
    if slip == UNSEEDED:
        value += np.random.random()  # noqa: NPY002
    if slip == PRINTS:
        print("here")
    if slip == CONSTANT:
        value = 1.0
    return value


@pytest.fixture(scope="module", autouse=True)
def files():
    """The model of the kernel is known; afterwards none is."""
    settings = {"kind": 0.0, "slip": 0.0}
    op.register(op.OwnModel("mine", loss, vectors=3, tokens=2, random=1, settings=settings))
    yield
    registry.OWN.clear()
    registry.FILES.clear()


def trial(name="mine", **task):
    """The model is tried, as by every command."""
    problem = op.load({"model": name, "task": task})
    model_of(problem).checked(problem.task)


@pytest.mark.parametrize("size", [{}, {"vectors": 20, "tokens": 30}], ids=["few", "many"])
def test_no_loss_that_has_its_gradient_is_refused(size):
    for kind in range(len(LOSSES)):
        trial(kind=kind, **size)


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_are_told(slip):
    with pytest.raises(ConfigurationError, match=SLIPS[slip]) as caught:
        trial(slip=NUMBER[slip])
    assert str(caught.value).startswith("model 'mine': ")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("slip", ["doubled", "first", "shifted"])
def test_slips_among_many_entries_are_told(slip):
    """By halves of random directions; that of one vector in twenty as well."""
    with pytest.raises(ConfigurationError, match=r"gradient\[\d+, \d+\] is"):
        trial(slip=NUMBER[slip], vectors=20, tokens=30)


def test_a_slip_at_a_kink_is_told():
    """Of relu's derivative as well, which has no differences at the kink alone."""
    with pytest.raises(ConfigurationError, match="gradient"):
        trial(kind=RELU, slip=SIGN)


KERNELS = {
    "order": (
        "numba.njit(lambda fields, hidden, random, gradient, settings: 0.0)",
        "takes .*gradient, settings., but it is called with .*settings, gradient., in this order",
    ),
    "too few": ("numba.njit(lambda f, h, r: 0.0)", r"takes \(f, h, r\), but it is called with"),
    "object mode": ("numba.jit(forceobj=True)(lambda f, h, r, s, g: 0.0)", "in object mode"),
    "no kernel": ("lambda f, h, r, s, g: 0.0", "is no kernel, but function <lambda>"),
}


@pytest.mark.parametrize("name", KERNELS)
def test_what_cannot_be_called_is_refused_at_once(name):
    text, words = KERNELS[name]
    with pytest.raises(ConfigurationError, match=words):
        op.OwnModel("mine", eval(text, {"numba": numba}))


STATE = np.zeros(1)


@numba.njit
def counting(fields, hidden, random, settings, gradient):
    STATE[0] += 1
    return 0.0


@numba.njit
def grabbing(fields, hidden, random, settings, gradient):
    gradient[0, 0] = settings["width"]
    return 0.0


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (counting, r"does not compile: Cannot modify readonly array .*line \d+: STATE\[0\] \+= 1$"),
        (grabbing, r"does not compile: there is no getitem\(Settings.*line \d+: gradient"),
    ],
)
def test_what_does_not_compile_is_told_with_its_line(kernel, words):
    op.register(op.OwnModel("other", kernel))
    with pytest.raises(ConfigurationError, match=words):
        trial("other")
