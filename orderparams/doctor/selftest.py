"""A few seconds of arithmetic with known results: those of each model, and of files.

Libraries and engines are loaded by the tests themselves, so that what does not load is a test that
fails and not the end of the program.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orderparams import interruption
from orderparams.models import registry


@dataclass(frozen=True)
class Outcome:
    """What a test expected within ``tolerance`` and what it found; ``message`` if it broke off."""

    what: str
    expected: float | None = None
    tolerance: float | None = None
    found: float | None = None
    message: str = ""

    @property
    def holds(self) -> bool:
        """Is the result the known one?"""
        if self.expected is None or self.tolerance is None or self.found is None:
            return False
        return abs(self.found - self.expected) <= self.tolerance


Numbers = tuple[float, float, float]
"""Expected, tolerance, found."""


def file() -> Numbers:
    """A run comes back from its file bit for bit."""
    import numpy as np

    from orderparams.results.files import open_group
    from orderparams.run.solve import solve

    run = solve("single-head", settings={"training.duration": 1.0, "output.points": 5})
    with (
        tempfile.TemporaryDirectory() as folder,
        interruption.undoing(partial(shutil.rmtree, folder, ignore_errors=True)),
    ):
        path = Path(folder) / "run.h5"
        run.save(path)
        again = open_group(path, "trajectory")
    pairs = [(run.time, again.time), (run.risk, again.risk)]
    pairs += [(values, again[name]) for name, values in run.parameters.items()]
    return 0.0, 0.0, float(sum(np.count_nonzero(one != other) for one, other in pairs))


def all_tests() -> dict[str, Callable[[], Numbers]]:
    """Those of every model, and of files."""
    found: dict[str, Callable[[], Numbers]] = {}
    for name in registry.names():
        found |= registry.selftests(name)
    return found | {"file: values changed in it": file}


def run_tests() -> Iterator[Outcome]:
    """The tests one after another; whatever goes wrong in one is its outcome."""
    for what, test in all_tests().items():
        try:
            yield Outcome(what, *test())
        except Exception as error:
            yield Outcome(what, message=f"{type(error).__name__}: {error}".splitlines()[0])
