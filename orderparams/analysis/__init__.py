"""What a run means: stages, stationary points and their stability, the optimum, pruning."""
