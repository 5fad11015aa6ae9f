"""Gaussian expectations of attention weights (theory 5); they know no model and no configuration.

A model says what the logits' laws are and what it needs of the weights; here that is integrated.

separate/   one normaliser a head: sums of A_h = E[s_hε] and G_hh' = E[Σ_ℓ s_hℓ s_h'ℓ] with any
            coefficients, and their gradients
joint/      one normaliser for all heads, by the law of a token's score log Σ_h e^{χ_h}
scored/     normalised functions of a logit, by quadrature with refined rules
elementwise functions of a logit without a normaliser, in closed form or by quadrature
curves      what a function of a logit is to kernels
sampling/   nodes of a quasi-Monte Carlo rule and sums over them, for everything else
laws        what the rooms are given: a mixture of Gaussians, a law of sequence lengths
exponential  e^x of vectors of numbers
lanes       vectors of numbers as a type of compiled code
"""
