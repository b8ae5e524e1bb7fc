"""The command ``donki record``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from donki_client.commands import options
from donki_client.console.interruption import INTERRUPTED
from donki_client.console.output import Console, printable


@click.command(short_help="Record Kafka topics to a file.")
@click.argument("topics", metavar="TOPIC...", nargs=-1, required=True)
@click.argument("file", type=click.Path(path_type=Path))
@options.a_broker
@options.kafka_options
@click.option(
    "--from",
    "start",
    type=click.Choice(["beginning", "end"]),
    default="end",
    show_default=True,
    help="From the oldest message on, or only what comes from now on.",
)
@click.option("--count", type=click.IntRange(min=1), help="End after so many messages in all.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="End after so long.")
def record(
    topics: tuple[str, ...],
    file: Path,
    broker: str,
    kafka_options: str,
    start: str,
    count: int | None,
    seconds: float | None,
) -> None:
    """Record each TOPIC of Kafka to FILE (HDF5), all partitions: payloads, keys, headers and time stamps.

    Messages may be compressed by any of Kafka's codecs; the file holds them unpacked. Ctrl-C ends it, and the
    file is whole. FILE must not exist yet.
    """
    from donki_client.topics.kafka_options import read_kafka_options  # noqa: PLC0415
    from donki_client.topics.record import record as run  # noqa: PLC0415

    console = Console()
    done = run(
        topics,
        file,
        console,
        broker=broker,
        options=read_kafka_options(kafka_options),
        from_beginning=start == "beginning",
        count=count,
        seconds=seconds,
    )
    console.print(
        f"{done.messages:,} messages, {done.bytes / 1e6:,.1f} MB recorded to {printable(file)}",
        soft_wrap=True,
    )
    if done.interrupted and (count is not None or seconds is not None):
        sys.exit(INTERRUPTED)
