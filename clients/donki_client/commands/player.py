"""The command ``donki player``."""

from __future__ import annotations

from pathlib import Path

import click

from donki_client.address import Address
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
def player(name: str, address: str, script: Path, data_path: tuple[Path, ...]) -> None:
    """Run the Player donki/player/NAME until Ctrl-C.

    HOST:PORT is where the Tango database answers, the same as the Director's; SCRIPT is the action script, a
    Python file with a function action(trigger). Nothing outside the script's folder is ever loaded as one.

    \b
      donki player player0 localhost:50010 scripts/just_action.py
    """  # noqa: D301
    from donki_client.facility.foreground import run_player  # noqa: PLC0415

    run_player(name, Address.parse(address), script, Console(), data_path)
