"""Run the in-memory broker."""

from __future__ import annotations

import logging
import sys

import click

from donki.errors import BrokerError
from donki_client.facility.broker import MemoryBroker


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9092, show_default=True, help="0 for a free one."
)
@click.option(
    "--max-bytes",
    type=click.IntRange(min=1),
    default=1 << 30,
    show_default=True,
    help="Memory for records; more is refused.",
)
def main(port: int, max_bytes: int) -> None:
    """Run an in-memory Kafka broker on 127.0.0.1, for demos and tests: records are gone when it ends."""
    logging.basicConfig(format="memory broker: %(levelname)s: %(message)s", level=logging.INFO)
    try:
        broker = MemoryBroker(port, max_bytes)
    except BrokerError as error:
        raise click.ClickException(str(error)) from None
    broker.run(lambda: click.echo(f"listening on {broker.address}"))


if __name__ == "__main__":
    sys.exit(main())
