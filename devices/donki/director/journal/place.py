"""Where the journal is."""

from __future__ import annotations

import os
from pathlib import Path

FILE_NAME = "journal.sqlite"


def default_directory() -> Path:
    """Return the folder of runs where the property RunDirectory does not say."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "donkiorchestra" / "runs"
