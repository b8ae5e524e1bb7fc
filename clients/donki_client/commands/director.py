"""The command ``donki director``."""

from __future__ import annotations

import sys

import click

from donki_client.address import Address
from donki_client.console.output import Console


@click.command(short_help="Run a Director, with a prompt to play it.")
@click.argument("address", metavar="[HOST:PORT]", default="localhost:50010")
def director(address: str) -> None:
    """Run the Director donki/director/1 with its prompt.

    HOST:PORT is where the Tango database answers (default localhost:50010); where none does, one is started
    there. Its content and the servers' output are kept in a folder that is named at the start.

    Start Players in other terminals, then play at the prompt; help lists what it takes. It can be piped in:

    \b
      donki player player0 localhost:50010 scripts/just_action.py
      printf 'triggers=5\\nstart\\nquit\\n' | donki director
    """  # noqa: D301
    from donki_client.prompt.session import run_director  # noqa: PLC0415

    if not run_director(Address.parse(address), Console()):
        sys.exit(1)
