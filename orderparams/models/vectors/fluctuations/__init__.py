"""Fluctuations of SGD on vectors in R^D around its flow (docs/fluctuations.md).

responses
    what a model must give: the answers of its loss to sequences at given fields;
nodes
    sequences at fixed nodes, and the fields of some vectors there;
step
    covariance and 1/D drift of a step of SGD, from the answers;
spheres
    the same of vectors that keep their lengths;
coordinates
    the order parameters as one vector X;
derivatives
    the Jacobian of the flow, and its curvature, in X;
momentum
    what it adds to the mean;
unseen
    overlaps with a direction that the flow need not know, as they are zero in it;
noise
    all of it at one state.
"""
