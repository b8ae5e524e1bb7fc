"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path

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


broker = click.option(
    "--broker",
    metavar="HOST:PORT[,...]",
    default="localhost:9092",
    show_default=True,
    help="The Kafka broker, or several of the cluster.",
)

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
