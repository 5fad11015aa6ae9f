"""The story of a run: screen and page tell the same rows and sentences, in a model's own words."""

import re

import numpy as np
from views import fake

from orderparams.analysis.events import Event
from orderparams.analysis.plateaus import Plateau
from orderparams.analysis.stages import Excursion, Stages
from orderparams.models.vectors.geometry import Direction
from orderparams.views import story
from orderparams.views.reports import findings
from orderparams.views.tables import WIDTH, aligned

FIRST, SECOND = (Direction(str(i + 1), np.eye(2)[:, [i]], 1.0) for i in (0, 1))
WORDS = story.words_of(fake.ALL)


def event(learner, *, common=False, times=(1.0, 23456.7, 1e7)):
    """A turn against the second direction."""
    values = (0.0, -1e-9, 0.7, 0.31234)
    return Event(learner, SECOND, np.array([0.0, -1.0]), *times, *values, common, int(not common))


STAGES = Stages(
    directions=(FIRST, SECOND),
    events=(event(0, common=True), event(2)),
    plateaus=(Plateau(10.0, 20.0, 15.0, 0.25),),
    unspecialized=(0.5, 12.0),
    excursions=(Excursion(1, FIRST, SECOND, 0.9, 3.0, 4.0),),
    groups=((0, 1),),
    dormant=(2,),
    remaining=0.0,
)


def test_rows_and_sentences_in_the_words_of_a_model():
    assert WORDS == ("student", "teacher", "alignment")
    assert story.columns(WORDS)[:3] == ("stage", "student", "towards")
    row = ("1", "3", "-2", "1", "23457", "1e+07", "0.00", "0.00", "0.7000", "0.3123")
    assert story.rows(STAGES) == [("all", "1", *row[2:]), row]
    assert [*story.opening(STAGES, WORDS), *story.course(STAGES, WORDS)] == [
        "All students are the same (within 10 %) from t = 0.5 to 12.",
        "The risk rests at 0.250000 from t = 10 to 20.",
        "Student 2 makes an excursion: along teacher 1 up to 0.900 at t = 3; from t = 4 on it "
        "follows teacher 2.",
        "Students at the end, those with equal alignments (within 10 %) in brackets: [1, 2].",
        "Students without alignment at the end: 3.",
    ]


def test_a_page_tells_what_the_screen_tells(monkeypatch):
    fake.install(monkeypatch)
    monkeypatch.setattr(findings, "stages_of", lambda _: STAGES)
    (page,) = findings.happened("What happened", fake.run())
    for sentence in (*story.opening(STAGES, WORDS), *story.course(STAGES, WORDS)):
        assert f"<li>{sentence}</li>" in page
    text = re.sub("<.*?>", " ", page)
    for row in story.rows(STAGES):
        assert "  ".join(row).replace("-", "−") in text
    assert "A student turns towards a teacher" in page


def test_without_anything_to_turn_to_there_is_no_story():
    assert story.words_of(fake.ALL[1:]) is None
    assert story.too_few(4) == "4 stored times are too few to tell stages."
    assert story.too_few(5) is None


def test_the_table_fits_the_screen():
    lines = aligned(*story.narrow(STAGES, WORDS))
    assert max(map(len, lines)) <= WIDTH
    assert len({len(line) for line in lines}) == 1
