"""Order parameters that somebody else measured: how they are written, and whether they can be what
they claim to be.

:mod:`sources` says what data can be, :mod:`names` what their arrays are called; :mod:`clock` tells
their times, :mod:`rows` their replicas, :mod:`scales` slips of normalisation.
"""
