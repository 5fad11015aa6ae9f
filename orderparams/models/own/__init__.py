"""Models of one's own: vectors in R^D and a loss, from one kernel.

A :class:`~orderparams.models.own.model.OwnModel` says what a sequence loses and the gradient in the
fields. Gaussian expectations are sampled, which needs no more than that; replicas of SGD are those
of :mod:`orderparams.models.vectors`.
"""
