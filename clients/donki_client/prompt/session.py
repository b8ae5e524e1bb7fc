"""A Director with its prompt: what ``donki director`` does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.console import Console

from donki.errors import DonkiError, FileError
from donki_client.address import Address
from donki_client.api.director import Director
from donki_client.console.named_director import named_director
from donki_client.facility.database import answers
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility
from donki_client.facility.servers import running
from donki_client.prompt.prompt import Prompt, read_pipe
from donki_client.prompt.terminal import read_terminal


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
        hint = f"help lists the commands; a Player is started with: donki player NAME {database} SCRIPT"
        good = _converse(prompt, folder / "history", hint)
        if not elsewhere:
            prompt.wind_down()
    return good


def run_shell(device: str, database: str | None, console: Console) -> bool:
    """Run the prompt of a Director that runs already, on a terminal or through a pipe; it goes on afterwards.

    Parameters
    ----------
    device, database
        as for `named_director`

    Returns
    -------
    bool
        whether everything that was asked for through a pipe happened

    Raises
    ------
    DonkiError
        when it does not answer, or is no Director
    """
    director = named_director(device, database)
    folder = data_home()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"the folder {folder} cannot be made: {error.strerror}") from None
    return _converse(Prompt(director, console), folder / "history", f"{device}; help lists the commands")


def _converse(prompt: Prompt, history: Path, hint: str) -> bool:
    """Prompt on a terminal, or carry out what comes through a pipe; return whether all of that happened."""
    if not sys.stdin.isatty():
        return read_pipe(prompt, sys.stdin)
    _say(prompt.console, hint)
    read_terminal(prompt, history)
    return True


def data_home() -> Path:
    """Return where the user's data are kept: ``$XDG_DATA_HOME/donkiorchestra``.

    ``XDG_DATA_HOME`` is ``~/.local/share`` by default (XDG Base Directory Specification).
    """
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "donkiorchestra"


def data_folder(database: Address) -> Path:
    """Return where the Tango database at an address is kept: ``IP-PORT`` in the user's data."""
    return data_home() / f"{database.ip}-{database.port}"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)
