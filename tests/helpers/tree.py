"""An orchestra of orchestras for tests: three levels in two Tango databases, a process for each server."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import tango

from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility
from donki_client.facility.processes import Child
from helpers.orchestra import SCRIPTS
from helpers.support import wait_until

GOING_ON = ("RUNNING", "ALARM", "STANDBY")

#: Where each Player plays: at the top, in the section ``det``, or in its section ``bank``.
PLAYERS = {"p": "top", "a": "det", "b": "det", "c": "bank"}


class Tree:
    """A Director ``top`` with a Player and a section ``det``, which has two Players and a section ``bank``.

    The top is in one Tango database, with its Player; the sections and theirs are in another one.
    """

    def __init__(self, above: LocalFacility, below: LocalFacility, folder: Path, prefix: str) -> None:
        self.folder = folder
        self.prefix = prefix
        self.notes_file = folder / "notes.jsonl"
        self.facilities = dict.fromkeys(("det", "bank", "a", "b", "c"), below) | {
            "top": above,
            "p": above,
        }
        self.children: dict[str, Child] = {}
        self.servers = {
            name: DeviceServer.player(self.name(name), SCRIPTS / "scripted.py", priority=0)
            for name in PLAYERS
        }
        det, bank = self.name("det"), self.name("bank")
        self.servers["bank"] = DeviceServer.section(
            bank, PlayerDevices=[f"donki/player/{self.name('c')}"], RunDirectory=str(self.runs("bank"))
        )
        self.servers["det"] = DeviceServer.section(
            det,
            PlayerDevices=[
                f"donki/player/{self.name('a')}",
                f"donki/player/{self.name('b')}",
                f"donki/section/{bank}",
            ],
            RunDirectory=str(self.runs("det")),
        )
        self.servers["top"] = DeviceServer.director(
            self.name("top"),
            PlayerDevices=[f"donki/player/{self.name('p')}", self.full_name("det")],
            RunDirectory=str(self.runs("top")),
        )

    def name(self, node: str) -> str:
        return f"{self.prefix}-{node}"

    def runs(self, node: str) -> Path:
        return self.folder / f"runs-{node}"

    def full_name(self, node: str) -> str:
        return f"tango://{self.facilities[node].database.tango_host}/{self.servers[node].device}"

    def start(self, *nodes: str) -> None:
        for facility in dict.fromkeys(self.facilities[node] for node in nodes):
            mine = [node for node in nodes if self.facilities[node] is facility]
            children = facility.start_servers(*(self.servers[node] for node in mine))
            self.children.update(zip(mine, children, strict=True))

    def __getitem__(self, node: str) -> tango.DeviceProxy:
        proxy = tango.DeviceProxy(self.full_name(node))
        # On a busy machine more than Tango's 3 s may pass.
        proxy.set_timeout_millis(20_000)
        return proxy

    def set(self, player: str, **parameters) -> None:
        always = {"notes": str(self.notes_file), "gates": str(self.folder / f"gates-{player}")}
        self[player].Parameters = json.dumps({**always, **parameters})

    def gate(self, player: str, at: object) -> Path:
        gates = self.folder / f"gates-{player}"
        gates.mkdir(exist_ok=True)
        gate = gates / str(at)
        gate.touch()
        return gate

    def notes(self, what: str, player: str) -> list[dict]:
        if not self.notes_file.exists():
            return []
        lines = [json.loads(line) for line in self.notes_file.read_text().splitlines()]
        return [line for line in lines if line["what"] == what and line["player"] == self.name(player)]

    def triggers(self, player: str) -> list[int]:
        return [note["trigger"] for note in self.notes("begin", player)]

    def play(self, triggers: int, limit: float = 40.0) -> str:
        self["top"].Triggers = triggers
        self["top"].Start()
        return self.ended(limit)

    def ended(self, limit: float = 40.0, node: str = "top") -> str:
        proxy = self[node]
        wait_until(f"{node} ends", lambda: str(proxy.state()) not in GOING_ON, limit)
        return str(proxy.state())

    def rows(self, node: str, query: str, *values: object) -> list[tuple]:
        with closing(sqlite3.connect(self.runs(node) / "journal.sqlite")) as connection:
            return connection.execute(query, values).fetchall()

    def ready(self) -> None:
        """Wait until all can play: a Director looks for its Players once a second."""

        def is_ready() -> bool:
            try:
                return not self["top"].Check()
            except tango.DevFailed:
                return False

        wait_until("the tree is ready", is_ready, 40)

    def reset(self) -> None:
        """Make all as it was at the start, whatever a test did."""
        for gate in self.folder.glob("gates-*/*"):
            gate.unlink()
        self.start(*(node for node, child in self.children.items() if not child.is_alive))
        for node in ("top", "det", "bank"):
            proxy = self[node]
            if str(proxy.state()) in GOING_ON:
                proxy.Abort()
            if self.ended(node=node) == "FAULT":
                proxy.Reset()
        for node in ("det", "bank", *PLAYERS):
            proxy = self[node]
            proxy.Priority, proxy.OnError, proxy.Retries, proxy.Timeout = 0, 0, 0, 60
        for player in PLAYERS:
            wait_until(f"{player} is idle", lambda player=player: str(self[player].state()) != "RUNNING")
            self[player].Stop()
            self[player].Reset()
            self.set(player)
        self["top"].Period = 0
        self["top"].RunSeed = -1
        self.notes_file.unlink(missing_ok=True)
        self.ready()


@contextmanager
def a_tree(above: LocalFacility, below: LocalFacility, folder: Path, prefix: str) -> Iterator[Tree]:
    """Start a tree, and end its servers when the block ends."""
    tree = Tree(above, below, folder, prefix)
    try:
        tree.start(*PLAYERS, "bank", "det", "top")
        yield tree
    finally:
        for child in tree.children.values():
            if child.is_alive:
                child.kill()
