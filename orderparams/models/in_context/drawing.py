"""Prompts drawn one by one in kernels, as far as heads ⊕ω_b I see them.

Heads score the examples by their products with the query, block by block, and read the labels. Both
are drawn at a cost that does not depend on d, exactly in law: r_b² = |x_q^(b)|² ~ χ²_{d_b}, an
example has coordinates g_b ~ N(0, 1) along the query and labels Σ_b c_jb g_b + ζ_j, where the
coefficients along it are c_jb ~ N(0, v_jb) and ζ ~ N(0, Γ + diag σ²) with
Γ_jk = Σ_b √(v_jb v_kb) w^(b)_jk, w^(b) ~ Wishart_J(d_b − 1). Or in d dimensions, as they stand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.models.in_context.setup import Prompts

Array = NDArray[np.float64]

SINGULAR = 1e-14
"""What is left of a variance in a factorisation, as a part of it, that counts as none."""


class Law(NamedTuple):
    """Prompts of N examples: d_b (B,), √v_jb (J, B), σ_j (J,); whether the query is in the softmax,
    and whether vectors are drawn in d dimensions."""

    length: int
    sizes: NDArray[np.int64]
    roots: Array
    noise: Array
    query: bool
    direct: bool


def law_of(prompts: Prompts, *, direct: bool) -> Law:
    """A law of prompts as kernels take it."""
    return Law(
        prompts.length,
        np.array(prompts.sizes, np.int64),
        np.sqrt(prompts.variances),
        np.ascontiguousarray(prompts.noise, np.float64),
        prompts.query_in_softmax,
        direct,
    )


@kernel()
def normal(generator: np.random.Generator, out: Array) -> None:
    """Standard normal numbers in all of out (n,)."""
    for i in range(out.size):
        out[i] = generator.standard_normal()


@kernel(inlined=False)
def draw(
    law: Law,
    generator: np.random.Generator,
    products: Array,
    labels: Array,
    target: Array,
) -> None:
    """One prompt: products x_i·x_q on the blocks (N, B), labels (N, J), and targets (J,).

    Where the query is in the softmax it is one more example, without a label.
    """
    if law.direct:
        draw_vectors(law, generator, products, labels, target)
    else:
        draw_reduced(law, generator, products, labels, target)


@kernel(inlined=False)
def draw_query(
    law: Law, generator: np.random.Generator, query: Array, coefficients: Array, target: Array
) -> None:
    """A query x_q (d,), coefficients β (J, d), and targets β·x_q (J,)."""
    normal(generator, query)
    for j in range(len(coefficients)):
        normal(generator, coefficients[j])
        target[j] = 0.0
        c = 0
        for b in range(law.sizes.size):
            for _ in range(law.sizes[b]):
                coefficients[j, c] *= law.roots[j, b]
                target[j] += coefficients[j, c] * query[c]
                c += 1


@kernel(inlined=False)
def draw_vectors(
    law: Law,
    generator: np.random.Generator,
    products: Array,
    labels: Array,
    target: Array,
) -> None:
    """The same from vectors in d dimensions."""
    tasks, blocks = law.roots.shape
    total = law.sizes.sum()
    query, example = np.empty(total), np.empty(total)
    coefficients = np.empty((tasks, total))
    draw_query(law, generator, query, coefficients, target)
    for i in range(len(products)):
        within = i < law.length
        if within:
            normal(generator, example)
        c = 0
        for b in range(blocks):
            product = 0.0
            for _ in range(law.sizes[b]):
                product += (example[c] if within else query[c]) * query[c]
                c += 1
            products[i, b] = product
        for j in range(tasks):
            labels[i, j] = 0.0
            if within:
                labels[i, j] = law.noise[j] * generator.standard_normal()
                for c in range(total):
                    labels[i, j] += coefficients[j, c] * example[c]


@kernel(inlined=False)
def draw_reduced(
    law: Law,
    generator: np.random.Generator,
    products: Array,
    labels: Array,
    target: Array,
) -> None:
    """The same in law, at a cost that does not depend on d."""
    tasks, blocks = law.roots.shape
    radii, along = np.empty(blocks), np.empty((tasks, blocks))
    across = np.zeros((tasks, tasks))
    for j in range(tasks):
        target[j] = 0.0
        across[j, j] = law.noise[j] ** 2
    for b in range(blocks):
        radii[b] = np.sqrt(generator.chisquare(law.sizes[b]))
        for j in range(tasks):
            along[j, b] = law.roots[j, b] * generator.standard_normal()
            target[j] += along[j, b] * radii[b]
        add_wishart(generator, law.sizes[b] - 1, law.roots[:, b], across)
    factorise(across)
    for i in range(len(products)):
        within = i < law.length
        for j in range(tasks):
            labels[i, j] = 0.0
        for b in range(blocks):
            coordinate = generator.standard_normal() if within else radii[b]
            products[i, b] = coordinate * radii[b]
            if within:
                for j in range(tasks):
                    labels[i, j] += along[j, b] * coordinate
        if within:
            for k in range(tasks):
                share = generator.standard_normal()
                for j in range(k, tasks):
                    labels[i, j] += across[j, k] * share


@kernel()
def add_wishart(generator: np.random.Generator, freedom: int, roots: Array, out: Array) -> None:
    """Add √(v_j v_k) w_jk to the lower half of out (J, J), w ~ Wishart_J(freedom), by Bartlett's
    triangle, which has as many columns as degrees of freedom at most."""
    size = roots.size
    column = np.empty(size)
    for k in range(min(size, freedom)):
        column[k] = np.sqrt(generator.chisquare(freedom - k))
        for j in range(k + 1, size):
            column[j] = generator.standard_normal()
        for j in range(k, size):
            for other in range(k, j + 1):
                out[j, other] += roots[j] * column[j] * roots[other] * column[other]


@kernel()
def factorise(matrix: Array) -> None:
    """Cholesky's factor in the lower half of a matrix (J, J); a column of zeros where it is
    singular."""
    size = len(matrix)
    for k in range(size):
        whole = matrix[k, k]
        for i in range(k):
            matrix[k, k] -= matrix[k, i] ** 2
        root = np.sqrt(matrix[k, k]) if matrix[k, k] > SINGULAR * whole else 0.0
        matrix[k, k] = root
        for j in range(k + 1, size):
            for i in range(k):
                matrix[j, k] -= matrix[j, i] * matrix[k, i]
            matrix[j, k] = matrix[j, k] / root if root > 0.0 else 0.0
