"""The colours of the panel: Tango's for states, and one for each Player."""

from __future__ import annotations

from PySide6.QtGui import QColor
from taurus.core.util.colors import DEVICE_STATE_PALETTE

#: Told apart by everybody (Okabe and Ito, Color Universal Design, 2008), the pale yellow left out.
PLAYERS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def state_colours(state: str) -> tuple[QColor, QColor]:
    """Return background and text colour of a Tango state."""
    back, text = DEVICE_STATE_PALETTE.rgb_pair(state)
    return QColor(*back), QColor(*text)


def player_colour(index: int) -> QColor:
    """Return the colour of the Player in a row of the table."""
    return QColor(PLAYERS[index % len(PLAYERS)])
