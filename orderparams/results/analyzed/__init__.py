"""What an analysis finds, as frozen data: ``variables`` and ``trees`` say how a file holds it,
``reading`` is the way back, ``document`` the same as JSON."""
