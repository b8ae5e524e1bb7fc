"""The ``donki`` command."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from donki.errors import DonkiError
from donki_client.demo import Demo, play
from donki_client.director import Director
from donki_client.facility import Address, DeviceServer, LocalFacility
from donki_client.facility.database import answers
from donki_client.facility.servers import running
from donki_client.foreground import run_player
from donki_client.prompt import Prompt, read_pipe, read_terminal

INTERRUPTED = 130  # the exit status that shells give to Ctrl-C


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="donkiorchestra")
def donki() -> None:
    """Trigger-driven orchestration and data-stream simulation for beamlines."""


@donki.command()
@click.argument("address", metavar="[HOST:PORT]", default="localhost:50010")
def director(address: str) -> None:
    r"""Run the Director donki/director/1 with its prompt.

    HOST:PORT is where the Tango database answers (default localhost:50010); where none does, one is started
    there. Its content and the servers' output are kept in a folder that is named at the start.

    Commands can also be piped in: printf 'triggers=5\nstart\nquit\n' | donki director
    """
    console = Console(highlight=False)
    where = Address.parse(address)
    folder = data_folder(where)
    with LocalFacility(folder) as facility:
        if answers(where):
            facility.use_database(where)
            console.print(f"Tango database: {where}", soft_wrap=True)
        elif where.is_listening():
            raise DonkiError(
                f"{where} is used by a program that is not a Tango database; choose another port"
            )
        else:
            facility.start_database(where)
            console.print(f"Tango database: started at {where}, kept in {folder}", soft_wrap=True)
        server = DeviceServer.director()
        elsewhere = running(where, server)
        if not elsewhere:
            facility.start_servers(server)
        console.print(
            f"Director: {server.device}" + (f", already running ({elsewhere})" if elsewhere else "")
        )
        prompt = Prompt(Director(server.device, where), console)
        good = True
        if sys.stdin.isatty():
            console.print("help lists the commands; donki player NAME HOST:PORT SCRIPT starts a Player")
            read_terminal(prompt, folder / "history")
        else:
            good = read_pipe(prompt, sys.stdin)
        if not elsewhere:
            prompt.wind_down()
    sys.exit(0 if good else 1)


@donki.command()
@click.argument("name")
@click.argument("address", metavar="HOST:PORT")
@click.argument("script", type=click.Path(path_type=Path))
def player(name: str, address: str, script: Path) -> None:
    """Run the Player donki/player/NAME until Ctrl-C.

    HOST:PORT is the Tango database's, SCRIPT the action script. Nothing outside the script's folder is ever
    loaded as one.
    """
    run_player(name, Address.parse(address), script, Console(highlight=False))


@donki.command()
@click.option(
    "--players", type=click.IntRange(1, 100), default=3, show_default=True, help="How many Players."
)
@click.option(
    "--triggers", type=click.IntRange(min=1), default=100, show_default=True, help="How many triggers."
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, max=1e6),
    default=14.0,
    show_default=True,
    help="Triggers a second; 0 = as fast as the Players answer.",
)
@click.option(
    "--series/--parallel", help="Players act one after the other, or all at once.  [default: parallel]"
)
@click.option("--broker", metavar="HOST:PORT", help="A Kafka broker instead of the embedded one.")
@click.option(
    "--hdf5", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Write NeXus files there too."
)
def demo(**asked: Any) -> None:
    """Watch an orchestra play: simulated neutron events to Kafka.

    Starts a Tango database, a Kafka broker, a Director and its Players on this machine, plays, reads every
    topic back and counts. The exit status is 0 only if every event arrived. Nothing it starts is left behind.
    """
    if not play(Demo(**asked), Console(highlight=False)):
        sys.exit(1)


def main() -> None:
    """Run the command line; the exit status is 0 only if what was asked for happened."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        donki.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except DonkiError as error:
        console = Console(stderr=True, highlight=False)
        console.print(f"[bold red]donki:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)


def _leave(number: int, _frame: object) -> None:
    # As an exception, so that everything that was started is stopped in order.
    sys.exit(128 + number)


def data_folder(database: Address) -> Path:
    """Return where the Tango database at an address is kept: ``$XDG_DATA_HOME/donkiorchestra/IP-PORT``."""
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "donkiorchestra" / f"{database.ip}-{database.port}"
