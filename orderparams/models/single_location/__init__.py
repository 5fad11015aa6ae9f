"""Single-location regression by multi-head attention: docs/theory.md.

sections, config, consistency, unused, words    its configuration, and what is said of it
parameters  its order parameters
task        lengths of sequences, law of the signal, target
attention   activations, and the derivative of one sequence's loss
setup       from the configuration to task, activation and start
engines/    the expectations of theory 5: risk, gradients, gradient covariance
bayes/      the Bayes risk (theory 5c)
flow, sgd   its flow, and one step of SGD on one sequence
geometry    what heads can turn to, and what else they could be
proportion  what to lower where numbers leave their range
selftest    known results for ``orderparams doctor``
model       all of it as a model
"""
