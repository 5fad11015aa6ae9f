"""A result file as one HTML page: ``contents`` is what it says, ``markup`` how it is written."""
