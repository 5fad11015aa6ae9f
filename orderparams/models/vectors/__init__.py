"""What models share whose parameters are vectors in R^D: geometry, flow, landscape, and SGD.

geometry
    overlaps with hidden directions, self-overlaps, what lies outside;
flow
    how they move, from a risk and its gradient;
landscape
    the risk as a function of what is learned: value, gradient, Hessian;
sgd
    what both backends of one-pass SGD need of a model;
direct, gram
    the backends: vectors in R^D, the ground truth, and the order parameters alone, exact in law at
    any D at a cost per step that does not depend on it;
replicas
    many of either, over threads.
"""
