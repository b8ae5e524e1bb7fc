"""Run the in-memory broker."""

from __future__ import annotations

import logging
import sys

import click

from donki.errors import BrokerError
from donki_client.facility import broker_options as options
from donki_client.facility.broker import MemoryBroker


@click.command()
@options.port
@options.max_bytes
@options.retention
def main(port: int, max_bytes: int, *, retention: bool) -> None:
    """Run an in-memory Kafka broker on 127.0.0.1, for demos and tests: records are gone when it ends."""
    logging.basicConfig(format="memory broker: %(levelname)s: %(message)s", level=logging.INFO)
    try:
        broker = MemoryBroker(port, max_bytes, retention=retention)
    except BrokerError as error:
        raise click.ClickException(str(error)) from None
    broker.run(lambda: click.echo(f"listening on {broker.address}"))


if __name__ == "__main__":
    sys.exit(main())
