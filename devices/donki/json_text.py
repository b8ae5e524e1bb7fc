"""JSON that came over the network."""

from __future__ import annotations

import json
from typing import Any


def parse_json(text: str) -> Any:
    """Return what a JSON text holds.

    Raises
    ------
    ValueError
        when it is no JSON, or nested too deeply to be read
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
