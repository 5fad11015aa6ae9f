"""The Bayes risk (theory 5c): what no attention, of whatever form, can beat.

risk        the Bayes risk of a task, and how the laws of log Λ compose
factors     P_θ split into orthogonal blocks and independent factors
likelihood  the likelihood ratio Λ of a token, and nodes for the law of log Λ
known       the Bayes risk of a configured task, computed once
"""
