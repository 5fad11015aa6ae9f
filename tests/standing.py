"""Processes of scans that stay for the next scan of the suite: starting one takes seconds."""

import os
from typing import ClassVar

from orderparams.scans.worker import Child, Crew


def surroundings():
    """What a process sees of this one, but for the name of the test."""
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


class StandingCrew(Crew):
    """A crew whose idle children come from, and leave for, those that wait; others are its own."""

    waiting: ClassVar[list[tuple[Child, dict[str, str]]]] = []

    def start(self, count):
        here = surroundings()
        for pair in [pair for pair in self.waiting if pair[1] == here][:count]:
            self.waiting.remove(pair)
            if pair[0].alive:
                pair[0].on_compiling = self.compiling
                self.idle.append(pair[0])
        super().start(count - len(self.idle))

    def close(self):
        with self.lock:
            idle, self.idle = self.idle, []
        here = surroundings()
        self.waiting += [(child, here) for child in idle]
        super().close()

    @classmethod
    def leave(cls):
        """End those that wait."""
        while cls.waiting:
            cls.waiting.pop()[0].close()
