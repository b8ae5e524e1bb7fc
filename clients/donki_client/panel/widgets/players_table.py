"""The table of the Players."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHeaderView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from donki_client.panel.model.panel_state import PlayerRow
from donki_client.panel.widgets.colours import player_colour, state_colours

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Column:
    """A column: its title, what it says of a Player, and what that means."""

    title: str
    text: Callable[[PlayerRow], str]
    tip: str


def milliseconds(seconds: float) -> str:
    """Return a time in ms with three digits that matter, or a dash where there is none."""
    if not math.isfinite(seconds):
        return "–"
    return f"{seconds * 1000:.{1 if seconds < 0.1 else 0}f}"


def state_text(row: PlayerRow) -> str:
    """Return a Player's state, and whether it is left out."""
    if row.dropped:
        return f"{row.state}, left out"
    return f"{row.state}, disabled" if row.priority < 0 else row.state


PRIORITY, STATE, MISSED = 1, 2, 7

COLUMNS = (
    Column(
        "Player",
        lambda row: row.name,
        "The colour is that of its curves. Select rows, several with Ctrl, to see theirs alone.",
    ),
    Column(
        "Priority",
        lambda row: str(row.priority),
        "Lower acts first, the same act in parallel, -1 is disabled. Double-click to change it.",
    ),
    Column("State", state_text, "State of the Player's device; UNKNOWN: it does not answer"),
    Column("Trigger", lambda row: str(row.last_trigger or "–"), "The last trigger that the Player has done"),
    Column("Last ms", lambda row: milliseconds(row.last_duration), "How long its last trigger took, in ms"),
    Column("Median ms", lambda row: milliseconds(row.median), "Median of its last 1000 triggers, in ms"),
    Column("99 % ms", lambda row: milliseconds(row.p99), "99 of 100 triggers took no longer, in ms"),
    Column("Missed", lambda row: str(row.missed), "Triggers of this run that the Player missed"),
)


class PlayersModel(QAbstractTableModel):
    """The Players as rows.

    Signals
    -------
    priority_entered
        device name of the Player, and the priority that was typed
    """

    priority_entered = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[PlayerRow] = []

    def show_rows(self, rows: list[PlayerRow]) -> None:
        """Show these Players; what is selected or being edited stays so while the Players are the same."""
        if [row.device for row in rows] != [row.device for row in self.rows]:
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()
            return
        before, self.rows = self.rows, rows
        pairs = enumerate(zip(before, rows, strict=True))
        # As text NaN equals NaN.
        changed = [number for number, (old, new) in pairs if repr(old) != repr(new)]
        if changed:
            # At once, for the view measures its columns again each time.
            last = self.index(changed[-1], len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(changed[0], 0), last)

    def rowCount(self, parent: Index | None = None) -> int:
        """Return how many Players there are."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index | None = None) -> int:
        """Return how many columns there are."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Return a column's title or what it means."""
        if orientation == Qt.Orientation.Vertical:
            return None
        column = COLUMNS[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.title
            case Qt.ItemDataRole.ToolTipRole:
                return column.tip
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(section)
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        """Return what a cell shows."""
        row, column = self.rows[index.row()], index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return COLUMNS[column].text(row)
            case Qt.ItemDataRole.ToolTipRole:
                return row.device if column == 0 else COLUMNS[column].tip
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(column)
        return _colour(row, column, role, index.row())

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let the priority be edited."""
        editable = Qt.ItemFlag.ItemIsEditable if index.column() == PRIORITY else Qt.ItemFlag.NoItemFlags
        return super().flags(index) | editable

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Ask for another priority; it is shown when the Director has taken it."""
        row, text = self.rows[index.row()], str(value).strip()
        if role != Qt.ItemDataRole.EditRole or index.column() != PRIORITY or text == str(row.priority):
            return False
        self.priority_entered.emit(row.device, text)
        return True


class _StateCells(QStyledItemDelegate):
    """Keeps the colour of a state where its row is selected."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        option.state &= ~QStyle.StateFlag.State_Selected


class PlayersTable(QTableView):
    """Shows the Players, one a row.

    Signals
    -------
    chosen
        the devices of the rows that are selected, or none
    """

    chosen = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self.players = PlayersModel()
        self.setModel(self.players)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(26)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(STATE, QHeaderView.ResizeMode.Stretch)
        header.setResizeContentsPrecision(0)  # the rows in view alone
        header.setHighlightSections(False)
        self.setItemDelegateForColumn(STATE, _StateCells(self))
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.selectionModel().selectionChanged.connect(self._choose)
        self.players.modelReset.connect(self._choose)
        self.setAlternatingRowColors(True)

    def _choose(self) -> None:
        selected = self.selectionModel().selectedRows()
        self.chosen.emit([self.players.rows[index.row()].device for index in selected])


def _alignment(column: int) -> Qt.AlignmentFlag:
    if column == STATE:
        return Qt.AlignmentFlag.AlignCenter
    side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter


def _colour(row: PlayerRow, column: int, role: int, number: int) -> QColor | None:
    match role:
        case Qt.ItemDataRole.DecorationRole if column == 0:
            return player_colour(number)
        case Qt.ItemDataRole.BackgroundRole if column == STATE:
            return state_colours(row.state)[0]
        case Qt.ItemDataRole.ForegroundRole if column == STATE:
            return state_colours(row.state)[1]
        case Qt.ItemDataRole.ForegroundRole if column == MISSED and row.missed:
            return QColor("red")
    return None
