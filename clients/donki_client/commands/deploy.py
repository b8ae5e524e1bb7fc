"""The command ``donki deploy``."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePosixPath

import click

from donki_client.commands import options
from donki_client.console.output import Console

#: The exit status of ``--dry-run`` where something would change; 1 and 2 are errors.
DIFFERENT = 3

_folder = click.Path(path_type=PurePosixPath)


@click.command(short_help="Write what operates a scenario, for Tango or hosts.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "target_name",
    metavar="TARGET",
    required=True,
    help="tango, dsconfig, systemd, compose, kubernetes, or what a plugin adds.",
)
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the files go.  [default of dsconfig: standard output]",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help=f"Only show what would change; the exit status is {DIFFERENT} if something would.",
)
@click.option(
    "--database",
    metavar="HOST:PORT",
    help="The Tango database, for tango and systemd.  [default: the file's, else what TANGO_HOST names]",
)
@options.broker("The Kafka broker, where FILE names none.  [default: localhost:9092, or the target's own]")
@click.option(
    "--prefix",
    metavar="DIR",
    type=_folder,
    help="Where DonkiOrchestra is on the hosts: servers in DIR/bin, scripts in DIR/scripts."
    "  [default of tango, dsconfig: scripts where they are here; else /opt/donki]",
)
@click.option(
    "--state",
    metavar="DIR",
    type=_folder,
    help="Where the servers write on the hosts: the journal, and files whose folder FILE names relatively."
    "  [default of tango, dsconfig: as donki run does; else in /var/lib/donki]",
)
@click.option(
    "--image",
    metavar="NAME",
    default="donkiorchestra",
    show_default=True,
    help="Container image of the servers, for compose and kubernetes.",
)
def deploy(
    file: Path,
    target_name: str,
    output: Path | None,
    dry_run: bool,
    database: str | None,
    broker: str | None,
    prefix: PurePosixPath | None,
    state: PurePosixPath | None,
    image: str,
) -> None:
    """Write what operates the scenario FILE, and apply it again where it has changed.

    \b
      tango       enters servers, devices, properties and memorized values
      dsconfig    the JSON file that json2tango takes
      systemd     units, one for each server
      compose     a Containerfile and a compose file, with database and Kafka
      kubernetes  manifests, and resources of the SKA's operator for Tango

    What is there is compared first: the second time nothing changes. What an earlier deployment of FILE made
    and is in it no more is removed; what others made never is. Nothing is started.
    """  # noqa: D301
    from donki_client.deploy.deploy import carry_out, plan_deployment  # noqa: PLC0415

    console = Console(stderr=True)
    plan = plan_deployment(
        file,
        target_name,
        output=output,
        database=database,
        broker=broker,
        prefix=prefix,
        state=state,
        image=image,
        environment=os.environ,
    )
    changed = carry_out(plan, console, dry_run=dry_run)
    if dry_run and changed:
        sys.exit(DIFFERENT)
