"""The command ``donki broker``."""

from __future__ import annotations

import click

from donki_client.facility import broker_options as options


@click.command(short_help="Run an in-memory Kafka broker, for a quick test.")
@options.port
@options.max_bytes
@options.retention
def broker(port: int, max_bytes: int, *, retention: bool) -> None:
    """Run an in-memory Kafka broker on this machine until Ctrl-C.

    For a quick test: its messages are gone when it ends. When its memory is full it deletes the oldest, as
    Kafka does by its retention.
    """
    from donki_client.facility.broker import MemoryBroker  # noqa: PLC0415

    running = MemoryBroker(port, max_bytes, retention=retention)
    kept = options.limits(max_bytes, retention=retention)
    running.run(lambda: click.echo(f"Kafka broker: {running.address}, in memory, {kept}; Ctrl-C ends it"))
