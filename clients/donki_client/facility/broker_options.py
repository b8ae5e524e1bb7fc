"""What the in-memory broker may be told: the options of its two commands."""

from __future__ import annotations

import click

#: How much the broker keeps where nobody says otherwise.
MAX_BYTES = 1 << 30

port = click.option(
    "--port", type=click.IntRange(0, 65535), default=9092, show_default=True, help="0 for a free one."
)

max_bytes = click.option(
    "--max-bytes",
    type=click.IntRange(min=1),
    default=MAX_BYTES,
    show_default=True,
    help="Memory for messages.",
)

retention = click.option(
    "--retention/--no-retention",
    default=True,
    show_default=True,
    help="When that is full, delete the oldest messages of all topics; or else refuse more.",
)


def limits(max_bytes: int, *, retention: bool = True) -> str:
    """Return what happens to messages beyond `max_bytes`, in a few words."""
    size = f"{max_bytes / (1 << 30):.3g} GiB" if max_bytes >= 1 << 30 else f"{max_bytes:,} bytes"
    return f"the oldest messages are deleted beyond {size}" if retention else f"no more than {size}"
