"""What is being done, told by Python's logging under the name ``orderparams``.

Nothing is shown unless somebody listens: ``--verbose``, or a handler of Python's. Phases inside of
others are of the level DEBUG, all else is of INFO.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

INSIDE: ContextVar[bool] = ContextVar("whether a phase is going on", default=False)
LOG = logging.getLogger("orderparams")


@contextlib.contextmanager
def phase(what: str) -> Iterator[None]:
    """Tell that something begins, and how long it took, or how long until it was given up."""
    level = logging.DEBUG if INSIDE.get() else logging.INFO
    LOG.log(level, "%s", what)
    started, end = time.monotonic(), "given up after"
    token = INSIDE.set(True)
    try:
        yield
        end = "took"
    finally:
        INSIDE.reset(token)
        LOG.log(level, "%s: %s %.2f s", what, end, time.monotonic() - started)


@contextlib.contextmanager
def steps(show: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """A function to call with what is done next, which is shown; each lasts until the next."""
    with contextlib.ExitStack() as running:

        def step(what: str) -> None:
            running.close()
            show(what)
            running.enter_context(phase(what))

        yield step
