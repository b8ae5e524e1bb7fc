"""The command ``donki player``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from donki_client.address import Address
from donki_client.commands import options
from donki_client.console.output import Console


@click.command(short_help="Run a Player with an action script.")
@click.argument("name")
@click.argument("address", metavar="HOST:PORT")
@click.argument("script", type=click.Path(path_type=Path))
@click.option(
    "--data-path",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of files that Parameters may name; can be given more than once.  [default: the script's]",
)
@options.broker(
    "The Kafka broker, or several of the cluster.  [default: what DONKI_BROKER names, else as it was before,"
    " at first localhost:9092]"
)
@options.readout(
    "An event formation unit that raw readouts go to by UDP.  [default: as it was before, at first none]"
)
def player(
    name: str,
    address: str,
    script: Path,
    data_path: tuple[Path, ...],
    broker: str | None,
    readout: str | None,
) -> None:
    """Run the Player donki/player/NAME until Ctrl-C.

    HOST:PORT is where the Tango database answers, the same as the Director's; SCRIPT is the action script, a
    Python file with a function action(trigger). Nothing outside the script's folder is ever loaded as one.

    \b
      donki player player0 localhost:50010 scripts/just_action.py
    """  # noqa: D301
    from donki_client.environment import named  # noqa: PLC0415
    from donki_client.facility.foreground import run_player  # noqa: PLC0415

    broker = broker or named(os.environ, "DONKI_BROKER")
    run_player(name, Address.parse(address), script, Console(), data_path, broker, readout)
