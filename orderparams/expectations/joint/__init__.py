"""One normaliser for all heads and tokens: a token enters through its score log Σ_h e^{χ_h}.

resolution  how fine a grid has to be for an error, and what error remains
scores      the law of a token's score on a lattice, and derivatives taken back to its logits
normaliser  integrals over the Laplace variable τ of a normaliser
covariance  polynomials in the attention weights, and their integrals
"""
