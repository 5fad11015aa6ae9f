"""The story of a run: screen, Markdown and page tell the same, in a model's own words."""

import dataclasses
import re
from types import SimpleNamespace

import numpy as np
import pytest
from views import analyses, fake

from orderparams.models.vectors.geometry import Direction
from orderparams.results.analyzed.stages import Event, Excursion, Plateau, Stages
from orderparams.views.reports.chapters import sections
from orderparams.views.story import points, screen, stages
from orderparams.views.story.blocks import Sentence, Table
from orderparams.views.story.markdown import document, escaped
from orderparams.views.story.opening import opening, turns
from orderparams.views.story.tell import tell
from orderparams.views.story.words import along, explained, instants, listed, words_of
from orderparams.views.story.worth import kept_by_noise
from orderparams.views.tables import WIDTH

FIRST, SECOND = (Direction(str(i + 1), np.eye(2)[:, [i]], 1.0) for i in (0, 1))
TILTED = Direction("p1", np.array([[0.6], [0.8]]), 2.0)
WORDS = words_of(fake.ALL)


def event(learner, *, common=False, before=0.0, times=(1.0, 23456.7, 1e5)):
    """A turn against the second direction."""
    values = (before, -1e-9, 0.7, 0.31234)
    return Event(learner, SECOND, np.array([0.0, -1.0]), *times, *values, common, int(not common))


STAGES = Stages(
    directions=(FIRST, SECOND),
    events=(event(0, common=True), event(2, before=-0.9)),
    plateaus=(Plateau(10.0, 20.0, 15.0, 0.25),),
    unspecialized=(0.5, 12.0),
    excursions=(Excursion(1, SECOND, SECOND, 0.9, 3.0, 4.0, "-2", "+2"),),
    groups=((0, 1),),
    dormant=(2,),
    remaining=0.0,
)


def test_rows_and_sentences_in_the_words_of_a_model(monkeypatch):
    fake.install(monkeypatch)
    assert WORDS == ("student", "teacher", "alignment")
    (chapter,) = stages.happened(fake.run(), STAGES)
    (table,) = (block for block in chapter.blocks if isinstance(block, Table))
    assert table.columns[:3] == ("stage", "student", "towards")
    assert table.rows == [
        ("all", "1", "-2", "1", "23457", "100000", "0.00 → 0.00", "0.7000 → 0.3123"),
        ("1", "3", "+2 → -2", "1", "23457", "100000", "-0.90 → 0.00", "0.7000 → 0.3123"),
    ]
    texts = [block.text for block in chapter.blocks if isinstance(block, Sentence)]
    assert texts == [
        "All students are the same (within 10 %) from t = 0.5 to 12.",
        "+1 and -1 are the two sides of teacher 1.",
        stages.legend(WORDS),
        "Plateau 1: the risk rests at 0.250000 from t = 10 to 20.",
        "Student 2 makes an excursion: along -2 up to 0.900 at t = 3; from t = 4 on it follows +2.",
        "Students at the end, those with equal alignments (within 10 %) in brackets: [1, 2].",
        "Students without alignment at the end: 3.",
        "Students 2, 3 are busy at the end: load above 0.5.",
    ]


def test_without_anything_to_turn_to_there_is_no_story():
    assert words_of(fake.ALL[1:]) is None
    assert stages.too_few(4) == "4 stored times are too few to tell stages."
    assert stages.too_few(5) == ""


@pytest.mark.parametrize(
    ("times", "texts"),
    [
        ([2.802, 14.01, 2731.0], ["2.80", "14.01", "2731.00"]),
        ([0.00123, 0.5], ["0.00123", "0.50000"]),
        ([0.0, 31.4, 250.0], ["0.0", "31.4", "250.0"]),
        ([1e-4, 1e6], ["1.0e-04", "1.0e+06"]),
        ([12345678.0], ["1.2e+07"]),
        ([0.0], ["0"]),
    ],
)
def test_times_stand_below_each_other(times, texts):
    assert instants(times) == texts
    assert max(map(len, texts)) <= 7
    assert len({len(text.partition(".")[2]) for text in texts}) == 1


@pytest.mark.parametrize(
    ("rule", "engine", "near", "remaining", "kept"),
    [
        ("sgd", "quadrature", True, 0.0049, True),
        ("sgd", "quadrature", True, 0.0051, False),  # it falls on
        ("sgd", "quadrature", False, 0.0, False),
        ("gradient-flow", "quadrature", True, 0.0, False),
        ("gradient-flow", "", True, 0.0, True),  # a simulation
    ],
)
def test_noise_keeps_a_run_above_its_minimum_where_it_falls_no_more(
    rule, engine, near, remaining, kept
):
    """The risk ranges over 2, and ends 0.1 above the minimum: a tenth of that is 0.5 % of it."""
    result = SimpleNamespace(
        problem=SimpleNamespace(training=SimpleNamespace(rule=rule)),
        trajectory=SimpleNamespace(engine=engine, risk=np.array([2.1, 0.1])),
        stages=SimpleNamespace(remaining=remaining),
        near_the_end=near,
    )
    assert kept_by_noise(result, 0.1) is kept


def test_directions_have_the_time_of_the_first_that_turned_to_them():
    def turn(direction, half_time):
        return SimpleNamespace(direction=direction, half_time=half_time)

    events = [turn(SECOND, 5.0), turn(FIRST, 7.0), turn(SECOND, 90.0)]
    result = SimpleNamespace(
        stages=SimpleNamespace(specializations=events, directions=(FIRST, SECOND)),
        directions=(),
        space_of=lambda direction: direction.name,
        observed_order=("2", "1"),
    )
    assert turns(result, WORDS) == "teacher 2 (t = 5) and teacher 1 (t = 7)"


def test_names_of_directions_are_explained():
    space = Direction("1+2", np.eye(2), 1.0)
    assert explained([FIRST, SECOND], WORDS) == ["+1 and -1 are the two sides of teacher 1."]
    assert explained([TILTED, space], WORDS) == [
        "+p1 and -p1 are the two sides of p1.",
        "In coordinates of the teachers p1 is (0.600, 0.800).",
        "1+2 stands for all directions of a space of 2 dimensions, of which none is singled out.",
    ]
    names = ["teacher 1", "p1 = (0.600, 0.800)", "teachers 1 and 2"]
    assert [along(one, WORDS) for one in (FIRST, TILTED, space)] == names
    assert [listed(names[:n]) for n in range(3)] == ["", names[0], " and ".join(names[:2])]


def test_a_point_that_the_run_does_not_come_near_is_not_passed(results):
    """Seen: "the run is nearest, 48% away" under what the run passes."""
    found = results["analysis"]
    for distance, words, other in ((0.02, "2.0% away", "not pass"), (0.48, "not pass it", "away")):
        rest = dataclasses.replace(found.final, distance=distance)
        text = points.nearness(rest)
        assert words in text
        assert other not in text
    far = dataclasses.replace(found.unspecialized, distance=0.48)
    told = opening(dataclasses.replace(found, unspecialized=far), words_of(found.order_parameters))
    assert "no nearer to it than 48%" in told[1] or not far.growth


def test_a_saddle_without_an_observed_rate_says_so_and_has_no_empty_columns():
    found = analyses.students()
    rest = next(one for one in (found.unspecialized, *found.rests) if one.passed and one.growth)
    seen = points.of_rest("Here", rest, found)
    unseen = points.of_rest("Here", dataclasses.replace(rest, growth=(None, None)), found)
    assert any(rest.growth)
    assert seen[-1].columns == ("growth rate", "at the run", "observed", "mode")
    assert unseen[-1].columns == ("growth rate", "mode")
    assert "no rate of the run" in unseen[-2].text
    assert "no rate of the run" not in seen[-2].text


def test_every_story_begins_with_three_sentences(results):
    found = results["analysis"]
    first, *others = tell(found)
    assert first.title == ""
    assert len(first.blocks) == 3
    assert all(block.text.endswith(".") and len(block.text) < 320 for block in first.blocks)
    titles = ["What happened", "Why", "Escapes", "The end", "The optimum", "Pruning"]
    assert [chapter.title for chapter in others] == titles


def test_screen_markdown_and_page_tell_the_same(results):
    chapters = tell(results["analysis"])
    lines = screen.lines(chapters)
    assert max(map(len, lines)) <= WIDTH
    seen = " ".join(" ".join(lines).split())
    written = document("a_title", {"task": "*"}, chapters)
    assert written.startswith("# a\\_title\n\n- task: \\*\n\n")
    page = re.sub("\\s+", " ", re.sub("<[^>]*>", " ", "".join(sections(chapters))))
    for chapter in chapters:
        for block in chapter.blocks:
            if isinstance(block, Sentence):
                assert " ".join(block.text.split()) in seen
                assert escaped(block.text) in written
            if isinstance(block, Table):
                for row in block.rows:
                    assert " ".join(" ".join(row).split()) in seen
                    assert f"| {' | '.join(map(escaped, row))} |" in written
                    cells = " ".join(" ".join(row).split())
                    assert cells.replace("-", "−") in page.replace("-", "−")


def test_one_learner_is_told_without_others(results):
    found = results["analysis"]
    alone = dataclasses.replace(
        found.pruning, removals=found.pruning.removals[:1], interaction=np.zeros((1, 1))
    )
    words = words_of(found.order_parameters)
    told = opening(dataclasses.replace(found, pruning=alone), words)
    assert told[0].startswith("The one head ")
    assert "could go" not in told[2]


def test_an_unfinished_run_says_so(monkeypatch):
    fake.install(monkeypatch)
    run = SimpleNamespace(
        order_parameters=fake.ALL, complete=False, message="no step", status="failed", time=[0.0]
    )
    (chapter,) = stages.happened(run, STAGES)
    assert [block.text for block in chapter.blocks] == [
        "The run did not finish: no step.",
        "1 stored times are too few to tell stages.",
    ]
