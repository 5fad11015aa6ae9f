"""One normaliser a head for any positive function φ of a logit, s = φ(χ)/(κ + Σφ) (theory 5d).

integrals   Σ α_h A_h + Σ γ_hh' G_hh' and its gradients, by rules that are refined until they agree
tables      the Laplace kernels K_j of a token's score log φ(χ), and their derivatives in χ
"""
