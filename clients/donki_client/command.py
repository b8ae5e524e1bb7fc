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
from donki_client.facility.address import Address
from donki_client.sections import SectionedGroup

# Each command imports what it needs when it is called: what the others need takes half a second.

INTERRUPTED = 130  # the exit status that shells give to Ctrl-C


@click.group(
    cls=SectionedGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with: donki demo.  What one command takes: donki COMMAND --help",
)
@click.version_option(package_name="donkiorchestra")
def donki() -> None:
    """Trigger-driven orchestration and data-stream simulation for beamlines.

    A Director sends triggers, one after another; Players answer each of them by running an action script,
    which streams to Kafka and to NeXus files. Both are Tango devices, found through a Tango database.
    """


@donki.command(short_help="Run a Director, with a prompt to play it.")
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
    from donki_client.session import run_director  # noqa: PLC0415

    if not run_director(Address.parse(address), Console(highlight=False)):
        sys.exit(1)


_database = click.option(
    "--database",
    metavar="HOST:PORT",
    help="The Tango database; by default what TANGO_HOST names, else localhost:50010.",
)


@donki.command(short_help="Open the prompt of a Director that runs already.")
@click.argument("device", default="donki/director/1")
@_database
def shell(device: str, database: str | None) -> None:
    """Open the prompt of the Director DEVICE (default donki/director/1), which runs already.

    The Director goes on when the prompt is left. Commands can also be piped in:

    \b
      printf 'status\\nwatch\\n' | donki shell donki/director/1
    """  # noqa: D301
    from donki_client.session import run_shell  # noqa: PLC0415

    if not run_shell(device, database, Console(highlight=False)):
        sys.exit(1)


@donki.command(short_help="Run a Player with an action script.")
@click.argument("name")
@click.argument("address", metavar="HOST:PORT")
@click.argument("script", type=click.Path(path_type=Path))
def player(name: str, address: str, script: Path) -> None:
    """Run the Player donki/player/NAME until Ctrl-C.

    HOST:PORT is where the Tango database answers, the same as the Director's; SCRIPT is the action script, a
    Python file with a function action(trigger). Nothing outside the script's folder is ever loaded as one.

    \b
      donki player player0 localhost:50010 scripts/just_action.py
    """  # noqa: D301
    from donki_client.foreground import run_player  # noqa: PLC0415

    run_player(name, Address.parse(address), script, Console(highlight=False))


@donki.command(short_help="Watch an orchestra play on this machine; needs nothing.")
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
    "--kafka-client",
    type=click.Choice(["kafka-python", "confluent-kafka"]),
    default="kafka-python",
    show_default=True,
    help="The Players' Kafka client library; confluent-kafka is faster and an extra.",
)
@click.option(
    "--hdf5", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Write NeXus files there too."
)
def demo(**asked: Any) -> None:
    """Watch an orchestra play: simulated neutron events to Kafka.

    Starts a Tango database, a Kafka broker, a Director and its Players on this machine, plays, reads every
    topic back and counts. The exit status is 0 only if every event arrived. Nothing it starts is left behind.
    """
    from donki_client.demo import Demo, play_demo  # noqa: PLC0415

    if not play_demo(Demo(**asked), Console(highlight=False)):
        sys.exit(1)


@donki.command(short_help="Play a scenario, a whole experiment in a YAML file.")
@click.argument("file", type=click.Path(path_type=Path))
def run(file: Path) -> None:
    """Play the scenario FILE, a whole experiment in YAML, or one that comes along, such as loki.yaml.

    Starts what is missing on this machine: a Tango database where neither the file nor TANGO_HOST names
    one, a Kafka broker in memory where neither the file nor DONKI_BROKER does, the Director and the Players.
    Plays, reads every topic back and counts. The exit status is 0 only if the sequence came to its end and
    everything that was sent arrived. Nothing it starts is left behind.
    """
    from donki_client.play import play  # noqa: PLC0415
    from donki_client.scenario_file import (  # noqa: PLC0415
        find_scenario,
        from_environment,
        instance_name,
        read_scenario,
    )

    scenario = from_environment(read_scenario(find_scenario(file)), os.environ)
    if not play(scenario, instance_name(file), Console(highlight=False)):
        sys.exit(1)


@donki.command(short_help="Check a scenario without starting anything.")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--try",
    "tried",
    is_flag=True,
    help="Also play a few triggers on this machine, apart from what the file names. Executes the scripts.",
)
@click.option("--schema", is_flag=True, help="Print the JSON schema of scenarios, for editors.")
def check(file: Path | None, tried: bool, schema: bool) -> None:
    """Check the scenario FILE without starting anything or executing its scripts.

    What is wrong is said with line and column. Then the sequence is played on a virtual clock: how long it
    takes, and what would be late. How long the actions take is known from the last run of the same scripts
    with the same parameters, or from what the file says (duration), or is measured with --try. The exit
    status is 0 only if the scenario can be played.
    """
    if schema:
        from donki_client.scenario import schema_text  # noqa: PLC0415

        click.echo(schema_text())
        return
    if file is None:
        raise click.UsageError("Missing argument 'FILE'.")
    from donki_client.check import check_scenario  # noqa: PLC0415
    from donki_client.scenario_file import find_scenario  # noqa: PLC0415

    if not check_scenario(find_scenario(file), Console(highlight=False), tried=tried):
        sys.exit(1)


@donki.command(short_help="Open a window to play and watch an orchestra.")
@click.argument("device", default="donki/director/1")
@_database
def panel(device: str, database: str | None) -> None:
    """Show the panel of a Director: a window to play an orchestra and to watch it.

    DEVICE is the Director's name (default donki/director/1). Needs Qt: pip install 'donkiorchestra[panel]'
    """
    from donki_client.panel.opening import open_panel  # noqa: PLC0415

    open_panel(device, database)


@donki.command(short_help="Run an in-memory Kafka broker, for a try.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9092, show_default=True, help="0 for a free one."
)
def broker(port: int) -> None:
    """Run an in-memory Kafka broker on this machine until Ctrl-C.

    For a try: it takes 1 GiB at most, and its records are gone when it ends.
    """
    from donki_client.facility.broker import MemoryBroker  # noqa: PLC0415

    running = MemoryBroker(port)
    running.run(lambda: click.echo(f"Kafka broker: {running.address}, in memory; Ctrl-C ends it"))


_kafka_options = click.option(
    "--kafka-options",
    metavar="JSON|FILE",
    default="{}",
    help='Security, as {"security_protocol": "SSL"}, or a file with that: command lines are seen by others.',
)


@donki.command(short_help="Record Kafka topics to a file.")
@click.argument("topics", metavar="TOPIC...", nargs=-1, required=True)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--broker", metavar="HOST:PORT", default="localhost:9092", show_default=True, help="The Kafka broker."
)
@_kafka_options
@click.option(
    "--from",
    "start",
    type=click.Choice(["beginning", "end"]),
    default="end",
    show_default=True,
    help="From the oldest message on, or only what comes from now on.",
)
@click.option("--count", type=click.IntRange(min=1), help="End after so many messages in all.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="End after so long.")
def record(
    topics: tuple[str, ...],
    file: Path,
    broker: str,
    kafka_options: str,
    start: str,
    count: int | None,
    seconds: float | None,
) -> None:
    """Record each TOPIC of Kafka to FILE (HDF5), all partitions: payloads, keys, headers and time stamps.

    Ctrl-C ends it, and the file is whole. FILE must not exist yet.
    """
    from donki_client.kafka_options import read_kafka_options  # noqa: PLC0415
    from donki_client.record import record as run  # noqa: PLC0415

    console = Console(highlight=False)
    done = run(
        topics,
        file,
        console,
        broker=broker,
        options=read_kafka_options(kafka_options),
        from_beginning=start == "beginning",
        count=count,
        seconds=seconds,
    )
    console.print(
        f"{done.messages:,} messages, {done.bytes / 1e6:,.1f} MB recorded to {file}", soft_wrap=True
    )
    if done.interrupted and (count is not None or seconds is not None):
        sys.exit(INTERRUPTED)


@donki.command(short_help="Send a recorded file to Kafka again.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--broker", metavar="HOST:PORT", default="localhost:9092", show_default=True, help="The Kafka broker."
)
@_kafka_options
@click.option(
    "--speed",
    type=click.FloatRange(min=0, max=1e6),
    default=1.0,
    show_default=True,
    help="How many times as fast as recorded; 0 = as fast as possible.",
)
@click.option("--topic-map", metavar="OLD=NEW", multiple=True, help="Another name for a topic; repeatable.")
def replay(file: Path, broker: str, kafka_options: str, speed: float, topic_map: tuple[str, ...]) -> None:
    """Send what donki record stored in FILE again, at the pace of its time stamps.

    The exit status is 0 only if the broker acknowledged every message.
    """
    from donki_client.kafka_options import read_kafka_options  # noqa: PLC0415
    from donki_client.replay import parse_topic_map  # noqa: PLC0415
    from donki_client.replay import replay as run  # noqa: PLC0415

    console = Console(highlight=False)
    done = run(
        file,
        console,
        broker=broker,
        options=read_kafka_options(kafka_options),
        speed=speed,
        topic_map=parse_topic_map(topic_map),
    )
    console.print(
        f"{done.sent:,} of {done.recorded:,} messages sent, {done.acknowledged:,} acknowledged,"
        f" {done.bytes / 1e6:,.1f} MB",
        soft_wrap=True,
    )
    if done.failure:
        raise DonkiError(done.failure)
    if not done.is_whole:
        sys.exit(INTERRUPTED)


@donki.command(short_help="Print how a run went: lateness, times, counts.")
@click.argument("run", default="")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Where the journal is.  [default: ~/.local/share/donkiorchestra/runs]",
)
@click.option(
    "--director",
    metavar="DEVICE|HOST:PORT",
    help="Whose journal: a device name, or the Tango database that donki/director/1 is in.",
)
@click.option(
    "--picture",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Draw it too: .png, .pdf, .svg.",
)
def report(run: str, directory: Path | None, director: str | None, picture: Path | None) -> None:
    """Print what was recorded of a run: its triggers, how late they were, what each Player did and how long.

    RUN is an id or its beginning; by default the newest run.
    """
    if directory and director:
        raise click.UsageError("--directory and --director both say where the journal is; give one.")
    from donki_client.report import journal_directory, print_report  # noqa: PLC0415

    print_report(run, directory or journal_directory(director), picture, Console(highlight=False))


@donki.command("check-data", short_help="Compare what a run delivered with its journal.")
@click.argument("run", default="")
@click.option(
    "--broker", metavar="HOST:PORT", help="Where to read from.  [default: where the Players sent to]"
)
@_kafka_options
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Where the journal is.  [default: ~/.local/share/donkiorchestra/runs]",
)
@click.option(
    "--director",
    metavar="DEVICE|HOST:PORT",
    help="Whose journal: a device name, or the Tango database that donki/director/1 is in.",
)
def check_data(
    run: str, broker: str | None, kafka_options: str, directory: Path | None, director: str | None
) -> None:
    """Read back what a run delivered to Kafka and to files, and compare every message with its journal.

    RUN is an id or its beginning; by default the newest run. Faults that were put in on purpose are expected.
    The exit status is 0 only if everything is where it belongs, and nothing else is there.
    """
    if directory and director:
        raise click.UsageError("--directory and --director both say where the journal is; give one.")
    from donki_client.check_data import check_data as check  # noqa: PLC0415
    from donki_client.kafka_options import read_kafka_options  # noqa: PLC0415
    from donki_client.report import journal_directory  # noqa: PLC0415

    options = read_kafka_options(kafka_options)
    where = directory or journal_directory(director)
    if not check(run, where, Console(highlight=False), broker=broker, options=options):
        sys.exit(1)


def main() -> None:
    """Run the command line; the exit status is 0 only if what was asked for happened."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has it ignored
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
