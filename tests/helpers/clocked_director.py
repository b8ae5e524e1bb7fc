"""A Director whose system clock a test sets: by as many ns as a file says, beside the true one.

DONKI_TEST_CLOCK=FILE python -m helpers.clocked_director INSTANCE ...
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from donki.director import device

_FILE = Path(os.environ["DONKI_TEST_CLOCK"])
_true = time.time_ns


def _time_ns() -> int:
    return _true() + int(_FILE.read_text() or 0)


def main() -> None:
    """Serve."""
    time.time_ns = _time_ns
    device.main()


if __name__ == "__main__":
    main()
