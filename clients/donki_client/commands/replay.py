"""The command ``donki replay``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from donki.errors import DonkiError
from donki_client.commands import options
from donki_client.console.interruption import INTERRUPTED
from donki_client.console.output import Console


@click.command(short_help="Send a recorded file to Kafka again.")
@click.argument("file", type=click.Path(path_type=Path))
@options.a_broker
@options.kafka_options
@click.option(
    "--speed",
    type=click.FloatRange(min=0, max=1e6),
    default=1.0,
    show_default=True,
    help="How many times as fast as recorded; 0 = as fast as possible.",
)
@click.option("--topic-map", metavar="OLD=NEW", multiple=True, help="Another name for a topic; repeatable.")
def replay(file: Path, broker: str, kafka_options: str, speed: float, topic_map: tuple[str, ...]) -> None:
    """Send what donki record stored in FILE again, at the pace at which it came.

    Messages that were at the broker before they were recorded come at the pace of their time stamps. A gap
    of more than a minute lasts a minute, and one of more than a day is left out, for a time stamp is far off
    then; each is said.

    The exit status is 0 only if the broker acknowledged every message.
    """
    from donki_client.topics.kafka_options import read_kafka_options  # noqa: PLC0415
    from donki_client.topics.replay import parse_topic_map  # noqa: PLC0415
    from donki_client.topics.replay import replay as run  # noqa: PLC0415

    console = Console()
    done = run(
        file,
        console,
        broker=broker,
        options=read_kafka_options(kafka_options),
        speed=speed,
        topic_map=parse_topic_map(topic_map),
    )
    console.print(
        f"{done.sent:,} of {done.recorded:,} messages sent, {done.acknowledged:,} acknowledged,"
        f" {done.bytes / 1e6:,.1f} MB",
        soft_wrap=True,
    )
    if done.failure:
        raise DonkiError(done.failure)
    if not done.is_whole:
        sys.exit(INTERRUPTED)
