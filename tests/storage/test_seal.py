"""The checksum behind a file. Oracle: hashlib over all bytes at once."""

import hashlib

import pytest

from orderparams.errors import FileError
from orderparams.storage import seal as module
from orderparams.storage.seal import LENGTH, MARK, check_seal, seal


@pytest.mark.parametrize("size", [0, 1, 6, 7, 8, 14, 100])
def test_a_file_of_any_size_is_sealed_piece_by_piece(tmp_path, monkeypatch, size):
    monkeypatch.setattr(module, "CHUNK", 7)
    content = bytes(range(size))
    path = tmp_path / "file"
    path.write_bytes(content)
    with path.open("rb+") as file:
        seal(file)
    assert path.read_bytes() == content + MARK + hashlib.sha256(content).hexdigest().encode()
    assert len(path.read_bytes()) == size + LENGTH
    check_seal(path)
    for place in range(size):
        damaged = bytearray(path.read_bytes())
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(FileError, match="its content is not what was written"):
            check_seal(path)
        damaged[place] ^= 1
        path.write_bytes(damaged)


@pytest.mark.parametrize("content", [b"", b"short", bytes(200)])
def test_a_file_without_a_seal_is_not_judged(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    check_seal(path)


def test_a_seal_with_another_digest_is_damage(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(MARK + b"0" * (LENGTH - len(MARK)))
    with pytest.raises(FileError, match="is damaged"):
        check_seal(path)
