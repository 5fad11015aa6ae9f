"""The models, a folder each; :mod:`orderparams.models.interface` says what a model is."""
