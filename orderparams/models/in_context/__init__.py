"""In-context linear regression by multi-head softmax attention.

A prompt has N examples x_i ~ N(0, I_d) with labels y_ij = β_j·x_i + σ_j ξ_ij of J tasks, and
a query x_q; heads answer ŷ_j = Σ_h μ_hj Σ_i s_hi y_ij, with s_h the softmax of Σ_b ω_hb x_i·x_q on
the blocks b of coordinates.

sections, config, consistency, unused, words    its configuration, and what is said of it
parameters      its order parameters
setup           from the configuration to the law of prompts and the start
found           what an engine of the risk finds
rules           over the variables of their integrals
integrals       expectations of one and of two softmaxes, with derivatives
radii           rules over the radii of the query
assembly        risk and gradient from these expectations
quadrature      by these, directly, to a tolerance
tables          by these, interpolated at a given length
sampling        from prompts drawn
linear          of linear attention
risk            all engines
references      risks to compare with
lone            the risk of a lone head at any strength
single_head     the best single head
growth          rates at the origin: closed forms, the exact flow's, a run's
groups          heads that attend alike
half_times      when tasks and groups are learned
minima          minima of the risk, and the curvature there
chapters        what ``analyze`` says of a run, from these
flow            its flow in three metrics
selftest        known results for ``orderparams doctor``
model           all of it as a model
"""
