"""The command ``donki check-data``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from donki_client.commands import options
from donki_client.console.output import Console


@click.command("check-data", short_help="Compare what a run delivered with its journal.")
@click.argument("run", default="")
@options.broker("Where to read from.  [default: where the Players sent to]")
@options.kafka_options
@options.directory
@options.director
def check_data(
    run: str, broker: str | None, kafka_options: str, directory: Path | None, director: str | None
) -> None:
    """Read back what a run delivered to Kafka and to files, and compare every message with its journal.

    RUN is an id or its beginning; by default the newest run. Faults that were put in on purpose are expected.
    The exit status is 0 only if everything is where it belongs, and nothing else is there.
    """
    if directory and director:
        raise click.UsageError("--directory and --director both say where the journal is; give one.")
    from donki_client.report.report import journal_directory  # noqa: PLC0415
    from donki_client.topics.kafka_options import read_kafka_options  # noqa: PLC0415
    from donki_client.verify.check_data import check_data as check  # noqa: PLC0415

    options = read_kafka_options(kafka_options)
    where = directory or journal_directory(director)
    if not check(run, where, Console(), broker=broker, options=options):
        sys.exit(1)
