"""A Director with its prompt: what ``donki director`` does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.console import Console

from donki.errors import DonkiError
from donki_client.director import Director
from donki_client.facility import Address, DeviceServer, LocalFacility
from donki_client.facility.database import answers
from donki_client.facility.servers import running
from donki_client.prompt import Prompt, read_pipe
from donki_client.terminal import read_terminal


def run_director(database: Address, console: Console) -> bool:
    """Run the Director donki/director/1 and its prompt, on a terminal or through a pipe.

    A Tango database is started where none answers; both end with the prompt. A Director that runs there
    already is used, and goes on afterwards.

    Returns
    -------
    bool
        whether everything that was asked for through a pipe happened

    Raises
    ------
    DonkiError
        when the address is used by something else, or a server cannot be started
    """
    found = answers(database)
    if not found:
        if database.is_listening():
            raise DonkiError(
                f"{database} is used by a program that is not a Tango database; choose another port"
            )
        database.check_free()
    folder = data_folder(database)
    with LocalFacility(folder) as facility:
        if found:
            facility.use_database(database)
            _say(console, f"Tango database: {database}")
        else:
            facility.start_database(database)
            _say(console, f"Tango database: none answered at {database}, started one, kept in {folder}")
        server = DeviceServer.director()
        elsewhere = running(database, server)
        if elsewhere:
            _say(console, f"Director: {server.device}, already running ({elsewhere})")
        else:
            facility.start_servers(server)
            _say(console, f"Director: {server.device}")
        prompt = Prompt(Director(server.device, database), console)
        good = True
        if sys.stdin.isatty():
            _say(
                console,
                f"help lists the commands; a Player is started with: donki player NAME {database} SCRIPT",
            )
            read_terminal(prompt, folder / "history")
        else:
            good = read_pipe(prompt, sys.stdin)
        if not elsewhere:
            prompt.wind_down()
    return good


def data_folder(database: Address) -> Path:
    """Return where the Tango database at an address is kept: ``$XDG_DATA_HOME/donkiorchestra/IP-PORT``.

    ``XDG_DATA_HOME`` is ``~/.local/share`` by default (XDG Base Directory Specification).
    """
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "donkiorchestra" / f"{database.ip}-{database.port}"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)
