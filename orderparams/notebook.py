"""Whether this runs in a notebook, and a place below a cell whose content can be replaced."""

from __future__ import annotations

import sys
from typing import Any


def shell() -> Any:
    """IPython's shell where it runs a notebook, else None."""
    ipython = sys.modules.get("IPython")
    found = None if ipython is None else ipython.get_ipython()
    return None if getattr(found, "kernel", None) is None else found


class Place:
    """What a cell displays, as text and as HTML."""

    def __init__(self) -> None:
        from IPython.display import display

        self.handle: Any = display({"text/plain": ""}, raw=True, display_id=True)

    def put(self, text: str, page: str) -> None:
        """Display this in place of what was."""
        self.handle.update({"text/plain": text, "text/html": page}, raw=True)
