"""A real orchestra for tests: a Tango database, a Director and Players, each in a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import tango

from donki.device.errors import message_of
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility
from donki_client.facility.processes import Child
from donki_client.facility.servers import READY, command_line, register
from helpers.support import free_port, wait_until

SCRIPTS = Path(__file__).parents[1] / "integration" / "scripts"


class Orchestra:
    """One Director and its Players in a facility; Players of one orchestra share a prefix."""

    def __init__(self, facility: LocalFacility, folder: Path, prefix: str) -> None:
        self.facility = facility
        self.folder = folder
        self.prefix = prefix
        self.notes_file = folder / "notes.jsonl"
        self.players: dict[str, tango.DeviceProxy] = {}
        self.children: dict[str, Child] = {}
        self.director = None
        self._shared: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.journal = folder / "runs" / "journal.sqlite"
        self.director_server = DeviceServer.director(
            prefix, PlayerDevices=[f"donki/player/{prefix}-*"], RunDirectory=str(self.journal.parent)
        )

    def proxy(self, device: str) -> tango.DeviceProxy:
        proxy = tango.DeviceProxy(f"tango://{self.facility.database.tango_host}/{device}")
        # On a busy machine more than Tango's 3 s may pass.
        proxy.set_timeout_millis(20_000)
        return proxy

    def player_server(self, name: str, script: Path = SCRIPTS / "scripted.py", **more) -> DeviceServer:
        return DeviceServer.player(f"{self.prefix}-{name}", script, priority=0, **more)

    def start(self, *names: str, director: bool = True, server: str = "", **more) -> None:
        """Start Players, in one server where that is named, and the Director."""
        servers = [self.player_server(name, **more) for name in names]
        if server:
            servers = [DeviceServer.together(f"{self.prefix}-{server}", servers)]
            self._shared |= dict.fromkeys(names, (server, names))
        if director:
            servers.append(self.director_server)
        children = self.facility.start_servers(*servers)
        for held, child in zip(servers, children, strict=True):
            for device in held.devices:
                proxy = self.proxy(device.name)
                if held is self.director_server:
                    self.director = proxy
                    self.children["director"] = child
                else:
                    name = device.name.rpartition("/")[2].removeprefix(f"{self.prefix}-")
                    self.players[name] = proxy
                    self.children[name] = child

    def start_together(self, server: str, **scripts: Path) -> None:
        """Start Players in one server, each by its name and its script."""
        players = [self.player_server(name, script) for name, script in scripts.items()]
        (child,) = self.facility.start_servers(DeviceServer.together(f"{self.prefix}-{server}", players))
        for name, player in zip(scripts, players, strict=True):
            self.players[name] = self.proxy(player.device)
            self.children[name] = child

    def kill(self) -> None:
        """End all servers."""
        for child in self.children.values():
            if child.is_alive:
                child.kill()

    def name(self, player: str) -> str:
        return f"{self.prefix}-{player}"

    def restart(self, name: str) -> None:
        """Start the server of the Director, or of a Player and those that share it."""
        if name == "director":
            self.start()
        else:
            server, names = self._shared.get(name, ("", (name,)))
            self.start(*names, director=False, server=server)

    def set(self, name: str, **parameters) -> None:
        always = {"notes": str(self.notes_file), "gates": str(self.folder / f"gates-{name}")}
        self.players[name].Parameters = json.dumps({**always, **parameters})

    def gate(self, player: str, at: object) -> Path:
        """Close a gate: the player waits there, at "setup", "stop" or a trigger, until the file is gone."""
        gates = self.folder / f"gates-{player}"
        gates.mkdir(exist_ok=True)
        gate = gates / str(at)
        gate.touch()
        return gate

    def notes(self, what: str | None = None, player: str | None = None) -> list[dict]:
        if not self.notes_file.exists():
            return []
        # The last line may be being written.
        written = self.notes_file.read_text().rpartition("\n")[0]
        lines = [json.loads(line) for line in written.splitlines()]
        return [
            line
            for line in lines
            if what in (None, line["what"]) and (player is None or line["player"] == self.name(player))
        ]

    def refresh(self) -> None:
        """Have the Director ask everybody; on a busy machine the database takes longer than it waits."""

        def is_answered() -> bool:
            try:
                self.director.Check()
            except tango.DevFailed as failed:
                if "database does not answer within" not in message_of(failed):
                    raise
                return False
            return True

        wait_until("the database answers the Director", is_answered)

    def play(self, triggers: int, limit: float = 20.0) -> str:
        self.director.Triggers = triggers
        self.director.Start()
        return self.ended(limit)

    def state(self) -> str:
        return str(self.director.state())

    def ended(self, limit: float = 20.0) -> str:
        wait_until("the sequence ends", lambda: self.state() not in ("RUNNING", "STANDBY"), limit)
        return self.state()

    def ended_in_alarm(self, limit: float = 20.0) -> str:
        going_on = ("RUNNING", "ALARM", "STANDBY")
        wait_until("the sequence ends", lambda: self.state() not in going_on, limit)
        return self.state()

    def reset(self) -> None:
        """Make all as it was at the start, whatever a test did."""
        for gate in self.folder.glob("gates-*/*"):
            gate.unlink()
        if self.state() in ("RUNNING", "ALARM", "STANDBY"):
            self.director.Abort()
        if self.ended_in_alarm() == "FAULT":
            self.director.Reset()
        self.director.Period = 0
        self.director.RunSeed = -1
        for name, player in self.players.items():
            wait_until(f"{name} is idle", lambda player=player: str(player.state()) != "RUNNING")
            player.Stop()
            player.Reset()
            player.Timeout = 60
            player.Priority = 0
            self.set(name)
        # Last, for a Player that was still set up notes its stop.
        self.notes_file.unlink(missing_ok=True)
        self.refresh()


@contextmanager
def an_orchestra(facility: LocalFacility, folder: Path, prefix: str, *names: str, **more):
    """Start an orchestra, and end its servers when the block ends."""
    orchestra = Orchestra(facility, folder, prefix)
    try:
        orchestra.start(*names, **more)
        yield orchestra
    finally:
        orchestra.kill()


@contextmanager
def without_database(folder: Path) -> Iterator[tuple[str, str]]:
    """Start a Director and one Player, each by its own command; give their full names.

    The properties of a server without a database come from a file.
    """
    ports = {"DonkiPlayer": free_port(), "DonkiDirector": free_port()}
    player, director = (
        f"tango://127.0.0.1:{port}/a/b/{name}#dbase=no"
        for name, port in zip(("solo", "director"), ports.values(), strict=True)
    )
    file = folder / "director.properties"
    file.write_text(
        "DonkiDirector/x/DEVICE/DonkiDirector: a/b/director\n"
        f'a/b/director->PlayerDevices: "{player}"\n'
        f"a/b/director->RunDirectory: {folder / 'runs'}\n"
    )
    arguments = {"DonkiPlayer": ["-nodb", "-dlist", "a/b/solo"], "DonkiDirector": [f"-file={file}"]}
    with ExitStack() as children:
        for kind, port in ports.items():
            command = [str(Path(sys.executable).with_name(kind)), "x", *arguments[kind]]
            command += ["-ORBendPoint", f"giop:tcp:127.0.0.1:{port}"]
            child = Child(kind, command, folder / f"{kind}.log", {"TANGO_HOST": "127.0.0.1:1"})
            children.callback(child.kill)
        wait_until("the Player answers", lambda: _answers(player), 20)
        tango.DeviceProxy(player).Script = "just_action.py"
        wait_until("the Director answers", lambda: _answers(director), 20)
        wait_until("it is ready", lambda: not tango.DeviceProxy(director).Check(), 20)
        yield director, player


def _answers(device: str) -> bool:
    try:
        return tango.DeviceProxy(device).ping() >= 0
    except tango.DevFailed:
        return False


@contextmanager
def one_server(
    facility: LocalFacility, servers: list[DeviceServer], **environment: str
) -> Iterator[list[tango.DeviceProxy]]:
    """Run many devices in one server, a process of its own, with more variables in its environment."""
    for server in servers:
        register(facility.database, server)
    command, always = command_line(facility.database, servers[0])
    child = facility._servers.start(servers[0].name, command, {**always, **environment})
    try:
        child.wait_for(READY, 60)
        names = [f"tango://{facility.database.tango_host}/{server.device}" for server in servers]
        yield [tango.DeviceProxy(name) for name in names]
    finally:
        child.kill()
