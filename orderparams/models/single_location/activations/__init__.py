"""Activations, a file each (theory 2).

table       what configurations ask of each: its form, defaults, and where its kernel stands
linear      a_ℓ = Σ_h u_h (c_h + s_h χ_hℓ)
erf         a_ℓ = Σ_h u_h (c_h + erf(χ_hℓ + β_h))
softplus    a_ℓ = Σ_h u_h φ(χ_hℓ + β_h)/(κ + Σ_j φ(χ_hj + β_h)),  φ(x) = log(1 + eˣ)

Those with φ(x) = eˣ have their kernels in :mod:`orderparams.models.single_location.attention`.
"""
