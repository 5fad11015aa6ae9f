"""A file that HDF5 writes to: what goes wrong is told when it is left, and not before."""

import errno
import resource
from contextlib import contextmanager

import pytest

from orderparams.storage.files import destination
from orderparams.storage.seal import LENGTH, check_seal


@contextmanager
def small_files(size):
    """No file of this process can be longer."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_what_is_written_is_sealed(tmp_path):
    path = tmp_path / "file"
    with destination(path) as file:
        assert file.write(b"twelve bytes") == 12
        assert file.write(memoryview(b"")) == 0
        assert file.truncate(6) == 6
        assert file.error is None
    assert path.read_bytes()[:-LENGTH] == b"twelve"
    check_seal(path)
    with pytest.raises(FileExistsError), destination(path):
        pass


def test_the_first_error_is_kept_to_the_end(tmp_path):
    """Until then all is said to go well: HDF5 would crash."""
    with (
        pytest.raises(OSError, match="File too large") as raised,
        destination(tmp_path / "file") as file,
        small_files(10),
    ):
        assert file.write(b"x" * 8) == 8
        assert file.error is None
        assert file.write(b"x" * 8) == 8
        first = file.error
        assert first.errno == errno.EFBIG
        assert file.write(b"x") == 1
        assert file.truncate(100) == 10
        assert file.error is first
    assert raised.value is first


def test_a_length_that_cannot_be_had_is_an_error(tmp_path):
    with (
        pytest.raises(OSError, match="File too large"),
        destination(tmp_path / "file") as file,
        small_files(10),
    ):
        assert file.truncate(100) == 0
