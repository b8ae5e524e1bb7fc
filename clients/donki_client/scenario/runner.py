"""A scenario played: what is missing is brought up, everything is watched, checked and summed up."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markup import escape

from donki.director.journal import default_directory
from donki.director.journal_reader import JournalReader
from donki.errors import DonkiError, FileError, NotAllowedError
from donki.policy import OnError
from donki_client.data_check import check_run
from donki_client.director import Director
from donki_client.errors import UnreachableError
from donki_client.facility.address import Address
from donki_client.facility.database import answers
from donki_client.facility.local import LocalFacility
from donki_client.facility.servers import DeviceServer, running
from donki_client.kafka_broker import check_broker
from donki_client.player import Sent, read_sent
from donki_client.progress import follow
from donki_client.run_data import RunData
from donki_client.scenario import Scenario, ScenarioFiles
from donki_client.snapshot import Snapshot
from donki_client.summary import Result, notes, problems, table

#: How long the journal is waited for at the end of a run, in s.
JOURNAL_LIMIT = 5.0


@dataclass(frozen=True)
class Played:
    """What came of a sequence: how it ended, what each Player did, and what was found of the data."""

    end: Snapshot
    results: Sequence[Result]
    data: RunData

    @property
    def problems(self) -> list[str]:
        """What is not as it should be, a line each; empty when all was played and everything arrived."""
        return problems(self.end, self.results, self.data.problems_of_places)


def play(scenario: Scenario, name: str, console: Console, *, journaled: bool = True) -> bool:
    """Start what is missing, play, read back, sum up and stop everything that was started.

    Parameters
    ----------
    scenario
        what is played; its database and broker are used where they are given, else both are started
    name
        of the Director's server
    console
        where it is shown
    journaled
        whether the run goes into the user's journal

    Returns
    -------
    bool
        whether the sequence was played to its end and everything that was sent arrived

    Raises
    ------
    DonkiError
        when something cannot be started; says what
    """
    if scenario.hdf5:
        check_writable("hdf5", scenario.hdf5.folder)
    with TemporaryDirectory(prefix=f"donki-{name}-") as folder:
        stage = Stage(
            scenario, name, Path(folder), default_directory() if journaled else Path(folder), console
        )
        played = stage.play()
    console.print()
    console.print(table(played.results))
    return _judge(scenario, played, console)


def check_writable(what: str, folder: Path) -> None:
    """Make sure that files can be written to a folder; it is made where it is missing.

    Parameters
    ----------
    what
        the option or the key that names the folder, for the message

    Raises
    ------
    FileError
        naming the folder and the reason
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"{what} {folder}: cannot be made ({error.strerror}); choose another folder"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FileError(f"{what} {folder}: is not writable; choose another folder")


class Stage:
    """Where a scenario is played: the facility, and what it is made of.

    Parameters
    ----------
    scenario, name, console
        as for `play`
    folder
        of the servers' output
    journal
        the folder of the Director's journal
    """

    def __init__(self, scenario: Scenario, name: str, folder: Path, journal: Path, console: Console) -> None:
        self._scenario = scenario
        self._folder = folder
        self._journal = journal
        self._console = console
        self._director = DeviceServer.director(
            name,
            PlayerDevices=[f"donki/player/{player}" for player in scenario.players],
            RunDirectory=str(journal),
        )

    def play(self) -> Played:
        """Bring up what is missing, play the sequence, and return what came of it when all is down again."""
        with LocalFacility(self._folder) as facility:
            broker = self._bring_up(facility)
            players = self._players(broker)
            with self._console.status(f"starting the Director and {_count(len(players), 'Player')}"):
                self._refuse_running(facility.database, [self._director, *players])
                facility.start_servers(self._director, *players)
            director = Director(self._director.device, facility.database)
            end = self._play(director)
            sent = {player: self._sent(facility.database, player) for player in self._scenario.players}
            data = self._check(end.run_id, broker)
            # The names of a Player that never ran are known in lower case alone.
            shown = {player.name.lower(): player for player in director.players}
        results = [
            Result(shown[name.lower()], said, data.of(shown[name.lower()].name))
            for name, said in sent.items()
        ]
        return Played(end, results, data)

    def _check(self, run_id: str, broker: str) -> RunData:
        """Read back what was delivered, when the journal has the end of the run."""
        with self._console.status("reading back"), JournalReader(self._journal) as reader:
            limit = time.monotonic() + JOURNAL_LIMIT
            while (run := reader.run(run_id)).ended is None and time.monotonic() < limit:
                time.sleep(0.02)
            return check_run(reader, run, broker=broker)

    def _bring_up(self, facility: LocalFacility) -> str:
        """Have a database and a broker, started where none is named; return the broker's address."""
        named_database, named_broker = self._scenario.database, self._scenario.broker
        with self._console.status("starting the Tango database and the Kafka broker"):
            if named_broker:
                # A broker that is not there shall be known before anything is started.
                broker = named_broker
                check_broker(broker)
                started = self._have_database(facility, named_database)
            elif named_database:
                started = self._have_database(facility, named_database)
                broker = str(facility.start_broker())
            else:
                broker = str(facility.start_database_and_broker()[1])
                started = True
        self._say("Tango database", f"{facility.database}{', for this run' if started else ''}")
        self._say("Kafka broker", f"{broker}{'' if named_broker else ', in memory, for this run'}")
        return broker

    def _have_database(self, facility: LocalFacility, named: str | None) -> bool:
        """Use the database that is named, or start one; return whether one was started."""
        address = Address.parse(named) if named else None
        if address and answers(address):
            facility.use_database(address)
            return False
        if address and address.is_listening():
            raise DonkiError(
                f"{address} is used by a program that is not a Tango database; name another address"
            )
        facility.start_database(address)
        return True

    def _refuse_running(self, database: Address, servers: Sequence[DeviceServer]) -> None:
        for server in servers if self._scenario.database else ():
            if elsewhere := running(database, server):
                raise DonkiError(
                    f"{server.device} is already running in {database} ({elsewhere}); "
                    "stop it there, or give it another name in the scenario"
                )

    def _players(self, broker: str) -> list[DeviceServer]:
        properties = _file_properties(self._scenario.hdf5)
        return [
            DeviceServer.player(
                name,
                player.script,
                priority=player.priority,
                parameters=player.all_parameters,
                timeout=player.timeout,
                on_error=OnError[player.on_error],
                retries=player.retries,
                KafkaBrokers=broker,
                KafkaClient=self._scenario.kafka_client,
                ValuesTopic=player.values_topic,
                Aliases=[f"{value}={alias}" for value, alias in player.aliases.items()],
                **properties,
            )
            for name, player in self._scenario.players.items()
        ]

    def _play(self, director: Director) -> Snapshot:
        scenario = self._scenario
        director.triggers, director.period = scenario.triggers, scenario.trigger_period
        director.run_title, director.run_metadata = scenario.title, scenario.metadata
        director.run_seed = scenario.seed
        many = "triggers until Ctrl-C" if scenario.is_endless else _count(scenario.triggers, "trigger")
        self._say("Director", f"{many} {_pace(scenario)}")
        self._say("Players", f"{len(scenario.players)}, {_order(scenario)}")
        director.start()
        began = time.monotonic()
        try:
            self._say("Run", f"{director.run_id}{f', {scenario.title}' if scenario.title else ''}")
            end = follow(director, self._console)
        except KeyboardInterrupt:
            if not scenario.is_endless:
                seconds = time.monotonic() - began
                self._say("Interrupted", f"after {seconds:.1f} s: the run is aborted, nothing is read back")
                raise
            end = self._stop(director)
        late = f", {_count(end.overruns, 'trigger')} late" if end.overruns else ""
        self._say("Played", f"{time.monotonic() - began:.1f} s{late}")
        return end

    def _stop(self, director: Director) -> Snapshot:
        try:
            director.stop()
        except NotAllowedError:  # it has failed meanwhile
            return director.snapshot()
        return follow(director, self._console)

    def _sent(self, database: Address, player: str) -> Sent | None:
        try:
            return read_sent(f"tango://{database.tango_host}/donki/player/{player}")
        except UnreachableError:
            return None

    def _say(self, what: str, text: str) -> None:
        self._console.print(f"{what:<16}{text}", markup=False, soft_wrap=True)


def _judge(scenario: Scenario, played: Played, console: Console) -> bool:
    for note in notes(played.results):
        console.print(f"[yellow]{escape(note)}[/]", soft_wrap=True)
    found = played.problems
    for problem in found:
        console.print(f"[bold red]{escape(problem)}[/]", soft_wrap=True)
    if not found:
        streams = played.data.streams
        events, many = sum(stream.events for stream in streams), sum(stream.values for stream in streams)
        faults = sum(stream.faults.total() for stream in streams)
        values = f" and {many:,} values" if many else ""
        files = f" and in the files in {scenario.hdf5.folder}" if scenario.hdf5 else ""
        wrong = f", with the {_count(faults, 'fault')} put in on purpose" if faults else ""
        console.print(
            f"[bold green]all {events:,} events{values} arrived at Kafka{escape(files)}{wrong}[/]",
            soft_wrap=True,
        )
    return not found


def _file_properties(files: ScenarioFiles | None) -> dict[str, str]:
    """Return the properties of a Player that say where its files go and how."""
    if files is None:
        return {"FileDirectory": ""}
    return {
        "FileDirectory": str(files.folder.resolve()),
        "FileName": files.name,
        "FileTriggers": str(files.triggers),
        "FileCompression": files.compression,
    }


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _pace(scenario: Scenario) -> str:
    if scenario.rate:
        return f"at {scenario.rate:g} Hz"
    return f"every {scenario.period:g} s" if scenario.period else "as fast as the Players answer"


def _order(scenario: Scenario) -> str:
    priorities = [player.priority for player in scenario.players.values() if player.priority >= 0]
    if len(set(priorities)) == 1:
        return "all at once"
    if len(set(priorities)) == len(priorities):
        return "one after the other"
    return f"in {len(set(priorities))} levels of priority"
