"""Where a scenario is played: what is missing is started, the sequence followed, the data read back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from donki.errors import DonkiError, FileError, InputError, NotAllowedError
from donki.limits import FileWriterPolicy
from donki.streams.kafka.topics.settings import TopicSettings
from donki_client.address import Address
from donki_client.api.director import Director
from donki_client.api.errors import UnreachableError
from donki_client.api.file_writer_state import is_open
from donki_client.api.player import Sent, read_sent
from donki_client.api.snapshot import Snapshot
from donki_client.console.many import counted
from donki_client.console.progress import follow
from donki_client.facility.broker_options import MAX_BYTES, limits
from donki_client.facility.database import answers
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility
from donki_client.facility.servers import running
from donki_client.scenario.history import History
from donki_client.scenario.model import Scenario, scenarios_of, sections_below
from donki_client.scenario.placement.choice import place
from donki_client.scenario.placement.hosts import HostRun
from donki_client.scenario.placement.servers import director_server, player_servers
from donki_client.scenario.playing.played import Played, Written
from donki_client.scenario.playing.played_sections import (
    PlayedSection,
    play_sections,
    results_of,
    servers_here,
    start_elsewhere,
)
from donki_client.scenario.playing.summary import Result
from donki_client.scenario.playing.telling import Telling
from donki_client.verify.kafka.read_back import ReadBack
from donki_client.verify.run_data import RunData

#: How long the journal is waited for at the end of a run, in s.
JOURNAL_LIMIT = 5.0

#: How long a file writer may go on writing after the end of a run, in s, before it is waited for no longer.
FILE_WRITER_LIMIT = 120.0


class ScenarioRunner:
    """Where a scenario is played: the facility, and what it is made of.

    Parameters
    ----------
    scenario, name, console
        as for `play`
    facility
        where what is missing is started
    journal
        the folder of the Director's journal
    leave
        as for `play`
    """

    def __init__(
        self,
        scenario: Scenario,
        name: str,
        facility: LocalFacility,
        journal: Path,
        console: Console,
        *,
        leave: bool = False,
    ) -> None:
        self._scenario = scenario
        self._facility = facility
        self._journal = journal
        self._console = console
        self._telling = Telling(scenario, console)
        self._name = name
        self._leave = leave

    def play(self) -> Played:
        """Bring up what is missing, play the sequence, and return the result."""
        facility = self._facility
        broker = self._bring_up(facility)
        server = director_server(self._scenario, self._name, self._journal, broker)
        placement = place(self._scenario, History(self._journal).known(self._scenario), self._name)
        players = player_servers(self._scenario, placement.servers, broker)
        self._telling.servers(placement)
        with ExitStack() as stack:
            read_back = stack.enter_context(ReadBack(broker, self._journal))
            sections = play_sections(sections_below(self._scenario), self._journal, broker, stack)
            in_database = [server, *players, *servers_here(sections)]
            local = [each for each in in_database if not each.host]
            remote = [each for each in in_database if each.host]
            self._refuse_running(facility.database, [*local, *remote])
            on_hosts = stack.enter_context(
                HostRun(
                    self._scenario,
                    facility.database,
                    local,
                    remote,
                    facility.stop_servers,
                    self._telling.line,
                    leave=self._leave,
                )
            )
            with self._console.status(
                f"starting the Director and {counted(len(self._scenario.players), 'Player')}"
            ):
                on_hosts.launch()
                start_elsewhere(sections, facility.folder, stack, self._telling.line)
                facility.start_servers(*local, tell=self._telling.line)
                on_hosts.wait()
                for back in (read_back, *(section.read_back for section in sections)):
                    back.wait()
            director = Director(server.device, facility.database)
            end = self._play(director, read_back, sections)
            sent = {player: self._sent(facility.database, player) for player in self._scenario.players}
            self._telling.readouts(sent)
            data = self._check(end.run_id, broker, read_back)
            for section in sections:
                self._check_section(section, end.run_id)
            written = self._wait_for_file_writers(director, sections)
            of_sections = results_of(sections, director, facility.database, self._sent)
            # The names of a Player that never ran are known in lower case alone.
            shown = {player.name.lower(): player for player in director.players}
        results = [
            Result(
                shown[name.lower()], said, data.of(shown[name.lower()].name), self._scenario.hdf5 is not None
            )
            for name, said in sent.items()
        ]
        of_all = [(self._scenario, broker, data)]
        of_all += [(each.below.scenario, each.broker, each.data) for each in sections if each.data]
        return Played(
            end,
            results + of_sections,
            [data for _, _, data in of_all],
            written,
            [line for part in of_all for line in _differences(*part)],
            on_hosts.problems,
            [section.uncompared for section in sections if section.data is None],
        )

    def _check(self, run_id: str, broker: str, read_back: ReadBack) -> RunData:
        """Read back the rest of what was delivered when the journal has the end of the run; compare all."""
        # Slow to import, for Kafka and HDF5; nothing waits for it here.
        from donki.director.journal.reading.reader import JournalReader  # noqa: PLC0415
        from donki_client.report.statistics import Lateness, triggers_of  # noqa: PLC0415
        from donki_client.verify.run_check import check_run  # noqa: PLC0415

        with self._console.status("reading back"), JournalReader(self._journal) as reader:
            limit = time.monotonic() + JOURNAL_LIMIT
            while (run := reader.run(run_id)).ended is None and time.monotonic() < limit:
                time.sleep(0.02)
            if run.period and (triggers := triggers_of(reader, run)).size:
                self._telling.say("Lateness", str(Lateness(triggers, run.period)))
            read_back.stop()
            return check_run(reader, run, broker=broker, read_back=read_back)

    def _check_section(self, section: PlayedSection, run_id: str) -> None:
        """Compare the data of a section, where its journal is not on another host."""
        below = section.below
        try:
            section.data = self._check(below.run_id(run_id), section.broker, section.read_back)
        except (InputError, FileError):
            if not below.section.host:
                raise
            section.read_back.stop()

    def _bring_up(self, facility: LocalFacility) -> str:
        """Have a database and a broker, started where none is named; return the broker's address."""
        named_database, named_broker = self._scenario.database, self._scenario.broker
        with self._console.status("starting the Tango database and the Kafka broker"):
            if any(part.broker or part.replication > 1 for part in scenarios_of(self._scenario)):
                # A broker that is not there must be known before anything is started.
                from donki_client.scenario.topics import check_brokers  # noqa: PLC0415 - as at the end

                check_brokers(self._scenario)
            if named_broker:
                broker = named_broker
                started = self._have_database(facility, named_database)
            elif named_database:
                started = self._have_database(facility, named_database)
                broker = str(facility.start_broker())
            else:
                broker = str(facility.start_database_and_broker()[1])
                started = True
        self._telling.say("Tango database", f"{facility.database}{', for this run' if started else ''}")
        own = "" if named_broker else f", in memory, for this run: {limits(MAX_BYTES)}"
        self._telling.say("Kafka broker", f"{broker}{own}")
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

    def _wait_for_file_writers(self, director: Director, sections: Sequence[PlayedSection]) -> list[Written]:
        """Return how the jobs at the file writers ended; or how they are after a long wait."""
        limit = time.monotonic() + FILE_WRITER_LIMIT
        told = [("", self._scenario.file_writer, director)] if self._scenario.file_writer else []
        told += [
            ("/".join(each.below.path), writer, each.director(self._facility.database))
            for each in sections
            if (writer := each.below.scenario.file_writer)
        ]
        written = []
        for section, writer, conducts in told:
            with self._console.status("waiting for the file writer"):
                while any(map(is_open, jobs := conducts.file_writer_state)) and time.monotonic() < limit:
                    time.sleep(0.1)
            for job in jobs:
                self._telling.say("File writer", f"of section {section}, {job}" if section else job)
            written.append(Written(section, FileWriterPolicy[writer.policy], jobs))
        return written

    def _play(self, director: Director, read_back: ReadBack, sections: Sequence[PlayedSection]) -> Snapshot:
        scenario = self._scenario
        director.triggers, director.period = scenario.triggers, scenario.trigger_period
        director.run_title, director.run_metadata = scenario.title, scenario.metadata
        director.run_seed = scenario.seed
        self._telling.parts(sections)
        director.start()
        read_back.begin(director.run_id)
        for section in sections:
            section.read_back.begin(section.below.run_id(director.run_id))
        began = time.monotonic()
        try:
            self._telling.say("Run", f"{director.run_id}{f', {scenario.title}' if scenario.title else ''}")
            end = follow(director, self._console)
        except KeyboardInterrupt:
            if not scenario.is_endless:
                seconds = time.monotonic() - began
                said = f"after {seconds:.1f} s: the run is aborted, nothing is read back"
                self._telling.say("Interrupted", said)
                raise
            end = self._stop(director)
        late = f", {counted(end.overruns, 'trigger')} late" if end.overruns else ""
        self._telling.say("Played", f"{time.monotonic() - began:.1f} s{late}")
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


def _differences(scenario: Scenario, broker: str, data: RunData) -> list[str]:
    """Return a line for each topic that the scenario wants otherwise than it was already there."""
    from donki_client.scenario.topics import differences  # noqa: PLC0415 - as at the end

    wanted = TopicSettings(scenario.partitions, scenario.replication)
    return differences(broker, wanted, {stream.topic for stream in data.streams if stream.topic})
