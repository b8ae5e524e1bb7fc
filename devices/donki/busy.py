"""What a Player says while it is busy, and what ends that; Player and Director say the same."""

from __future__ import annotations

#: What Status says of a script while it is loaded, after its name.
LOADING = "is being loaded"


def remedy(doing: str) -> str:
    """Return what to do about a busy Player; Abort does not reach a script that is being loaded.

    Parameters
    ----------
    doing
        what the Player does, as its Status says it
    """
    return "wait for its end" if LOADING in doing else "wait for its end, or Abort it"
