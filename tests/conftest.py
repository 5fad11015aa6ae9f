"""Commands that the tests start take the installed program, not the sources in the folder."""

import os

import pytest

os.environ["PYTHONSAFEPATH"] = "1"


@pytest.fixture(scope="session")
def result_paths(tmp_path_factory):
    """One small file of every kind by its name, to be read only: tests/result_files.py."""
    import result_files

    return result_files.write(tmp_path_factory.mktemp("results"))
