"""Trees of arrays on disk: what they are in ``tree`` and ``schema``, their files in ``hdf5``."""
