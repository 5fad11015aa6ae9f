"""Numbers as JSON has them."""

from __future__ import annotations

import math
from typing import Any


def finite(value: Any) -> Any:
    """A number, or lists of them; NaN and infinity, which JSON does not know, as null."""
    if isinstance(value, list):
        return [finite(entry) for entry in value]
    return value if math.isfinite(value) else None
