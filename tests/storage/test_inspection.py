"""What is refused of a file that HDF5 can read: each thing that should not be, by itself."""

import h5py
import numpy as np
import pytest

import orderparams as op
from orderparams.errors import FileError
from orderparams.results.files import open_group
from orderparams.results.trajectory import Reached, Trajectory
from orderparams.storage.inspection import DEFLATION

PROBLEM = op.load("two-stage", ["output.points=2"])


@pytest.fixture
def path(tmp_path):
    """A run of two times that can go on."""
    parameters = {"overlap": np.ones((2, 4, 3)), "self_overlap": np.ones((2, 4, 4))}
    run = Trajectory(
        PROBLEM, np.arange(2.0), parameters, np.ones(2), {"bayes_risk": 0.25}, engine="none",
        reached=Reached(1.0, np.arange(3.0), 0.5),
    )  # fmt: skip
    run.save(tmp_path / "run.h5")
    return tmp_path / "run.h5"


def replace(file, name, values, **options):
    """Another dataset under a name, without axes."""
    del file[name]
    return file.create_dataset(name, data=values, **options)


def axis_of(file, name, dimension, scale):
    file[name].dims[dimension].attach_scale(file[scale])


def swap_axes(file):
    values = file["trajectory/overlap"][...].transpose(0, 2, 1)
    replace(file, "trajectory/overlap", values)
    for place, axis in enumerate(("time", "feature", "head")):
        axis_of(file, "trajectory/overlap", place, f"trajectory/{axis}")


def lengthen(file):
    values = np.ones(3)
    replace(file, "trajectory/risk", values)
    axis_of(file, "trajectory/risk", 0, "trajectory/time")


def flat_axis(file):
    file.create_dataset("stages/event", data=np.ones((2, 1))).make_scale("event")


def text_risk(file):
    replace(file, "trajectory/risk", np.array(["a", "b"], dtype=object), dtype=h5py.string_dtype())
    axis_of(file, "trajectory/risk", 0, "trajectory/time")


def numbers_for_texts(file):
    group = file.create_group("checks")
    group.create_dataset("check", data=np.arange(2)).make_scale("check")
    group.create_dataset("what", data=np.arange(2.0)).dims[0].attach_scale(group["check"])


def set_attribute(place, name, value):
    return lambda file: file[place].attrs.__setitem__(name, value)


CHANGES = {
    "a text of the file": (
        set_attribute("/", "command", 1.5),
        "/ is damaged: command is not a text",
    ),
    "a text of a group": (set_attribute("trajectory", "engine", 3), "engine is not a text"),
    "a text of a dataset": (
        set_attribute("trajectory/risk", "units", 1),
        "/trajectory/risk is damaged: units is not a",
    ),
    "a number of the file": (
        set_attribute("/", "seconds", "much"),
        "/ is damaged: seconds is not a number",
    ),
    "a number of a group": (
        set_attribute("trajectory", "steps", "many"),
        "/trajectory is damaged: steps is not a number",
    ),
    "a number of a model": (
        set_attribute("trajectory", "bayes_risk", "low"),
        "bayes_risk is not a number",
    ),
    "a list for a number": (set_attribute("/", "seconds", [1.0, 2.0]), "seconds is not a number"),
    "a truth for a number": (set_attribute("/", "seconds", True), "seconds is not a number"),
    "a dataset at the root": (
        lambda file: file.create_dataset("extra", data=1.0),
        "/extra is a dataset where a group should be",
    ),
    "a group for a dataset": (
        lambda file: file.create_group("trajectory/extra"),
        "/trajectory/extra is a group where a dataset should be",
    ),
    "a group with a suffix": (
        lambda file: file.create_group("theory_250/extra"),
        "theory_250/extra is a group where",
    ),
    "complex numbers": (
        lambda file: file["trajectory"].create_dataset("extra", data=1j),
        "/trajectory/extra is damaged: it holds neither numbers nor texts",
    ),
    "texts for numbers": (text_risk, "/trajectory/risk is damaged: it should hold numbers"),
    "numbers for texts": (numbers_for_texts, "/checks/what is damaged: it should hold texts"),
    "no axes": (
        lambda file: replace(file, "trajectory/risk", np.float64(1)),
        r"risk is damaged: its axes are \(\) where \(time\) are expected",
    ),
    "axes in another order": (
        swap_axes,
        r"its axes are \(time, feature, head\) where \(time, head, feature\) are expected",
    ),
    "another length than the axis": (lengthen, r"its shape \(3,\) is not that of its axes"),
    "an axis of two dimensions": (flat_axis, "/stages/event is damaged: an axis has one dimension"),
}


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES)
def test_what_does_not_keep_to_the_schema_is_told_by_its_place(path, change, words):
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(FileError, match=words):
        op.open(path)


TAKEN = {
    "an integer": lambda file: file["trajectory"].create_dataset("extra", data=7),
    "an unknown attribute": set_attribute("trajectory", "note", [1, 2]),
    "a whole number of seconds": set_attribute("trajectory", "seconds", 3),
    "an unknown group": lambda file: file.create_group("other/inner"),
    "zeros that are packed as closely as can be": lambda file: file.create_dataset(
        "other/zeros", data=np.zeros(2**20), chunks=(2**20,), compression="gzip"
    ),
}


@pytest.mark.parametrize("change", TAKEN.values(), ids=TAKEN)
def test_what_the_schema_does_not_know_is_taken(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    assert op.open(path).bayes_risk == 0.25


@pytest.mark.parametrize(("beyond", "refused"), [(0, False), (1, True)])
def test_a_dataset_holds_the_bytes_that_it_claims(path, beyond, refused):
    """Packed by DEFLATION at most: a chunk that was written past the filter is as short as that."""
    with h5py.File(path, "r+") as file:
        size = 3 * DEFLATION + beyond
        data = file.create_dataset(
            "other/bytes", shape=size, dtype="u1", chunks=(size,), compression="gzip"
        )
        data.id.write_direct_chunk((0,), b"abc")
    if refused:
        with pytest.raises(FileError, match=f"less than the {size} bytes that it claims"):
            op.open(path)
    else:
        op.open(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("time", np.inf), ("time", -1.0), ("time", np.nan), ("step", np.inf), ("step", -1.0),
     ("vector", np.array([0.0, np.inf, 0.0]))],
)  # fmt: skip
def test_a_state_to_go_on_from_is_finite(path, name, value):
    with h5py.File(path, "r+") as file:
        if name == "vector":
            file["checkpoint/vector"][...] = value
        else:
            file["checkpoint"].attrs[name] = value
    with pytest.raises(FileError, match="the state in /checkpoint is not finite"):
        op.open(path)


def test_a_state_may_stand_at_the_start(path):
    with h5py.File(path, "r+") as file:
        file["checkpoint"].attrs.update({"time": 0.0, "step": 0.0})
    reached = op.open(path).reached
    assert (reached.time, reached.step, reached.extra) == (0.0, 0.0, False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda group: group["time"].__setitem__(1, 0.0), "its times do not increase"),
        (lambda group: group["time"].__setitem__(1, np.inf), "its times are not finite"),
        (
            lambda group: group["overlap"].__setitem__((0, 0, 0), np.nan),
            "parameters are not finite",
        ),
        (lambda group: group.__delitem__("overlap"), "overlap is missing in .*: /trajectory"),
    ],
)
def test_a_course_is_finite_and_goes_forward(path, change, words):
    with h5py.File(path, "r+") as file:
        change(file["trajectory"])
    with pytest.raises(FileError, match=words):
        op.open(path)


def test_the_axes_have_the_lengths_of_the_configuration(tmp_path):
    parameters = {"overlap": np.ones((2, 5, 3)), "self_overlap": np.ones((2, 5, 5))}
    Trajectory(PROBLEM, np.arange(2.0), parameters, np.ones(2)).save(tmp_path / "run.h5")
    with pytest.raises(
        FileError, match=r"/trajectory/head is damaged: it has 5 entries, .* have 4"
    ):
        op.open(tmp_path / "run.h5")


def test_a_group_is_opened_by_its_name(path, result_paths):
    assert open_group(path, "trajectory").bayes_risk == 0.25
    with pytest.raises(FileError, match="holds no simulation; it has checkpoint, trajectory"):
        open_group(path, "simulation")
    with pytest.raises(FileError, match="holds no claim; "):
        open_group(path, "checks")
    assert open_group(result_paths["solve"], "scan")["status"].size == 4
    for name in ("trajectory", "simulation"):
        with pytest.raises(FileError, match=r"solve\.h5 is a scan, not one run"):
            open_group(result_paths["solve"], name)
