"""The command ``donki shell``."""

from __future__ import annotations

import sys

import click

from donki_client.commands import options
from donki_client.console.output import Console


@click.command(short_help="Open the prompt of a Director that runs already.")
@click.argument("device", default="donki/director/1")
@options.database
def shell(device: str, database: str | None) -> None:
    """Open the prompt of the Director DEVICE (default donki/director/1), which runs already.

    The Director goes on when the prompt is left. Commands can also be piped in:

    \b
      printf 'status\\nwatch\\n' | donki shell donki/director/1
    """  # noqa: D301
    from donki_client.prompt.session import run_shell  # noqa: PLC0415

    if not run_shell(device, database, Console()):
        sys.exit(1)
