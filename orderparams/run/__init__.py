"""The verbs: evaluate, solve, simulate, validate, for any model."""
