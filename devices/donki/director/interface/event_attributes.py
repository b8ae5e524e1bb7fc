"""The Director's attributes of events: how many were sent at each of the last triggers."""

from __future__ import annotations

from donki.director.conducting.event_counts import REMEMBERED
from donki.director.interface.declaring import MAX_PLAYERS, shown


class EventAttributes:
    """Stands before the device among the bases of its class; what one request reads is of one moment."""

    CompletedTriggers = shown(
        lambda director: director.view.last_counts.completed,
        dtype=int,
        label="Completed triggers",
        doc="The last trigger that is complete, from 1; 0 before the first.",
    )
    TriggerEvents = shown(
        lambda director: director.view.last_counts.total,
        dtype=(int,),
        max_dim_x=REMEMBERED,
        label="Events at each trigger",
        doc=f"Events that all Players sent at each of the last {REMEMBERED} complete triggers of the run, "
        "the newest last: that of CompletedTriggers.",
    )
    PlayerTriggerEvents = shown(
        lambda director: director.view.last_counts.of([row.name for row in director.view.players]),
        dtype=((int,),),
        max_dim_x=REMEMBERED,
        max_dim_y=MAX_PLAYERS,
        label="Events of each player at each trigger",
        doc="As TriggerEvents, with a row for each Player in the order of Players; 0 for a trigger missed.",
    )
