"""The command ``donki run``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from donki_client.commands import options
from donki_client.console.output import Console


@click.command(short_help="Play a scenario, a whole experiment in a YAML file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--structure",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="JSON file of the NeXus structure that the ESS file writer writes, in place of the scenario's.",
)
@options.readout(
    "An event formation unit that raw readouts go to by UDP, of every Player.  [default: the file's]"
)
@click.option("--leave", is_flag=True, help="Leave the servers on other hosts running, and registered.")
@click.option("--remove", is_flag=True, help="Play nothing: end and delete what a run with --leave has left.")
def run(file: Path, structure: Path | None, readout: str | None, leave: bool, remove: bool) -> None:
    """Play the scenario FILE, a whole experiment in YAML, or a bundled one, such as loki.yaml.

    Starts what is missing on this machine: a Tango database where neither the file nor TANGO_HOST names
    one, a Kafka broker in memory where neither the file nor DONKI_BROKER does, the Director and the Players.
    Plays, reads every topic back meanwhile and counts. The exit status is 0 only if the sequence came to its
    end and everything that was sent arrived. Nothing it starts is left behind.

    Players with a host are started there by its Starter, in the Tango database that the file or TANGO_HOST
    names, with the scripts of this machine; at the end the database is as it was.
    """
    from donki_client.scenario.file import (  # noqa: PLC0415
        find_scenario,
        from_environment,
        instance_name,
        read_scenario,
        with_readout,
        with_structure,
    )
    from donki_client.scenario.playing.play import play  # noqa: PLC0415

    scenario = from_environment(read_scenario(find_scenario(file)), os.environ)
    if remove:
        from donki_client.scenario.placement.hosts import remove_servers  # noqa: PLC0415

        for line in remove_servers(scenario) or ["nothing is left"]:
            click.echo(line)
        return
    if structure:
        scenario = with_structure(scenario, structure)
    if readout is not None:
        scenario = with_readout(scenario, readout)
    if not play(scenario, instance_name(file), Console(), leave=leave):
        sys.exit(1)
