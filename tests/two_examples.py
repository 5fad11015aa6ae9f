"""The risk of a lone head on two examples, by plain rules."""

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import gammaln


def two_examples(size, key, noise, output=1.0):
    """At ω = key on ``size`` coordinates; Gauss and Legendre's rule over the query's radius."""
    nodes, weights = leggauss(400)
    top = size**0.5 + 9
    r = 0.5 * top * (nodes + 1)
    density = (size - 1) * np.log(r) - r**2 / 2 - (size / 2 - 1) * np.log(2) - gammaln(size / 2)
    g = np.linspace(-8.5, 8.5, 4001)
    normal = np.exp(-(g**2) / 2) / np.sqrt(2 * np.pi) * (g[1] - g[0])
    apart = 2**0.5 * g
    turned = np.tanh(key * r[:, None] * apart / 2)
    rest = (size - 1) / size + noise**2
    risks = (r[:, None] - output * turned * apart / 2) ** 2 / size
    risks += output**2 * turned**2 / 2 * rest
    given = risks @ normal + output**2 * 0.5 * (1 / size + rest)
    return 0.5 * top * weights @ (np.exp(density) * given)
