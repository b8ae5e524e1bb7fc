"""Options that several commands take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

database = click.option(
    "--database",
    metavar="HOST:PORT",
    help="The Tango database; by default what TANGO_HOST names, else localhost:50010.",
)

kafka_options = click.option(
    "--kafka-options",
    metavar="JSON|FILE",
    default="{}",
    help='Security, as {"security_protocol": "SSL"}, or a file with that: command lines are seen by others.',
)


def broker(help: str, **settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option that names a Kafka broker."""
    return click.option("--broker", metavar="HOST:PORT[,...]", help=help, **settings)


def readout(help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option that names a receiver of raw readouts."""
    return click.option("--readout", metavar="HOST:PORT", help=help)


a_broker = broker("The Kafka broker, or several of the cluster.", default="localhost:9092", show_default=True)

directory = click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Where the journal is.  [default: ~/.local/share/donkiorchestra/runs]",
)

director = click.option(
    "--director",
    metavar="DEVICE|HOST:PORT",
    help="Whose journal: a device name, or the Tango database that donki/director/1 is in.",
)
