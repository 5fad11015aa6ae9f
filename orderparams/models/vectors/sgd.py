"""What both backends of one-pass SGD need of a model whose parameters are vectors in R^D.

n learned vectors w_i and d orthogonal hidden directions have fields w·X_ℓ/√D on the tokens
X_ℓ ~ N(0, I_D) of a sequence, whose means may be shifted along hidden directions. The loss of a
sequence depends on the fields and on a few further learned *numbers*, arrays (n,). With g_iℓ its
derivative in a field, a step on a batch of B sequences is

    w_i ← w_i − (γ/B) Σ_batch ( Σ_ℓ g_iℓ X_ℓ/√D − ρ_i w_i/D ) − (γλ/D) w_i,

where −ρ_i is the derivative in |w_i|²/2D at given fields, zero for most models. Where the loss
depends on products w_i·w_j/D too, a model has the two kernels that are optional here.

A model is a named tuple of what its kernels need, with the attributes of :class:`Model`. In the
module of its class stand three to five kernels without options, named and called as the functions
here.
No two models may share the name of the class and all of its fields.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import chosen_by_type, kernel

Array = NDArray[np.float64]


class Sizes(NamedTuple):
    """Numbers of hidden directions, of those whose fields the loss reads (the last ones), of tokens
    in the longest sequence, and of errors Σ_ℓ r_ℓ X_ℓ, whose squares over D add to the loss; and
    ``noise``, the standard deviation of the token that is marked, where others have 1."""

    directions: int
    read: int
    longest: int
    errors: int
    noise: float = 1.0


class Rule(Protocol):
    """A step of SGD: learning rate γ, batch size B, weight decay λ, and what a model adds."""

    @property
    def learning_rate(self) -> float: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def weight_decay(self) -> float: ...


class Start(Protocol):
    """Where the vectors start: overlap m (n, ≤ d) with the first hidden directions, and residual
    W (n, n) with q = m mᵀ + W Wᵀ; and what the model makes its numbers of."""

    @property
    def overlap(self) -> Array: ...
    @property
    def residual(self) -> Array: ...


class Course(NamedTuple):
    """What is measured after N strides of steps: overlap (N, n, features), self-overlap (N, n, n),
    the learned numbers, arrays (N, n), and the loss (N,), a sum over the steps of each; that of the
    first adds to what the state had. ``motion`` are m^p, q^kp and q^pp of velocities that are
    measured."""

    overlap: Array
    self_overlap: Array
    numbers: Any
    loss: Array
    motion: tuple[Array, ...] | None = None


class Model(Protocol):
    """What Python needs of a model."""

    @property
    def sizes(self) -> Sizes: ...

    @property
    def features(self) -> int:
        """The overlaps with so many hidden directions, the first, are measured."""
        ...

    @property
    def words(self) -> str:
        """What limits the dimension from below: "features, heads, tokens and batch"."""
        ...

    def numbers(self, rule: Any, start: Any, squares: Array) -> Any:
        """The learned numbers of a start, a named tuple of arrays (n,); squares q_ii (n,)."""
        ...

    def records(self, overlap: Array, self_overlap: Array, numbers: Any) -> dict[str, Array]:
        """What is recorded, by name, from overlaps (…, n, features), self-overlaps (…, n, n) and
        numbers (…, n)."""
        ...


@kernel()
def clear(a: Array) -> None:
    """Zeros in all of a (n, k). A loop compiles faster than an assignment."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] = 0.0


@kernel()
def longest_of(numbers: Any, vectors: int) -> int:
    """N: entries of the longest of some numbers, or as many as there are vectors."""
    longest = vectors
    for number in range(len(numbers)):
        longest = max(longest, numbers[number].size)
    return longest


@chosen_by_type
def draw(model: Any, generator: np.random.Generator, shift: Array) -> tuple[int, int]:  # type: ignore[empty-body]
    """Draw what is not normal about a sequence: its length L, and a mark for :func:`respond`, which
    is a token where the model has a ``noise``. A third thing may follow, for it in place of the
    mark.

    Fills the first L columns of shift (d, longest): means of the tokens along hidden directions,
    times √D.
    """


@chosen_by_type
def respond(  # type: ignore[empty-body]
    model: Any,
    rule: Any,
    generator: np.random.Generator,
    mark: int,
    numbers: Any,
    read: Array,
    rows: Array,
    radial: Array,
    gradient: Array,
) -> float:
    """The gradient of the loss of one sequence; returns the loss without the square of errors.

    read (read, L): fields of the last hidden directions. rows (n + errors, L): fields of the
    learned vectors, and rows that are free; on return g_iℓ and r_ℓ. The derivatives by the numbers
    are added to gradient (numbers, N), ρ_i to radial (n,).
    """


@chosen_by_type
def learn(
    model: Any, rule: Any, rate: float, gradient: Array, squares: Array, numbers: Any
) -> None:
    """Update the numbers by a gradient that is summed over a batch; rate = γ/(D·B).

    squares (n,) are the new q_ii, which numbers may follow.
    """


@functools.partial(chosen_by_type, optional=True)
def prepare(model: Any, rule: Any, vectors: Array, scale: float, numbers: Any) -> None:
    """Before a batch: numbers that follow from the products w_i·w_j/D, which are scale·w wᵀ of
    vectors w (n, r). Optional."""


@functools.partial(chosen_by_type, optional=True)
def couple(
    model: Any,
    rule: Any,
    vectors: Array,
    scale: float,
    factor: float,
    numbers: Any,
    gradient: Array,
    change: Array,
) -> None:
    """After a batch, before the step: what the gradient has by way of those products.

    That by vectors, times a factor, is added to change (n, ≥ r), that by numbers to gradient
    (numbers, N), both sums over the batch. Optional.
    """
