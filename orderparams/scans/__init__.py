"""Parameter scans.

``axes`` reads what is varied, ``plan`` lists the points, ``actions`` says what a point does,
``worker`` runs points in child processes, ``pools`` are this machine or a Dask cluster, ``folder``
keeps finished points, ``run`` ties them together and ``collect`` makes one result of them.
"""
