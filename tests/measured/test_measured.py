"""Data that somebody wrote: what is read of them, and what they are told that cannot be right.

Oracles: the arrays that were written; scalar products in plain NumPy.
"""

import io
import re

import h5py
import numpy as np
import pandas
import pytest

import orderparams as op
from orderparams.errors import ConfigurationError, FileError
from orderparams.measured.measure import measured
from orderparams.measured.scales import elsewhere
from orderparams.measured.sources import read_data
from orderparams.run.judge import judged

PRESET = "finite-learning-rate"
PROBLEM = op.load(PRESET)
D = 1000
STEPS = np.array([0.0, 300.0, 700.0, 1000.0])
M = np.array([[0.5, -0.3], [0.55, -0.35], [0.6, -0.4], [0.7, -0.5]])
Q = np.array([[0.4, -0.1, 0.3], [0.5, -0.1, 0.4], [0.6, -0.15, 0.5], [0.8, -0.3, 0.6]])
NAMES = ["step", "m_1_1", "m_2_1", "q_1_1", "q_2_1", "q_2_2"]
"""A table of two heads against one direction."""

COLUMNS = dict(zip(NAMES, np.column_stack([STEPS, M, Q]).T, strict=True))
WHOLE = {
    "step": STEPS,
    "m": M[:, :, None],
    "q": Q[:, [[0, 1], [1, 2]]],
}


def text(columns, delimiter=",", mark=""):
    """Columns as a table in a text."""
    rows = [delimiter.join(columns)]
    rows += [delimiter.join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    return mark + "\n".join(rows) + "\n"


def found(data, dimension=D, problem=PROBLEM):
    """What is measured."""
    return measured(read_data(data), problem, dimension)


def check(result, m=WHOLE["m"], q=WHOLE["q"]):
    """One replica with the order parameters of the table."""
    np.testing.assert_allclose(result.time, STEPS * 5 / D, rtol=1e-14)
    np.testing.assert_array_equal(result.parameters["overlap"], m[None])
    np.testing.assert_array_equal(result.parameters["self_overlap"], q[None])


TEXTS = {
    "commas": text(COLUMNS),
    "savetxt": text(COLUMNS, mark="# "),
    "tabs": text(COLUMNS, "\t"),
    "semicolons": text(COLUMNS, ";"),
    "blanks": text(COLUMNS, "  "),
    "other half": text(COLUMNS).replace("q_2_1", "q_1_2"),
    "commas in names": text(COLUMNS, ";").replace("_1;", ",1;"),
    "long names": text(COLUMNS).replace("m_", "overlap_").replace("q_", "self_overlap_"),
    "no second place": text(COLUMNS).replace("m_1_1", "m_1").replace("m_2_1", "m_2"),
}


COMMENTS = {
    "above": "# mine\n# gamma = 5, D = 1000\n" + text(COLUMNS),
    "between": text(COLUMNS, mark="# ").replace("\n300", "\n# restarted\n300"),
    "before savetxt's names": "# mine\n\n" + text(COLUMNS, mark="# "),
}


@pytest.mark.parametrize("name", COMMENTS)
def test_comments_are_left_out(tmp_path, name):
    (tmp_path / "sgd.csv").write_text(COMMENTS[name])
    check(found(tmp_path / "sgd.csv"))


def test_python_objects_are_not_read(tmp_path):
    """They could run code."""
    np.savez(tmp_path / "x.npz", **COLUMNS, note=np.array([{1: 2}], dtype=object))
    with pytest.raises(FileError, match="note is an array of Python objects, which are not read"):
        read_data(tmp_path / "x.npz")


def test_arrays_in_groups_are_told(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["run/m"] = M
    with pytest.raises(ConfigurationError, match="arrays in groups, such as run/m"):
        read_data(tmp_path / "x.h5")


def test_values_that_are_held_are_told():
    """A row that repeats all but the time; the others are kept."""
    again = {name: values[[0, 1, 1, 2, 3]] for name, values in COLUMNS.items()}
    again["step"] = np.array([0.0, 300, 500, 700, 1000])
    (told,) = found(again).warnings
    assert "at t = 2.5, and 1 of 4 times, all order parameters are exactly those" in told


def test_times_at_which_nothing_changed_are_left_out():
    rows = np.array([0, 0, 1, 2, 2, 3])
    check(found({name: values[rows] for name, values in COLUMNS.items()}))


@pytest.mark.parametrize("name", TEXTS)
def test_a_table_is_read(tmp_path, name):
    path = tmp_path / "sgd.csv"
    path.write_text(TEXTS[name])
    check(found(path))
    check(found(str(path)))


def test_a_table_comes_from_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text(COLUMNS).encode())))
    check(found("-"))


OBJECTS = {
    "columns": COLUMNS,
    "arrays": WHOLE,
    "long names": {"step": STEPS, "overlap": WHOLE["m"], "self_overlap": WHOLE["q"]},
    "a replica": {**WHOLE, "m": WHOLE["m"][None], "q": WHOLE["q"][None]},
    "times": {**WHOLE, "time": STEPS * 5 / D + 1e-4},
    "frame": pandas.DataFrame(COLUMNS),
    "indexed": pandas.DataFrame(COLUMNS).set_index("step"),
    "dimension": {**COLUMNS, "dimension": 1000},
    "structured": np.genfromtxt(io.StringIO(text(COLUMNS)), delimiter=",", names=True),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_are_read(name):
    check(found(OBJECTS[name]))


@pytest.mark.parametrize("ending", ["npz", "h5"])
@pytest.mark.parametrize("name", ["columns", "arrays"])
def test_arrays_in_files_are_read(tmp_path, ending, name):
    path = tmp_path / f"sgd.{ending}"
    if ending == "npz":
        np.savez(path, **OBJECTS[name])
    else:
        with h5py.File(path, "w") as file:
            for key, values in OBJECTS[name].items():
                file[key] = values
    check(found(path))


def test_rows_of_replicas_may_be_mixed():
    order = np.array([0, 4, 1, 2, 5, 6, 3, 7])
    both = {name: np.concatenate([values, values])[order] for name, values in COLUMNS.items()}
    both["m_1_1"] = np.concatenate([M[:, 0], M[:, 0] + 0.01])[order]
    both["replica"] = np.repeat(["a", "b"], 4)[order]
    result = found(both)
    expected = np.stack([WHOLE["m"], WHOLE["m"] + np.array([0.01, 0])[:, None]])
    np.testing.assert_allclose(result.parameters["overlap"], expected, rtol=1e-14)
    assert result.problem.simulation.replicas == 2
    assert result.problem.training.duration == 5.0


def test_time_of_a_schedule():
    """A piecewise rate: half of it from the elapsed time 2 on."""
    schedule = {"kind": "piecewise", "times": [2.0], "factors": [0.5]}
    problem = op.load(PRESET, {"training.schedule": schedule})
    expected = np.minimum(STEPS * 5 / D, 2.0) + 0.5 * np.maximum(STEPS * 5 / D - 2.0, 0.0)
    np.testing.assert_allclose(found(COLUMNS, problem=problem).time, expected, rtol=1e-14)


@pytest.mark.parametrize(("factor", "words"), [(0.5, "step seems"), (2.0, "time seems")])
def test_sequences_are_no_batches(factor, words):
    problem = op.load(PRESET, {"training.batch_size": 2})
    with pytest.raises(ConfigurationError, match=f"{words} to count sequences"):
        found({**COLUMNS, "time": factor * STEPS * 5 / D}, problem=problem)


def vectors(dimension=400, count=2, hidden=1, replicas=2):
    """Vectors (R, T, n, D), and orthogonal directions."""
    generator = np.random.default_rng(3)
    keys = 0.5 * generator.standard_normal((replicas, 3, count, dimension))
    frame = np.linalg.qr(generator.standard_normal((dimension, hidden)))[0].T
    return keys, frame * np.sqrt(dimension)


@pytest.mark.parametrize("kind", ["f8", "f4"])
def test_overlaps_of_vectors_are_scalar_products(kind):
    keys, directions = vectors()
    data = {"keys": keys.astype(kind), "directions": directions, "step": [0, 100, 200]}
    result = found(data, None)
    assert result.problem.simulation.dimension == 400
    own = data["keys"].astype(float)
    expected = np.einsum("rthd,fd->rthf", own, directions) / 400
    np.testing.assert_allclose(result.parameters["overlap"], expected, rtol=1e-12)
    expected = np.einsum("rthd,rtgd->rthg", own, own) / 400
    np.testing.assert_allclose(result.parameters["self_overlap"], expected, rtol=1e-12)


def test_vectors_of_students_have_correlated_teachers():
    problem = op.load("saad-solla", {"task.teacher_overlap": [[1.0, 0.5], [0.5, 1.0]]})
    students, frame = vectors(hidden=2, replicas=1)
    teachers = np.array([[1.0, 0.0], [0.5, 0.75**0.5]]) @ frame
    data = {"students": students[0], "teachers": teachers, "step": [0, 100, 200]}
    result = found(data, None, problem)
    expected = students[0] @ teachers.T / 400
    np.testing.assert_allclose(result.parameters["overlap"][0], expected, rtol=1e-12)
    with pytest.raises(ConfigurationError, match=r"teachers have overlaps that are off by 0\.5"):
        found({**data, "teachers": frame}, None, problem)


def changed(**columns):
    """The table with other columns."""
    return {name: values for name, values in {**COLUMNS, **columns}.items() if values is not None}


def scaled(m, q):
    """The table with order parameters times something."""
    factors = {"m": m, "q": q, "s": 1}
    return {name: factors[name[0]] * values for name, values in COLUMNS.items()}


REFUSED = {
    "q_2_2 is missing": changed(q_2_2=None),
    "'qq_2_2' is in the data": changed(q_2_2=None, qq_2_2=Q[:, 2]),
    "m_2_1 is missing.* 1 of 2 heads": changed(m_2_1=None),
    "m_3_1 is of head 3, and the configuration has 2": changed(m_3_1=M[:, 0]),
    "m_1_1_1 has 3 places": changed(m_1_1_1=M[:, 0]),
    "q_2_1 and q_1_2 are not equal": changed(q_1_2=0.9 * Q[:, 1]),
    "beta_1 is a bias, which nothing moves": changed(beta_1=M[:, 0]),
    "m has the shape .4, 3, 1.; by the configuration it is": {**WHOLE, "m": np.ones((4, 3, 1))},
    "overlap is known of .4,. .* and self_overlap of .3,.": {**WHOLE, "q": WHOLE["q"][1:]},
    "step has the shape .4,., and .* 3 times": {**WHOLE, "m": M[1:, :, None], "q": WHOLE["q"][1:]},
    "m has the shape .4, 1, 2.*the other order: swap them": {
        **WHOLE,
        "m": WHOLE["m"].swapaxes(1, 2),
    },
    "q has the shape .2, 2, 4.*move the last axis to the front": {
        **WHOLE,
        "q": np.moveaxis(WHOLE["q"], 0, -1),
    },
    "q is not symmetric, .*fill both halves": {**WHOLE, "q": np.triu(WHOLE["q"])},
    "q itself has the eigenvalue .* with itself are zero: q_1_1 is its square": changed(
        q_1_1=0 * STEPS, q_2_2=0 * STEPS
    ),
    "no order parameter .*, such as m_1_1, q_1_1, is there, but 'a', 'b'$": {
        "a": STEPS,
        "b": STEPS,
    },
    "overlap has no times": {name: values[:0] for name, values in COLUMNS.items()},
    "no order parameter changes at any time, .*was the state copied": changed(
        **{name: values[0] + 0 * STEPS for name, values in COLUMNS.items() if name != "step"}
    ),
    "if 'epoch' is one of the two, call it so": {"epoch": STEPS, **changed(step=None)},
    "m_1_1 has an empty cell in row 2": changed(m_1_1=np.array(["1", "", "3", "4"])),
    "m_1_1 has '1,5' .*written with a point": changed(m_1_1=np.array(["1,5"] * 4)),
    "m_2_1 has the shape .4,., and other entries .3": changed(m_1_1=M[1:, 0]),
    "m_1_1 is nan at time 3": changed(m_1_1=np.where(STEPS == 700, np.nan, M[:, 0])),
    "m_1_1 has 'x' in row 2, which is no number": changed(m_1_1=np.array(["1", "x", "3", "4"])),
    "neither time nor step": changed(step=None),
    "step has one value only": {name: values[:1] for name, values in COLUMNS.items()},
    "step must increase, and 700 follows 1000 in row 2.* column replica": {
        name: values[::-1] for name, values in COLUMNS.items()
    },
    "step is 0.5; steps are whole": changed(step=STEPS + 0.5),
    "step is -1 at its least": changed(step=STEPS - 1),
    "step is inf in row 4": changed(step=np.where(STEPS == 1000, np.inf, STEPS)),
    "replica b has 1|replica a has 3 times": changed(replica=np.array(["a", "a", "a", "b"])),
    "step is 700 in row 1 of replica 2": changed(replica=np.array([1, 1, 2, 2])),
    "replica has the shape .3,., and there are 4 rows": changed(replica=np.ones(3)),
    "time is 0.2 times .* time looks like step/D": changed(time=STEPS / D),
    "time is 200 times .* looks like the step itself": changed(time=STEPS),
    "time is 1000 times .* looks like learning rate": changed(time=5 * STEPS),
    "time is 1.[0-9]+ times .* on the average; leave time out": changed(
        time=5 * STEPS / D + [0, 0.9, 0.1, 0.8]
    ),
    "time 0.699 would be after 139.8 steps.* If it is step/D, multiply it by 5,": changed(
        step=None, time=np.maximum(STEPS - 1, 0) / D
    ),
    "m and q about D times .*: divide m and q by D$": scaled(D, D),
    "eigenvalue .* m about √D times .*: divide m by √D$": scaled(D**0.5, 1),
    "have q about D times .*: divide q by D, or change initial": scaled(1, D),
    "m about 1/√D times .*: multiply m by √D": scaled(D**-0.5, 1),
    "q about √D times.* m about 1/D times": scaled(1 / D, D**0.5),
    "both are scalar products over D .*: m is no cosine, and q neither a length": changed(
        m_1_1=M[:, 0] / Q[:, 0] ** 0.5, m_2_1=M[:, 1] / Q[:, 2] ** 0.5
    ),
    "both are scalar products over D .*: divide by D": {
        **scaled(D, D),
        "step": STEPS + 100,
    },
    "it may be rounded": changed(m_1_1=(Q[:, 0] + 1e-5) ** 0.5, m_2_1=0 * M[:, 1], q_2_1=0 * STEPS),
}


@pytest.mark.parametrize("words", REFUSED)
def test_data_that_cannot_be_right_are_refused(words):
    with pytest.raises(ConfigurationError, match=words) as refused:
        found(REFUSED[words])
    assert str(refused.value).startswith("the data: ")


def test_a_start_that_is_another_is_no_slip():
    """Random vectors of other lengths, under a configuration whose overlaps are large."""
    keys, directions = vectors(dimension=1000)
    keys *= (0.4 / np.square(keys).mean()) ** 0.5
    assert not found({"keys": keys, "directions": directions, "step": [0, 100, 200]}, None).warnings
    random = {"kind": "random", "variance": 0.35}
    found(COLUMNS, problem=op.load(PRESET, {"initial": random}))


def test_another_start_is_told_where_somebody_asks():
    result = found(changed(m_1_1=0.5 * M[:, 0]))
    told = elsewhere(result.problem, result.time, result.parameters)
    assert "begin with m_1_1 = 0.25 where the configuration begins with 0.5" in told
    assert elsewhere(PROBLEM, result.time + 1, result.parameters) == ""
    right = found(COLUMNS)
    assert elsewhere(right.problem, right.time, right.parameters) == ""


def test_random_starts_have_a_size():
    random = {"kind": "random", "variance": 0.25}
    keys, directions = vectors(dimension=1000)
    found({"keys": keys, "directions": directions, "step": [0, 100, 200]}, None)
    q = np.einsum("rthd,rtgd->rthg", keys, keys)
    data = {"m": keys @ directions.T / 1000, "q": q, "step": [0, 100, 200]}
    problem = op.load(PRESET, {"initial": random})
    with pytest.raises(ConfigurationError, match="have q about D times"):
        found(data, 1000, problem)
    half = found({**data, "q": q / 1000**0.5}, 1000, problem)
    assert "q about √D times that of the configuration's start: divide q by √D" in half.warnings[0]


KEYS, DIRECTIONS = vectors()
OF_VECTORS = {
    "there are keys and no directions": {"directions": None},
    "there are directions and no keys": {"keys": None},
    "keys have the shape .2, 3, 1, 400.; .* of 2 heads": {"keys": KEYS[:, :, :1]},
    "keys have the shape .*last two axes are in the other order": {"keys": KEYS.swapaxes(2, 3)},
    "keys have the shape .*swap the first two axes": {"keys": KEYS[0].swapaxes(0, 1)},
    "keys have the shape .*this is one time": {"keys": KEYS[0, 0]},
    "keys have numbers that are not finite": {"keys": np.where(KEYS > 1, np.nan, KEYS)},
    "directions have the shape .*; transpose it": {"directions": DIRECTIONS.T},
    "keys are no numbers": {"keys": KEYS.astype(str)},
    "directions have the shape .2, 400.* of 1 direction": {"directions": vectors(hidden=2)[1]},
    "directions have the shape .1, 300.": {"directions": DIRECTIONS[:, :300]},
    "they have the length 1, .*: *multiply them by √D|multiply them by √D": {
        "directions": DIRECTIONS / 20
    },
    "made orthogonal": {"directions": 1.1 * DIRECTIONS},
}


@pytest.mark.parametrize("words", OF_VECTORS)
def test_vectors_that_do_not_fit_are_refused(words):
    data = {"keys": KEYS, "directions": DIRECTIONS, "step": [0, 100, 200]} | OF_VECTORS[words]
    with pytest.raises(ConfigurationError, match=words):
        found({name: values for name, values in data.items() if values is not None}, None)


OF_DIMENSIONS = {
    "'dimension' is missing: the data does not say": (COLUMNS, None),
    "is 2, in which 2 vectors and 1 hidden direction": (COLUMNS, 2),
    "dimension is to be one whole number": ({**COLUMNS, "dimension": STEPS + 1}, None),
    "dimension is of the type complex128": ({**COLUMNS, "dimension": 1j}, None),
    "dimension is no array, but": ({**COLUMNS, "dimension": [[1], [2, 3]]}, None),
    "is 300, and the data is of D = 400; leave it out": (
        {"keys": KEYS, "directions": DIRECTIONS, "step": [0, 100, 200]},
        300,
    ),
}


@pytest.mark.parametrize("words", OF_DIMENSIONS)
def test_dimensions_that_cannot_be_are_refused(words):
    with pytest.raises(ConfigurationError, match=words):
        found(*OF_DIMENSIONS[words])


def test_columns_that_nobody_knows_are_named():
    assert found(changed(epoch=STEPS, risk=STEPS)).warnings == ["the data: not used: epoch"]


FILES = {
    "is empty": ("x.csv", ""),
    "begins with numbers, 0,1: it has no line of names above": ("x.csv", "0,1\n1,2\n"),
    "begins with numbers, nan": ("x.csv", "nan 1\n1 2\n"),
    "has one column only, 'time|m_1_1'; columns are parted": ("x.csv", "time|m_1_1\n0|1\n"),
    "has a line of names and no numbers": ("x.csv", "# time,m_1_1\n"),
    "decimals are written with a point, not": ("x.csv", "time,m_1_1\n0,0,0,5\n"),
    "is a text, and no npz archive": ("x.npz", "time,m_1_1\n0,1\n"),
    "is a text, and no HDF5 file": ("x.h5", "hello"),
    "line 3 has 1 cells, and the line of names has 2": ("x.csv", "time,m_1_1\n0,1\n2\n"),
    "has two columns 'time'": ("x.csv", "time,time\n0,1\n"),
    "is a Python program; data are": ("x.py", "x = 1"),
    "cannot be read as an npz archive": ("x.npz", "PK\x03\x04 nothing"),
    "is damaged or incomplete": ("x.h5", "\x89HDF\r\n\x1a\n"),
    "is not a text in UTF-8|not a text file": ("x.csv", "\x00\x01"),
}


@pytest.mark.parametrize("words", FILES)
def test_files_that_cannot_be_read_are_refused(tmp_path, words):
    name, content = FILES[words]
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(FileError, match=re.escape(str(tmp_path)) + f".*({words})"):
        read_data(tmp_path / name)


def test_files_that_are_not_there_are_guessed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sgd.csv").write_text(text(COLUMNS))
    with pytest.raises(FileError, match=r"did you mean 'sgd.csv'"):
        read_data("sdg.csv")
    with pytest.raises(FileError, match="is a preset; data come first"):
        read_data("two-stage")
    with pytest.raises(FileError, match="is a folder"):
        read_data(tmp_path)
    with pytest.raises(ConfigurationError, match="expected the path"):
        read_data(3)


def test_results_without_a_simulation_are_refused(result_paths):
    with pytest.raises(FileError, match="holds no simulation"):
        read_data(result_paths["run"])
    with pytest.raises(ConfigurationError, match="did not finish"):
        read_data(result_paths["unfinished"])


@pytest.mark.parametrize("to", ["csv", "npz", "netcdf", "h5", "frame", "tidy", "dataset"])
def test_a_simulation_is_read_in_every_form(results, result_paths, tmp_path, to):
    """To the bits of the run; all but tables of columns know the dimension."""
    run = results["simulation"]
    if to == "frame":
        data = run.to_dataframe()
    elif to == "tidy":
        data = run.to_dataframe(tidy=True)
    elif to == "dataset":
        data = run.to_xarray()
    elif to == "h5":
        data = result_paths["simulation"]
    else:
        data = op.export(result_paths["simulation"], tmp_path / "x", to=to)
    written = read_data(data)
    size = 100 if to == "frame" else None
    result = measured(written, run.problem, size)
    assert result.problem.simulation.dimension == 100
    np.testing.assert_allclose(result.time, run.time, rtol=1e-12)
    for name, values in run.parameters.items():
        np.testing.assert_array_equal(result.parameters[name], values)
    assert (written.problem == run.problem) == (to in ("h5", "npz", "netcdf"))


def test_one_replica_is_not_counted_twice():
    twice = {name: np.concatenate([of, of]) for name, of in COLUMNS.items()}
    twice["replica"] = np.repeat([0, 1], len(STEPS))
    with pytest.raises(ConfigurationError, match="replicas 1 and 2 are the same"):
        found(twice)


REFUSED_PROBLEMS = {
    "not known of model = 'in-context-regression'": "in-context-pairs",
    "no sequence changes": "shared-keys",
}


@pytest.mark.parametrize("words", REFUSED_PROBLEMS)
def test_problems_without_fluctuations_are_refused_first(words):
    with pytest.raises(ConfigurationError, match=words):
        judged(read_data(COLUMNS), op.load(REFUSED_PROBLEMS[words]), D, "sgd", 0.01, None)
