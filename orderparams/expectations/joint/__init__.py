"""One normaliser for all heads and tokens: a token enters through its score log Σ_h e^{χ_h}.

resolution  how fine a grid has to be for an error, and what error remains
logits      what the normal logits of a token share, and principal axes of the rest
grids       points for a standard normal vector
smoothing   what all logits share, as a convolution
stencil     eight lattice points that stand for one between them
scores      the law of a token's score on a lattice, and derivatives taken back to its logits
random_nodes  logits at quasi-Monte Carlo points
tokens      the laws of the scores of tokens, from a grid or from random nodes
normaliser  integrals over the Laplace variable τ of a normaliser
covariance  polynomials in the attention weights, and their integrals
"""
