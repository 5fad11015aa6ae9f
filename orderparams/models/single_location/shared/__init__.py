"""Heads whose keys are mixtures of a few base keys (theory 12)."""
