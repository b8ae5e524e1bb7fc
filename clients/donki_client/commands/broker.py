"""The command ``donki broker``."""

from __future__ import annotations

import click


@click.command(short_help="Run an in-memory Kafka broker, for a quick test.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9092, show_default=True, help="0 for a free one."
)
def broker(port: int) -> None:
    """Run an in-memory Kafka broker on this machine until Ctrl-C.

    For a quick test: it takes 1 GiB at most, and its records are gone when it ends.
    """
    from donki_client.facility.broker import MemoryBroker  # noqa: PLC0415

    running = MemoryBroker(port)
    running.run(lambda: click.echo(f"Kafka broker: {running.address}, in memory; Ctrl-C ends it"))
