"""Softmax attention on single-location regression with a spike along each hidden direction.

The informative token, here the first of L, carries √ν along one of the directions, each with the
same probability. The loss is Σ_ℓ r_ℓ², r_ℓ = Σ_h s_hℓ/H − δ_ℓ1.
"""

import math

import numba
import numpy as np

import orderparams as op


@numba.njit
def means(random, settings, shift):
    level = 0.5 * math.erfc(-random[0] / math.sqrt(2))
    chosen = min(int(level * shift.shape[0]), shift.shape[0] - 1)
    shift[chosen, 0] = math.sqrt(settings.strengths[chosen])


@numba.njit
def loss(fields, hidden, random, settings, gradient):
    heads, tokens = fields.shape
    shares, attention = np.empty((heads, tokens)), np.zeros(tokens)
    for h in range(heads):
        top, total = fields[h].max(), 0.0
        for token in range(tokens):
            shares[h, token] = math.exp(fields[h, token] - top)
            total += shares[h, token]
        for token in range(tokens):
            shares[h, token] /= total
            attention[token] += shares[h, token] / heads
    attention[0] -= 1.0
    for h in range(heads):
        mean = 0.0
        for token in range(tokens):
            mean += shares[h, token] * attention[token]
        for token in range(tokens):
            gradient[h, token] = 2.0 * shares[h, token] * (attention[token] - mean) / heads
    return (attention**2).sum()


model = op.OwnModel(
    "own-softmax",
    loss,
    vectors=2,
    hidden=2,
    tokens=3,
    random=1,
    means=means,
    settings={"strengths": [4.0, 2.25]},
    vector="head",
)
