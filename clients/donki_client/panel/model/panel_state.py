"""The orchestra as the panel knows it: what was last heard of the Director and of each Player."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

from tango import DevState

from donki_client.api.snapshot import Snapshot, seconds

#: What the panel hears of a Director.
DIRECTOR_ATTRIBUTES = (
    *("State", "Status", "Triggers", "Period", "RunTitle", "RunId", "LastError"),
    *("CurrentTrigger", "Progress", "RemainingTime", "TriggerRate", "Overruns"),
    "PlayerTable",
    "FileWriterState",
)

#: What it hears of each Player.
PLAYER_ATTRIBUTES = ("State", "LastTrigger", "LastDuration", "EventsSent", "LastLog")

UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class PlayerRow:
    """A Player in the table: times in s and NaN where unknown, `device` as the Director calls it."""

    name: str
    device: str
    priority: int
    state: str
    last_trigger: int
    last_duration: float
    median: float
    p99: float
    missed: int
    dropped: bool


@dataclass
class PanelState:
    """What was last heard.

    Attributes
    ----------
    director
        values of the Director's attributes by name; what was never heard is missing
    players
        the same by device name
    problem
        why nothing is heard of the Director; empty while it answers
    """

    director: dict[str, Any] = field(default_factory=dict)
    players: dict[str, dict[str, Any]] = field(default_factory=dict)
    problem: str = "not heard of yet"

    def hear_director(self, attribute: str, value: Any, problem: str) -> None:
        """Take news of the Director."""
        if attribute == "State":
            self.problem = problem
        if problem:
            return
        self.director[attribute] = json.loads(value) if attribute == "PlayerTable" else value
        if attribute == "PlayerTable":
            for row in self._table:
                if row["state"] == UNKNOWN and row["device"] in self.players:
                    # What it said of itself is older than its end.
                    self.players[row["device"]].pop("State", None)

    def hear_player(self, device: str, attribute: str, value: Any, problem: str) -> None:
        """Take news of a Player."""
        heard = self.players.setdefault(device, {})
        if not problem:
            heard[attribute] = value
        elif attribute == "State":
            heard.pop("State", None)

    @property
    def state(self) -> str:
        """The Director's state; UNKNOWN while it does not answer."""
        return UNKNOWN if self.problem else str(self.director.get("State", UNKNOWN))

    @property
    def status(self) -> str:
        """The Director's state in words, or why it is not known."""
        return self.problem or str(self.director.get("Status", ""))

    @property
    def file_writers(self) -> str:
        """Where the jobs at the ESS file writers stand, a line each; empty where there are none."""
        return "\n".join(f"file writer: {job}" for job in self.director.get("FileWriterState") or ())

    @property
    def devices(self) -> list[str]:
        """The device names of the Players, as the Director calls them."""
        return [row["device"] for row in self._table]

    @property
    def snapshot(self) -> Snapshot:
        """Where the sequence stands."""
        heard = self.director
        return Snapshot(
            state=getattr(DevState, self.state),
            triggers=heard.get("Triggers", 1),
            current_trigger=heard.get("CurrentTrigger", 0),
            progress=heard.get("Progress", 0.0),
            remaining_time=heard.get("RemainingTime", math.nan),
            trigger_rate=heard.get("TriggerRate", 0.0),
            overruns=heard.get("Overruns", 0),
            run_id=heard.get("RunId", ""),
            last_error=heard.get("LastError", ""),
        )

    @property
    def rows(self) -> list[PlayerRow]:
        """The Players in the Director's order."""
        return [
            PlayerRow(
                name=row["name"],
                device=row["device"],
                priority=row["priority"],
                state=self._player_state(row["device"], row["state"]),
                last_trigger=self.players.get(row["device"], {}).get("LastTrigger", 0),
                last_duration=self.players.get(row["device"], {}).get("LastDuration", math.nan),
                median=seconds(row["median"]),
                p99=seconds(row["p99"]),
                missed=row["skipped"],
                dropped=row["dropped"],
            )
            for row in self._table
        ]

    def _player_state(self, device: str, said_by_director: str) -> str:
        """Return a Player's state: its own word is newest, the Director's notices its end soonest."""
        own = self.players.get(device, {}).get("State")
        if self.problem:
            return own or UNKNOWN
        return said_by_director if said_by_director == UNKNOWN or own is None else str(own)

    @property
    def _table(self) -> list[dict[str, Any]]:
        table: list[dict[str, Any]] = self.director.get("PlayerTable", [])
        return table
