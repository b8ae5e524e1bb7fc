"""The demo: a whole orchestra on this machine, watched, checked and summed up."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markup import escape

from donki.errors import FileError
from donki.player.script import shipped_scripts
from donki_client.director import Director
from donki_client.errors import UnreachableError
from donki_client.facility import Address, DeviceServer, LocalFacility
from donki_client.player import read_sent
from donki_client.progress import follow
from donki_client.readback import Arrived, TopicReader, stored_events
from donki_client.summary import Result, problems, table

SCRIPTS = ("run_player_0.py", "run_player_1.py", "run_player_2.py")


@dataclass(frozen=True)
class Demo:
    """What is to be played.

    Attributes
    ----------
    players
        how many; their scripts repeat after three, each has its own topic ``test-topic-0`` and so on
    triggers
        how many
    rate
        in Hz; 0 is as fast as the Players answer
    series
        whether the Players act one after the other (priorities 0, 1, 2 ...) or all at once (all 0)
    broker
        ``host:port`` of a Kafka broker; None starts the embedded one
    folder
        where each Player writes a NeXus file; None for none
    """

    players: int = 3
    triggers: int = 100
    rate: float = 14.0
    series: bool = False
    broker: str | None = None
    folder: Path | None = None

    @property
    def period(self) -> float:
        """From trigger to trigger in s: whole ns, rounded down as at the ESS, 71,428,571 ns at 14 Hz."""
        return math.floor(1e9 / self.rate) / 1e9 if self.rate else 0.0

    @property
    def topics(self) -> tuple[str, ...]:
        """One Kafka topic a Player."""
        return tuple(f"test-topic-{number}" for number in range(self.players))


def play(demo: Demo, console: Console) -> bool:
    """Start everything, play, read back, sum up and stop everything.

    Returns
    -------
    bool
        whether the sequence was played to its end and every event arrived

    Raises
    ------
    DonkiError
        when something cannot be started; says what
    """
    if demo.folder:
        check_writable(demo.folder)
    with TemporaryDirectory(prefix="donki-demo-") as folder, LocalFacility(Path(folder)) as facility:
        with console.status("starting the Tango database and the Kafka broker"):
            reader = _broker(demo, facility)
        _say(console, "Tango database", str(facility.database))
        _say(console, "Kafka broker", f"{reader.broker}{'' if demo.broker else ', in memory, for this demo'}")
        with reader:
            with console.status(f"starting the Director and {_count(demo.players, 'Player')}"):
                facility.start_servers(_director(folder), *_players(demo, reader.broker))
            director = Director(database=facility.database)
            director.triggers, director.period = demo.triggers, demo.period
            _say(console, "Director", f"{_count(demo.triggers, 'trigger')} {_pace(demo)}")
            order = "one after the other" if demo.series else "all at once"
            _say(console, "Players", f"{demo.players}, {order}")
            director.start()
            began = time.monotonic()
            _say(console, "Run", director.run_id)
            end = follow(director, console)
            late = f", {_count(end.overruns, 'trigger')} late" if end.overruns else ""
            _say(console, "Played", f"{time.monotonic() - began:.1f} s{late}")
            arrived = reader.read()
        results = _results(demo, director, facility.database, arrived, end.run_id)
    console.print()
    console.print(table(results))
    return _judge(demo, problems(end, results), results, console)


def check_writable(folder: Path) -> None:
    """Make sure that files can be written to a folder; it is made where it is missing.

    Raises
    ------
    FileError
        naming the folder and the reason
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"--hdf5 {folder}: cannot be made ({error.strerror}); choose another folder"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FileError(f"--hdf5 {folder}: is not writable; choose another folder")


def _broker(demo: Demo, facility: LocalFacility) -> TopicReader:
    """Start the database, and the broker where none is given; return a reader of the broker's topics."""
    if demo.broker is None:
        _, broker = facility.start_database_and_broker()
        return TopicReader(str(broker), demo.topics)
    # A broker that is not there shall be known before anything is started.
    reader = TopicReader(demo.broker, demo.topics)
    facility.start_database()
    return reader


def _director(folder: str) -> DeviceServer:
    # The journal of the demo goes with the demo.
    return DeviceServer.director(RunDirectory=folder)


def _players(demo: Demo, broker: str) -> list[DeviceServer]:
    properties = {"FileDirectory": str(demo.folder.resolve())} if demo.folder else {}
    return [
        DeviceServer.player(
            f"player{number}",
            shipped_scripts() / SCRIPTS[number % len(SCRIPTS)],
            priority=number if demo.series else 0,
            parameters={"topic": topic},
            KafkaBrokers=broker,
            **properties,
        )
        for number, topic in enumerate(demo.topics)
    ]


def _results(
    demo: Demo, director: Director, database: Address, arrived: Mapping[str, Arrived], run_id: str
) -> list[Result]:
    results = []
    for player in director.players:
        topic = demo.topics[int(player.name.removeprefix("player"))]
        try:
            sent = read_sent(f"tango://{database.tango_host}/donki/player/{player.name}")
        except UnreachableError:
            sent = None
        stored = stored_events(demo.folder, run_id, player.name) if demo.folder else None
        results.append(Result(player, sent, arrived[topic], stored))
    return results


def _judge(demo: Demo, found: Sequence[str], results: Sequence[Result], console: Console) -> bool:
    for problem in found:
        console.print(f"[bold red]{escape(problem)}[/]", soft_wrap=True)
    if not found:
        total = sum(result.arrived.events for result in results)
        files = f" and in the files in {demo.folder}" if demo.folder else ""
        console.print(f"[bold green]all {total:,} events arrived at Kafka{escape(files)}[/]", soft_wrap=True)
    return not found


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _pace(demo: Demo) -> str:
    return f"at {demo.rate:g} Hz" if demo.rate else "as fast as the Players answer"


def _say(console: Console, what: str, text: str) -> None:
    console.print(f"{what:<16}{text}", markup=False, soft_wrap=True)
