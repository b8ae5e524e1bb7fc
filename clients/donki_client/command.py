"""The ``donki`` command."""

from __future__ import annotations

import io
import signal
import sys

import click
from rich.markup import escape

from donki.errors import DonkiError
from donki.texts import visible
from donki_client.commands.group import CommandGroup
from donki_client.console.interruption import INTERRUPTED
from donki_client.console.output import Console


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with: donki demo.  What one command takes: donki COMMAND --help",
)
@click.version_option(package_name="donkiorchestra")
def donki() -> None:
    """Trigger-driven orchestration and data-stream simulation for beamlines.

    A Director sends triggers, one after another; Players answer each of them by running an action script,
    which streams to Kafka and to NeXus files. Both are Tango devices, found through a Tango database.
    """


def main() -> None:
    """Run the command line; the exit status is 0 only if what was asked for happened."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, _leave)
    try:
        donki.main(standalone_mode=False)
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        click.echo(visible(said.getvalue(), lines=True), err=True, nl=False)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except DonkiError as error:
        console = Console(stderr=True)
        console.print(f"[bold red]donki:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)


def _leave(number: int, _frame: object) -> None:
    # As an exception, so that everything that was started is stopped in order.
    sys.exit(128 + number)
