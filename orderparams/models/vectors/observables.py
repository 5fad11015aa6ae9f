"""What else is stored of a state of vectors in R^D, whatever the model."""

from orderparams.models.parameters import Observable

PENALTY = Observable("penalty", "R", "penalty R beside the risk", (), prominent=False)
"""Of a repulsion; weight decay is not in it."""
