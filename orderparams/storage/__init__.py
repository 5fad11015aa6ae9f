"""Results on disk: names and units in ``schema``, reading and writing in ``hdf5``."""
