"""Values that are learned, or tied to keys (theory 11): all that heads with them need.

heads       stacked rows, names of their blocks, where they start
fields      the law of their fields on one token
single, pairs, quadrature   risk and gradient anywhere, for softmax and softmax-1
manifold    the same where keys and values have nothing in common
joint       and of Bayes-softmax there
sampling    risk, gradient and V of exponentials; wick: V on the manifold
elementwise erf and linear, closed forms; linear_noise: V of linear
elementwise_noise   V of erf, from the logits of one token
scored, curved   softplus on the manifold; any function of a logit by sampling
engine, curved_engine   which of these serves a problem
flow, sgd, curved_sgd   their flow, and one step of SGD on one sequence
stability   how the manifold attracts; geometry: what values could be
chapters    what is said of a run
consistency what keys of a configuration must satisfy together
"""
