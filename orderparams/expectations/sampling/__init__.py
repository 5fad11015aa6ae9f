"""Quasi-Monte Carlo: any activation, any moment.

nodes       scrambled Sobol' points turned into tokens of sequences, with exact second moments
kernels     sums over them, a few samples at a time
curved      the same for any function of a logit in place of the exponential
"""
