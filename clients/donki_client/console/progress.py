"""A sequence in progress, shown on a terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from donki_client.api.director import Director
from donki_client.api.snapshot import Snapshot

INTERVAL = 0.1  # s


def follow(director: Director, console: Console) -> Snapshot:
    """Show a progress bar until the sequence in progress has ended; return where it stands then.

    On anything but a terminal nothing is shown.
    """
    columns = (
        TextColumn("{task.fields[state]:<8}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=100.0, state="", detail="")
        for snapshot in director.watch(INTERVAL):
            progress.update(
                task,
                completed=snapshot.progress,
                total=None if snapshot.triggers < 0 else 100.0,
                state=str(snapshot.state),
                detail=detail(snapshot),
            )
    return snapshot


def detail(snapshot: Snapshot) -> str:
    """Return trigger, rate and time left in a few words: ``trigger 12 of 100, 14.0 Hz, 0:06 left``."""
    asked = "" if snapshot.triggers < 0 else f" of {snapshot.triggers}"
    words = [f"trigger {snapshot.current_trigger}{asked}"]
    if snapshot.in_progress:
        words.append(f"{snapshot.trigger_rate:.1f} Hz")
        if snapshot.triggers > 0 and math.isfinite(snapshot.remaining_time):
            words.append(f"{minutes(snapshot.remaining_time)} left")
    if snapshot.overruns:
        words.append(f"{snapshot.overruns} late")
    return ", ".join(words)


def minutes(seconds: float) -> str:
    """Return a time as ``0:06`` or ``1:02:03``."""
    whole = math.ceil(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
