"""A sequence watched: a table of its Players that lives until the sequence ends."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import dataclass

import tango
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from donki_client.api.director import Director
from donki_client.api.snapshot import PlayerStatus, Snapshot
from donki_client.console.output import printable
from donki_client.console.progress import detail
from donki_client.console.styles import styled

INTERVAL = 0.5  # s, between two looks
PATIENCE = 300  # ms, for one Player to say what it does
SILENT = "UNKNOWN"  # the state of a Player that does not answer its Director


def watch(director: Director, console: Console) -> None:
    """Show the Players until the sequence in progress ends, or Ctrl-C.

    Where no sequence is in progress, and on anything but a terminal, they are shown once.
    """
    watcher = Watcher(director)
    snapshot = director.snapshot()
    if not (console.is_terminal and snapshot.in_progress):
        console.print(watcher.look(snapshot))
        return
    with (
        suppress(KeyboardInterrupt),
        Live(watcher.look(snapshot), console=console, auto_refresh=False) as live,
    ):
        for shown in director.watch(INTERVAL):
            live.update(watcher.look(shown), refresh=True)


@dataclass(frozen=True)
class Activity:
    """What a Player has done in its run: its last trigger, how long that took in s, its events so far."""

    trigger: int
    duration: float
    events: int


class Watcher:
    """Looks at a Director and its Players.

    Parameters
    ----------
    director
        the Director
    """

    def __init__(self, director: Director) -> None:
        self._director = director
        self._proxies: dict[str, tango.DeviceProxy] = {}
        self._events: dict[str, tuple[float, int]] = {}

    def look(self, snapshot: Snapshot) -> Group:
        """Return what there is to see: the Director's state and progress, and a row for each Player."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("Player", overflow="ellipsis", no_wrap=True)
        table.add_column("priority", justify="right")
        table.add_column("state")
        for column in ("trigger", "last ms", "events/s"):
            table.add_column(column, justify="right")
        for player in self._director.players:
            activity = None if player.state == SILENT else self._ask(player)
            table.add_row(
                printable(player.name),
                "disabled" if player.priority < 0 else str(player.priority),
                styled(player.state) + Text(" left out", "yellow")
                if player.dropped
                else styled(player.state),
                f"{activity.trigger:,}" if activity else "-",
                f"{1e3 * activity.duration:.1f}" if activity and not math.isnan(activity.duration) else "-",
                self._rate(player.name, activity),
            )
        head = Text.assemble(styled(str(snapshot.state)), "  ", detail(snapshot))
        if snapshot.triggers < 0:
            return Group(head, table)
        bar = Table.grid(expand=True)  # a bar alone ends without a new line
        bar.add_row(ProgressBar(total=100.0, completed=snapshot.progress))
        return Group(head, bar, table)

    def _ask(self, player: PlayerStatus) -> Activity | None:
        try:
            proxy = self._proxies.get(player.device)
            if proxy is None:
                proxy = tango.DeviceProxy(player.device)
                proxy.set_timeout_millis(PATIENCE)
                self._proxies[player.device] = proxy
            answers = proxy.read_attributes(["LastTrigger", "LastDuration", "EventsSent"])
            trigger, duration, events = (answer.value for answer in answers)
        except tango.DevFailed:  # the Director's own state of it tells in a moment
            self._proxies.pop(player.device, None)
            return None
        return Activity(int(trigger), float(duration), int(events))

    def _rate(self, player: str, activity: Activity | None) -> str:
        """Return the events a second since the last look."""
        if activity is None:
            self._events.pop(player, None)
            return "-"
        now = time.monotonic()
        since, before = self._events.get(player, (now, activity.events))
        self._events[player] = (now, activity.events)
        if now == since or activity.events < before:  # the first look, or a new run
            return "-"
        return f"{(activity.events - before) / (now - since):,.0f}"
