"""The Director's attributes of its Players."""

from __future__ import annotations

from tango import DispLevel

from donki.director.interface.declaring import MAX_PLAYERS, of_players, shown
from donki.director.players.player_table import to_json


class PlayerAttributes:
    """Stands before the device among the bases of its class."""

    Players = of_players(lambda row: row.name, str, label="Players", doc="Names of the Players found.")
    PlayerDeviceNames = of_players(
        lambda row: row.device,
        str,
        label="Device names of the players",
        doc="Device names of the Players in the order of Players: in the Director's own database, or full.",
    )
    Priorities = of_players(
        lambda row: row.priority,
        int,
        label="Priorities",
        doc="Priorities in the order of Players: lower acts first, the same act in parallel, -1 is left out.",
    )
    PlayerStates = of_players(
        lambda row: row.state,
        str,
        label="States of the players",
        doc="States in the order of Players; UNKNOWN: does not answer.",
    )
    PlayerMedians = of_players(
        lambda row: row.median,
        float,
        label="Median times",
        unit="s",
        format="%.4f",
        doc="Median time of a Player's last 1000 triggers in the order of Players; NaN before the first.",
    )
    PlayerP99s = of_players(
        lambda row: row.p99,
        float,
        label="P99 times",
        unit="s",
        format="%.4f",
        doc="99 % time of a Player's last 1000 triggers in the order of Players; NaN before the first.",
    )
    SkippedTriggers = of_players(
        lambda row: row.skipped,
        int,
        label="Triggers missed",
        doc="How many triggers of this run each Player missed, in the order of Players.",
    )
    DroppedPlayers = shown(
        lambda director: director.runs.disabled,
        dtype=(str,),
        label="Players left out",
        max_dim_x=MAX_PLAYERS,
        doc="Players that their policy DISABLE left out for the rest of this run.",
    )
    PlayerTable = shown(
        lambda director: to_json(director.view.players),
        dtype=str,
        label="Player table",
        display_level=DispLevel.EXPERT,
        doc="JSON list with an object for each Player, all of one moment: name, device, priority, state, "
        "median and p99 in s or null, skipped (triggers missed), dropped (left out by its policy).",
    )
