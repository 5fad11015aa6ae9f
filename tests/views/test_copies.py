"""Names of lines: copies share a style and are named once, and nothing is left unnamed."""

import numpy as np

from orderparams.views.plots.copies import MOST_TOLD, in_range, named, names_of, numbers, plain


def told(names):
    """Styles by the names that stand in a legend."""
    return {label: names.styles[i] for i, label in enumerate(names.labels) if label}


def test_equal_courses_are_copies_of_each_other():
    """1, 2 and 4 are the same but for rounding; 3 ends with them, but comes another way."""
    time = np.linspace(0, 1, 5)
    courses = np.array([time, time + 1e-9, time**2, time])
    names = names_of("head", courses[..., None], lambda: ([(0, 1, 2, 3)], ()))
    assert names.styles == (0, 0, 1, 0)
    assert names.labels == ("heads 1–2, 4, copies", "", "head 3", "")


def test_of_many_those_are_copies_that_are_equal_at_the_end():
    courses = np.multiply.outer(np.arange(12.0), [[1.0], [1.0], [0.0]])
    groups = [(3, 4, 5, 6, 7, 8), (0, 1), (2,)]
    names = names_of("student", courses, lambda: (groups, (9, 10, 11)))
    assert told(names) == {
        "students 1–2, copies": 0,
        "student 3": 1,
        "students 4–9, copies": 2,
        "students 10–12, near zero": None,
    }
    assert names.styles == (0, 0, 1, *[2] * 6, *[None] * 3)


def test_those_that_fan_out_are_no_copies():
    """Equal along direction 1, which is large, and apart by small steps along direction 2."""
    ends = np.array([[3.0, x] for x in np.linspace(-0.3, 0.3, 12)] + [[-1.0, 0.3]] * 2)
    paths = np.linspace(0.1, 1, 5)[:, None, None] * ends
    courses = np.moveaxis(in_range(paths, together=True), 1, 0)
    names = names_of("head", courses, lambda: ([tuple(range(12)), (12, 13)], ()))
    for number in {*names.styles}:
        same = ends[[style == number for style in names.styles]]
        assert np.ptp(same, axis=0).max() <= 0.02 * 4.0
    assert len({*names.styles}) > 4


def test_few_are_told_apart_whatever_they_come_to():
    courses = np.arange(8.0)[:, None] * np.ones(3)

    def never():
        raise AssertionError("eight colours are enough")

    assert names_of("head", courses, never).styles == tuple(range(8))


def test_every_line_has_a_style_or_belongs_to_the_others_that_are_named():
    names = plain("head", 100)
    assert len({style for style in names.styles if style is not None}) == MOST_TOLD
    assert names.labels[MOST_TOLD] == f"{100 - MOST_TOLD} other heads"
    assert all(names.labels[: MOST_TOLD + 1])
    assert not any(names.labels[MOST_TOLD + 1 :])
    assert told(named("head", [(0, 1)], 2)) == {"heads 1–2, copies": 0}


def test_numbers_stay_short():
    assert numbers("head", [4]) == "head 5"
    assert numbers("head", [0, 1, 2, 5]) == "heads 1–3, 6"
    assert numbers("head", [0, 2, 4, 6, 8, 9]) == "heads 1, 3, 5, 7, 9–10"
    assert numbers("head", list(range(0, 12, 2))) == "6 heads (1, 3, 5, 7, 9, …)"
