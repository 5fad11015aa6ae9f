"""Is this installation in order? What it runs on (``machine``), what it computes (``selftest``)."""
