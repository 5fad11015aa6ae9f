"""The models, a folder each."""
