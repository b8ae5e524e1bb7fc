"""The command ``donki demo``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from donki.streams.kafka.clients import CLIENTS, DEFAULT
from donki_client.commands import options
from donki_client.console.output import Console


@click.command(short_help="Watch an orchestra play on this machine; needs nothing.")
@click.option(
    "--players", type=click.IntRange(1, 100), default=3, show_default=True, help="How many Players."
)
@click.option(
    "--triggers", type=click.IntRange(min=1), default=100, show_default=True, help="How many triggers."
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, max=1e6),
    default=14.0,
    show_default=True,
    help="Triggers a second; 0 = as fast as the Players answer.",
)
@click.option(
    "--series/--parallel", help="Players act one after the other, or all at once.  [default: parallel]"
)
@options.broker("A Kafka broker instead of the embedded one.")
@click.option(
    "--kafka-client",
    type=click.Choice(list(CLIENTS)),
    default=DEFAULT,
    show_default=True,
    help=f"The Players' Kafka client library: {' or '.join(map(str, CLIENTS.values()))}.",
)
@click.option(
    "--hdf5", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Write NeXus files there too."
)
def demo(**asked: Any) -> None:
    """Watch an orchestra play: simulated neutron events to Kafka.

    Starts a Tango database, a Kafka broker, a Director and its Players on this machine, plays, reads every
    topic back and counts. The exit status is 0 only if every event arrived. Nothing it starts is left behind.
    """
    from donki_client.scenario.demo import Demo, play_demo  # noqa: PLC0415

    if not play_demo(Demo(**asked), Console()):
        sys.exit(1)
