"""Datasets in pieces of bounded size, groups in their order, attributes as what was meant."""

import h5py
import numpy as np
import pytest

from orderparams.storage import groups as module
from orderparams.storage.attributes import plain, single
from orderparams.storage.groups import Stored, groups, rank, rows_at_once, selections
from orderparams.storage.rescue import SHORT, refuges, rescued
from orderparams.storage.schema import Variable
from orderparams.storage.tree import Tree

SHAPES = [
    (),
    (1,),
    (5,),
    (6,),
    (7,),
    (13,),
    (2, 3),
    (3, 2, 4),
    (2, 7),
    (7, 2),
    (0, 3),
    (3, 0),
    (0,),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_pieces_are_all_numbers_in_their_order(tmp_path, monkeypatch, shape):
    """Of six at most, and of no fewer rows than go into a piece."""
    monkeypatch.setattr(module, "PIECE", 6)
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    with h5py.File(tmp_path / "file.h5", "w") as file:
        pieces = list(Stored(file.create_dataset("data", data=values)).pieces())
    np.testing.assert_array_equal(np.concatenate([np.zeros(0, int), *pieces]), values.ravel())
    assert all(piece.size <= 6 for piece in pieces)
    if len(shape) == 1 and shape[0]:
        assert len(pieces) == -(-shape[0] // 6)
    if shape == (7, 2):
        assert [piece.size for piece in pieces] == [6, 6, 2]


def test_rows_at_once(monkeypatch):
    monkeypatch.setattr(module, "PIECE", 6)
    found = [
        rows_at_once(shape) for shape in ((9,), (9, 2), (9, 3), (9, 4), (9, 7), (9, 0), (9, 1, 6))
    ]
    assert found == [6, 3, 2, 1, 0, 6, 1]
    assert list(selections((2, 7))) == [
        (0, slice(0, 6)), (0, slice(6, 12)), (1, slice(0, 6)), (1, slice(6, 12))
    ]  # fmt: skip


def test_the_main_groups_come_first_and_a_checkpoint_never(tmp_path):
    names = ["theory", "checkpoint", "comparison", "alpha", "simulation", "theory_50"]
    with h5py.File(tmp_path / "file.h5", "w") as file:
        for name in names:
            file.create_group(name)
        found = [group.path for group in groups(file)]
    assert found == ["/", "/comparison", "/simulation", "/alpha", "/theory", "/theory_50"]
    assert rank("scan") < rank("evaluation") < rank("alpha") < rank("beta")


def test_a_group_has_the_scales_of_its_variables(tmp_path):
    with h5py.File(tmp_path / "file.h5", "w") as file:
        group = file.create_group("scan")
        group.attrs["coordinates"] = "alpha beta"
        for name in ("point", "unused"):
            group.create_dataset(name, data=np.arange(3)).make_scale(name)
        group.create_dataset("risk", data=np.ones(3)).dims[0].attach_scale(group["point"])
        _, found = groups(file)
        assert list(found.scales) == ["point"]
        assert list(found.arrays) == ["point", "risk"]
        assert found.coordinates == ["alpha", "beta"]
        assert not found.variables["risk"].text


@pytest.mark.parametrize(
    ("stored", "meant"),
    [
        (np.array([3]), 3),
        (np.array([b"text"]), "text"),
        (np.float64(0.5), 0.5),
        (np.bytes_(b"\xc3\xa9"), "é"),
        (h5py.Empty("S1"), ""),
        ("text", "text"),
        (7, 7),
    ],
)
def test_attributes_are_single_values(stored, meant):
    found = single(stored)
    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize("stored", [b"\xff", np.array([b"\xff"], dtype=object), "\udcff"])
def test_texts_that_are_not_utf_8_are_an_error(stored):
    with pytest.raises(ValueError, match="codec can't"):
        single(stored)


def test_lists_stay_and_are_told_as_texts():
    pair = np.array([1, 2])
    assert single(pair) is pair
    assert plain({"pair": pair, "CLASS": "x", "n": np.int64(2), "yes": np.True_}) == {
        "pair": "[1 2]", "n": 2, "yes": True
    }  # fmt: skip


def test_axes_without_values_are_counted_from_one():
    variable = Variable(("stage", "own"), "values", key="some.key")
    tree = Tree(
        {"values": (variable, np.zeros((2, 3)))}, {"own": np.array([5.0, 6.0, 7.0])},
        axis_names={"own": "an axis"}, axis_keys={"own": "task.own"},
    )  # fmt: skip
    assert tree.sizes == {"stage": 2, "own": 3}
    about, values = tree.scale("stage", 2)
    assert about == Variable(("stage",), "stage of specialization, counted from 1")
    np.testing.assert_array_equal(values, [1, 2])
    about, values = tree.scale("own", 3)
    assert about == Variable(("own",), "an axis", "1", "task.own")
    np.testing.assert_array_equal(values, [5.0, 6.0, 7.0])
    assert variable.attributes == {"units": "1", "long_name": "values", "key": "some.key"}
    assert Variable((), "values").attributes == {"units": "1", "long_name": "values"}


def test_a_result_is_rescued_to_the_first_folder_that_takes_it(tmp_path, monkeypatch):
    """The working folder, the home, the one for temporary files; None if nowhere."""
    for name in ("work", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folders = list(refuges())
    assert folders[:2] == [tmp_path / "work", tmp_path / "home"]
    assert len(folders) == 3
    tried, name = [], "x" * 90 + "." + "y" * 90

    def save(path, *, force):
        tried.append((path, force))
        if path.parent in refusing:
            raise OSError

    refusing = {tmp_path / "work"}
    found = rescued(save, tmp_path / "full" / name)
    assert found == tmp_path / "home" / f"{'x' * SHORT}.{'y' * (SHORT - 1)}"
    assert [force for _, force in tried] == [False, False]
    refusing |= set(folders)
    assert rescued(save, tmp_path / "full" / name) is None
