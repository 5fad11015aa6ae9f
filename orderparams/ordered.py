"""Results in order, made on threads ahead of where they are asked for."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def ordered(
    function: Callable[[Item], Made], items: Iterable[Item], workers: int = 1
) -> Generator[Made, None, None]:
    """Like ``map``, with up to so many items in work at once; one worker is this thread.

    Items are taken here, in order, so that they may be drawn at random. When nobody asks for more,
    what is in work is finished, and forgotten.
    """
    if workers == 1:
        yield from map(function, items)
        return
    waiting = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        first = itertools.islice(waiting, workers)
        begun = collections.deque(pool.submit(function, item) for item in first)
        try:
            while begun:
                made = begun.popleft().result()
                begun.extend(pool.submit(function, item) for item in itertools.islice(waiting, 1))
                yield made
        finally:
            for future in begun:
                future.cancel()
