"""The command ``donki panel``."""

from __future__ import annotations

import click

from donki_client.commands import options


@click.command(short_help="Open a window to play and watch an orchestra.")
@click.argument("device", default="donki/director/1")
@options.database
def panel(device: str, database: str | None) -> None:
    """Show the panel of a Director: a window to play an orchestra and to watch it.

    DEVICE is the Director's name (default donki/director/1). Needs Qt: pip install 'donkiorchestra[panel]'
    """
    from donki_client.panel.opening import open_panel  # noqa: PLC0415

    open_panel(device, database)
