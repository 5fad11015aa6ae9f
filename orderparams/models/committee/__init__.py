"""The soft committee machine of Saad and Solla, Phys. Rev. E 52, 4225 (1995).

K students with weights w_k learn online what M teachers w*_m answer to x ~ N(0, I_D):
φ = Σ_k a_k g(w_k·x/√D) against y = Σ_m b_m g(w*_m·x/√D) + σξ, with the loss (φ − y)²/2.

sections, config, consistency, unused, words    its configuration, and what is said of it
parameters      its order parameters
setup           from the configuration to teachers and start
erf, relu       Gaussian expectations of two and four fields
moments         from the covariance of the fields to risk, gradient and noise
network         the same for students and teachers
flow, sgd       its flow, and one step of SGD on one example
geometry        what students can turn to, and what else they could be
proportion      what to lower where numbers leave their range
selftest        known results for ``orderparams doctor``
model           all of it as a model
"""
