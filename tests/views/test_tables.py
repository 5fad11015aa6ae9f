"""Order parameters in tables: any model's, in 80 columns, and no name of one in the sources."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from views.fake import ALL, GAIN, R

from orderparams.models import registry
from orderparams.views.tables import WIDTH, aligned, state_table, tables


def state(students=3, teachers=2):
    """Numbers that tell where they stand."""
    rows, columns = np.arange(1, students + 1), np.arange(1, teachers + 1)
    return {
        "alignment": rows[:, None] + columns / 10,
        "gram": np.diag(-1.0 * rows) + 0.5,
        "gain": rows / 100,
        "offset": np.array(7.0),
        "scale": -columns / 1000,
    }


def test_a_row_an_entry_of_the_first_axis_and_a_column_a_panel():
    lines = [line.split() for line in state_table(ALL, state())]
    assert lines == [
        ["student", "R_1", "R_2", "Q", "gamma"],
        ["1", "1.1000", "1.2000", "-0.5000", "0.0100"],
        ["2", "2.1000", "2.2000", "-1.5000", "0.0200"],
        ["3", "3.1000", "3.2000", "-2.5000", "0.0300"],
        ["b"],
        ["7.0000"],
        ["teacher", "s"],
        ["1", "-0.00100"],
        ["2", "-0.00200"],
    ]
    assert [group[0].sign for group in tables(ALL, state())["student"]] == ["R₁", "Q", "γ"]


def test_what_is_not_known_has_no_column():
    assert state_table((R, GAIN), {"gain": np.ones(2)})[0].split() == ["student", "gamma"]
    assert state_table(ALL, {}) == []


def test_columns_go_where_there_are_most_and_what_is_missing_is_said():
    lines = state_table(ALL[:3], state(30, 20), "the file has all")
    assert lines[0].split() == ["student", *(f"R_{i}" for i in range(1, 6)), "Q", "gamma"]
    assert lines[-1] == "  (without student 25 to 30, R_6 to R_20; the file has all)"
    assert state_table((R,), state(2, 8), "x")[-1] == "  (without R_8; x)"
    assert len(lines) == 26


@pytest.mark.parametrize("size", [1e-300, 5e-5, 2e-4, 1e-3, 0.5, 99.9, 100.0, 9999.0, 1e5, 1e299])
def test_numbers_of_any_size_stand_apart_in_80_columns(size):
    values = {"alignment": np.full((2, 20), -size), "gain": np.full(2, -size / 2)}
    head, *rows, _ = state_table(ALL, values)
    assert {len(row.split()) for row in rows} == {len(head.split())}
    assert max(map(len, (head, *rows))) <= WIDTH
    assert all(float(cell) == pytest.approx(-size, rel=0.06) for cell in rows[0].split()[1:-1])


def test_small_numbers_have_decimals_as_large_ones_have():
    """A power of ten stands where decimals would be too many, and never for nothing."""
    forms = {0.03: "0.0300", 0.003: "0.00300", 0.0003: "0.000300", 0.00003: "3.0e-05"}
    for size, written in forms.items():
        (_, row) = state_table((R,), {"alignment": np.array([[size, 0.0]])})
        cells = row.split()
        assert cells[1] == written
        assert float(cells[2]) == 0
        assert "e" not in cells[2]


def test_what_rounds_to_zero_has_no_sign():
    (_, row) = state_table((R,), {"alignment": np.array([[-1e-9, 1.0]])})
    assert row.split() == ["1", "0.0000", "1.0000"]
    (_, row) = state_table((R, GAIN), {"alignment": -1e-9 * np.ones((1, 1)), "gain": np.ones(1)})
    assert row.split() == ["1", "0.0000", "1.0000"]
    (_, row) = state_table((GAIN,), {"gain": np.array([-0.0])})
    assert row.split() == ["1", "0.0000"]


def test_texts_in_columns():
    assert aligned(("a", "long"), [("1", "2"), ("100", "3")]) == [
        "    a  long",
        "    1     2",
        "  100     3",
    ]


@pytest.mark.parametrize("folder", ["cli", "exports", "views"])
def test_no_order_parameter_is_named(folder):
    """In a string, an attribute, a variable or a sentence of the help."""
    tables = [registry.configuration(model).PARAMETERS for model in registry.names()]
    names = {parameter.name for table in tables for parameter in table}
    names -= {"output"}  # a table of all configurations and an option, too
    assert {"overlap", "self_overlap", "head_weight"} <= names
    files = sorted(Path(import_module(f"orderparams.{folder}").__file__).parent.rglob("*.py"))
    for file in files:
        found = re.findall(rf"\b(?:{'|'.join(names)})s?\b", file.read_text("utf-8"))
        assert not found, file
