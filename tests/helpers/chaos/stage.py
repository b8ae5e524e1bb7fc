"""The stage: a database, a broker, a Director, three Players and a section, killed, silenced and restarted."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import psutil
import tango

from donki.errors import DonkiError
from donki_client.address import Address
from donki_client.facility.database import start_database
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.processes import Child, Processes
from donki_client.facility.servers import READY, command_line, register
from helpers.brokers import Broker
from helpers.chaos.layout import APART, DIRECTOR, NAMES, PREFIX, SECTION, Layout, player_name, topic
from helpers.chaos.plan import Plan
from helpers.host_world import RemoteHost
from helpers.support import free_port, wait_until

TESTS = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "scripts" / "witness.py"
DATABASE = "database"
START_LIMIT = 90.0
GOING_ON = ("RUNNING", "ALARM", "STANDBY")
#: What a Director says that was initialised without the database.
UNREAD = "the Tango database cannot be read"
TRACEBACK = "Traceback (most recent call last)"


class Size(NamedTuple):
    """What a process holds."""

    pid: int
    threads: int
    files: int


class Stage:
    """Servers by their names: ``director``, ``database``, ``a``, ``b``, ``c``, ``s``; gone when the block ends.

    Attributes
    ----------
    layout
        where the Players are
    journals
        by the name of the Director and the section; that of the Director first
    deaths
        how often each server was killed
    broker_began
        when the broker was started last, ns since 1970; one in memory lost everything then
    """

    def __init__(self, folder: Path, broker: Broker, layout: Layout = APART) -> None:
        self.folder = folder
        self.layout = layout
        self.broker = broker
        self.journals = {name: folder / f"runs-{name}" / "journal.sqlite" for name in layout.conductors}
        self.files = folder / "files"
        self._clock = folder / "clock"
        # Not one of the kernel's own: a client that tries it while the database is dead may connect to itself.
        self.database = Address("127.0.0.1", free_port())
        self.deaths = dict.fromkeys((DIRECTOR, DATABASE, "broker", *layout.names), 0)
        self.broker_began = 0
        self._starting: set[str] = set()
        self._silent: set[str] = set()
        self._children: dict[str, Child] = {}
        self._read: dict[int, int] = {}
        self._tracebacks: list[tuple[str, str]] = []
        self._killed: set[str] = set()
        self._crashes: list[str] = []
        self._base = Processes(folder)
        self._processes = Processes(folder)

    def __enter__(self) -> Self:
        self.files.mkdir(parents=True, exist_ok=True)
        self.set_clock(0)
        try:
            self.start(DATABASE)
            self.wait_ready(DATABASE)
            self.servers = self._servers()
            for server in self.servers.values():
                register(self.database, server)
            for name in self.servers:
                if name not in self._children:
                    self.start(name)
            for name in self.servers:
                self.wait_ready(name)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in tuple(self._silent):
            self.resume(name)
        self._processes.stop()
        self._base.stop()

    def proxy(self, name: str) -> tango.DeviceProxy:
        """Return a fresh proxy of the Director, the section or a Player."""
        return tango.DeviceProxy(f"tango://{self.database.tango_host}/{self.servers[name].device}")

    def pid(self, name: str) -> int:
        """Return the process of a server, the database or the broker."""
        return self.broker.pid if name == "broker" else self._children[name].pid

    def is_alive(self, name: str) -> bool:
        """Return whether its process runs."""
        if name == "broker":
            return self.broker._child is not None
        return self._children[name].is_alive

    def kill(self, name: str) -> None:
        """End a server by SIGKILL."""
        for other in self.layout.sharing(name):
            self._silent.discard(other)
            self._starting.discard(other)
            self.deaths[other] += 1
        if name == "broker":
            self.broker.kill()
        else:
            self._killed.update(self.layout.sharing(name))
            self._children[name].kill()
            if name in self.servers:
                self._read_log(name)

    def start(self, name: str) -> None:
        """Start a server that does not run; returns at once but for the broker, which is ready then."""
        if name == "broker":
            self.broker.start()
            self.broker_began = time.time_ns()
            return
        for other in self.layout.sharing(name):
            self._note_crash(other)
        if name == DATABASE:
            self._children[name] = self._start_database()
        else:
            server = self.servers[name]
            command, environment = command_line(self.database, server)
            if name == DIRECTOR:
                command[command.index(server.module)] = "helpers.clocked_director"
                environment |= {"DONKI_TEST_CLOCK": str(self._clock), "PYTHONPATH": str(TESTS)}
            child = self._start_server(name, command, environment)
            self._children |= dict.fromkeys(self.layout.sharing(name), child)
        self._starting.update(self.layout.sharing(name))

    def wait_ready(self, name: str) -> None:
        """Wait until a server that was started answers."""
        if name in self._starting:
            self._await_ready(name)
            self._starting.discard(name)

    def _start_database(self) -> Child:
        return start_database(self._base, self.folder, self.database).child

    def _start_server(self, name: str, command: list[str], environment: dict[str, str]) -> Child:
        return self._processes.start(self.servers[name].name, command, environment)

    def _await_ready(self, name: str) -> None:
        pattern = r"listening on: host=" if name == DATABASE else READY
        self._children[name].wait_for(pattern, START_LIMIT)

    def host(self, name: str) -> RemoteHost:
        """Return the host of a Player or the section."""
        raise NotImplementedError(f"{name} is on this machine")

    def kill_host(self, name: str) -> None:
        """End all processes on the host of a Player or the section; it boots when its server is started."""
        raise NotImplementedError(f"{name} is on this machine")

    def silence(self, name: str) -> None:
        """Stop a process (SIGSTOP): its connections stay open, nothing is answered."""
        self._silent.add(name)
        os.kill(self.pid(name), signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a silent process go on."""
        if name in self._silent:
            self._silent.discard(name)
            os.kill(self.pid(name), signal.SIGCONT)

    def set_clock(self, seconds: int) -> None:
        """Set the clock of the Director, by so much beside the true one."""
        new = self._clock.with_suffix(".new")
        new.write_text(str(seconds * 10**9))
        new.rename(self._clock)

    def delete_journal(self) -> None:
        """Delete the journal while the Director writes it."""
        journal = self.journals[DIRECTOR]
        for path in journal.parent.glob(f"{journal.name}*"):
            path.unlink()

    def limit_disk(self, name: str, left: int | None) -> None:
        """Let the files of a Player grow by so many bytes at most; None: without a limit."""
        if self.is_alive(name):
            sizes = [path.stat().st_size for path in self.files.glob(f"*_{player_name(name)}*.nxs")]
            limit = psutil.RLIM_INFINITY if left is None else max(sizes, default=0) + left
            psutil.Process(self.pid(name)).rlimit(psutil.RLIMIT_FSIZE, (limit, psutil.RLIM_INFINITY))

    def mend(self) -> None:
        """Make everything run and answer again, whatever was done to it; the Players idle."""
        for name in tuple(self._silent):
            self.resume(name)
        if not self.is_alive("broker"):
            self.start("broker")
        for name in (DATABASE, DIRECTOR, *self.layout.names):
            self._revive(name)
        for name in NAMES:
            self.limit_disk(name, None)
        for name in (DIRECTOR, *self.layout.names):
            wait_until(f"{name} is idle", lambda name=name: self._is_idle(name), START_LIMIT)
        # As an operator does who had it initialised while the database was dead.
        director = self.proxy(DIRECTOR)
        self.initialise_unread(director)
        # Apache Kafka takes a while to answer on a busy machine after its start.
        limit = time.monotonic() + START_LIMIT
        with suppress(tango.DevFailed):
            while any("broker" in line for line in director.Check()) and time.monotonic() < limit:
                time.sleep(0.2)

    def initialise_unread(self, device: tango.DeviceProxy) -> None:
        """Initialise a device that could not read the database until it can: Tango itself tries once a second."""

        def has_read() -> bool:
            if is_unread := UNREAD in device.Status():
                device.Init()
                time.sleep(0.3)
            return not is_unread

        wait_until(f"{device.dev_name()} has read the database", has_read, START_LIMIT)

    def _revive(self, name: str) -> None:
        if not self.is_alive(name):
            if name in self.servers:
                self._read_log(name)
            # A server that was not killed from here died of its script.
            for other in self.layout.sharing(name):
                self.deaths[other] += other not in self._starting
            if name != DATABASE:
                self.wait_ready(DATABASE)
            self.start(name)

    def _is_idle(self, name: str) -> bool:
        """Look whether a server answers and no script runs; start it again if it has died."""
        self._revive(name)
        try:
            self.wait_ready(name)
            return name == DIRECTOR or self.proxy(name).state() != tango.DevState.RUNNING
        except (tango.DevFailed, DonkiError):
            return False

    def stop_players(self, limit: float) -> list[str]:
        """Stop the Players that are still set up after a while; return their names."""
        players = {name: self.proxy(name) for name in NAMES}
        until = time.monotonic() + limit
        while left := [name for name, player in players.items() if player.state() == tango.DevState.STANDBY]:
            if time.monotonic() > until:
                break
            time.sleep(0.02)
        for name in left:
            players[name].Stop()
        return left

    def prepare(self, plan: Plan) -> None:
        """Give the Players their settings and the Director its own."""
        self.set_clock(0)
        for name, part in plan.parts.items():
            player = self.proxy(name)
            if name == SECTION:
                self._rest(player)
            else:
                player.Stop()
                player.Reset()
                parameters = {
                    "notes": str(self.notes(plan)),
                    "topic": topic(name),
                    "sleep": part.sleep,
                    "mishaps": part.mishaps,
                }
                player.Parameters = json.dumps(parameters)
            player.write_attributes(
                [
                    ("Priority", part.priority),
                    ("Timeout", part.timeout),
                    ("OnError", int(part.on_error)),
                    ("Retries", part.retries),
                ]
            )
        director = self.proxy(DIRECTOR)
        director.write_attributes(
            [
                ("Triggers", plan.triggers),
                ("Period", plan.period),
                ("RunTitle", f"round {plan.number}"),
                ("RunMetadata", json.dumps({"seed": plan.seed, "round": plan.number})),
            ]
        )

    def _rest(self, section: tango.DeviceProxy) -> None:
        """Have the section leave a run that nobody ended, and forget that it failed."""
        if str(section.state()) in GOING_ON:
            section.Stop()
            wait_until("the section ends", lambda: str(section.state()) not in GOING_ON)
        if section.state() == tango.DevState.FAULT:
            section.Reset()

    def notes(self, plan: Plan) -> Path:
        """Return the file in which the Players bear witness of a round."""
        return self.folder / f"notes-{plan.number}.jsonl"

    def sizes(self) -> dict[str, Size]:
        """Return what each device server holds now."""
        found = {}
        for name in (DIRECTOR, *self.layout.names):
            process = psutil.Process(self.pid(name))
            found[name] = Size(process.pid, process.num_threads(), process.num_fds())
        return found

    def take_tracebacks(self) -> list[tuple[str, str]]:
        """Return what the device servers have written of errors that nobody expected, once."""
        for name in self.servers:
            self._read_log(name)
        taken, self._tracebacks = self._tracebacks, []
        return taken

    def take_crashes(self) -> list[str]:
        """Return what servers were ended by signals that did not come from here, since the last time."""
        taken, self._crashes = self._crashes, []
        return taken

    def clear(self, plan: Plan, runs: Iterable[str]) -> None:
        """Remove what a round has written; the journal stays."""
        self.notes(plan).unlink(missing_ok=True)
        for run in runs:
            for folder in (self.files, *(journal.parent for journal in self.journals.values())):
                for path in folder.glob(f"{run}*.nxs"):
                    path.unlink()

    def _note_crash(self, name: str) -> None:
        status = self._children[name].wait(1) if name in self._children else 0
        if name not in self._killed and status is not None and status < 0:
            self._crashes.append(f"{name}: {signal.Signals(-status).name}")
        self._killed.discard(name)

    def _read_log(self, name: str) -> None:
        child = self._children[name]
        # A Starter makes it when it launches the server.
        text = child.log.read_text(errors="replace") if child.log.exists() else ""
        read = self._read.get(child.pid, 0)
        self._read[child.pid] = len(text)
        where = text.find(TRACEBACK, read)
        if where >= 0:
            self._tracebacks.append((name, text[where : where + 2000]))

    def _servers(self) -> dict[str, DeviceServer]:
        servers = {
            name: DeviceServer.player(
                player_name(name), SCRIPT, KafkaBrokers=self.broker.address, FileDirectory=str(self.files)
            )
            for name in NAMES
        }
        for name in self.layout.together:
            servers[name] = replace(servers[name], instance=f"{PREFIX}-together")
        if self.layout.section:
            servers[SECTION] = DeviceServer.section(player_name(SECTION))
        servers[DIRECTOR] = DeviceServer.director(PREFIX)
        for conductor, journal in self.journals.items():
            # As patterns: so they are looked for in the database.
            patterns = [f"{servers[name].device}*" for name in self.layout.players_of(conductor)]
            servers[conductor] = servers[conductor].with_properties(
                {"PlayerDevices": patterns, "RunDirectory": str(journal.parent)}
            )
        return servers
