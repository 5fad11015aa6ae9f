"""One normaliser a head: it factorises over tokens under a Laplace transform (theory 5b).

integrals   Σ α_h A_h + Σ γ_hh' G_hh' for any α and γ, its gradients and error: what a model calls
laplace     the Laplace variable τ of a head, and where it matters
law         what the kernels hand to one another
heads       integrals of one head: A_h and G_hh
pairs       integrals of two heads: G_hh', by Mehler's series
splits      the same for large, strongly correlated logits
smoothing   the Laplace kernel smoothed by a Gaussian logit
nothing     the mass that heads leave to nothing
single_covariance   gradient covariance of one head
"""
