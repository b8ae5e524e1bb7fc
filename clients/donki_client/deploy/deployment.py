"""What is deployed of a scenario: its servers, with paths as they are on the hosts, and what travels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from donki.errors import InputError
from donki.texts import visible
from donki_client.deploy.scripts import read, travelling_scripts
from donki_client.facility.device_server import DeviceServer, ServedDevice
from donki_client.scenario.file import instance_name
from donki_client.scenario.model import Scenario, players_in, scenarios_of, sections_below
from donki_client.scenario.placement.choice import stated
from donki_client.scenario.placement.servers import director_server, player_servers, section_server

#: Where a Director keeps its journal, in the folder that servers write to; a section in a folder of its own
#: there, as several hosts cannot write to one journal.
_JOURNAL = Path("runs")


@dataclass(frozen=True)
class Layout:
    """Where things are on the hosts.

    Attributes
    ----------
    prefix
        where DonkiOrchestra is installed, with the servers in its ``bin`` and the scripts in its ``scripts``;
        None: the scripts stay where they are on this machine
    state
        where the servers write; None: the journal in the home of their account, files as the scenario says
    inputs
        under which the folders of data are; None: they stay where they are on this machine
    """

    prefix: PurePosixPath | None = None
    state: PurePosixPath | None = None
    inputs: PurePosixPath | None = None


@dataclass(frozen=True)
class Deployment:
    """An orchestra that is to be deployed.

    Attributes
    ----------
    name
        the Director's, and the name of the whole
    source
        name of the scenario's file
    director, sections, players
        the servers; the sections each after those that play in it, the Players with those of the sections
    layout
        where things are on the hosts
    broker
        the Kafka broker of the servers
    scripts
        the content of what is in the folder of the scripts, by relative path; empty where they do not travel
    inputs
        the folders that data are read from, here by what they are on the hosts
    written
        the folders on the hosts that servers write to
    extras
        the extras of DonkiOrchestra that the servers need
    """

    name: str
    source: str
    director: DeviceServer
    sections: tuple[DeviceServer, ...]
    players: tuple[DeviceServer, ...]
    layout: Layout
    broker: str
    scripts: Mapping[str, bytes]
    inputs: Mapping[str, Path]
    written: tuple[str, ...]
    extras: tuple[str, ...]

    @property
    def servers(self) -> tuple[DeviceServer, ...]:
        """All servers, the Director's last: it is started when its Players are there."""
        return (*self.players, *self.sections, self.director)

    def by_database(self) -> dict[str, list[DeviceServer]]:
        """Return the servers of each Tango database, ``HOST:PORT``; empty: that of the orchestra."""
        found: dict[str, list[DeviceServer]] = {"": []}
        for server in self.servers:
            found.setdefault(server.database, []).append(server)
        return found

    @property
    def script_path(self) -> str:
        """The folder of the scripts on the hosts; empty where they do not travel."""
        return str(self.layout.prefix / "scripts") if self.layout.prefix else ""


def read_deployment(scenario: Scenario, file: Path, layout: Layout, broker: str) -> Deployment:
    """Return what is deployed of a scenario.

    Parameters
    ----------
    scenario
        as it was read from the file
    file
        gives the name
    layout
        where things are on the hosts
    broker
        Kafka broker of the servers, where the scenario names none

    Raises
    ------
    InputError
        when something of it cannot be on another host, or Tango cannot carry it; names it
    """
    name = instance_name(file)
    moved = _Moved(scenario, file.parent, layout)
    broker = scenario.broker or broker
    director = moved.server(director_server(scenario, name, _JOURNAL, broker))
    players = player_servers(scenario, stated(scenario), broker)
    sections: list[DeviceServer] = []
    for each in sections_below(scenario):
        own, database = each.scenario.broker or broker, each.database or ""
        section = section_server(each, _JOURNAL / each.name, own)
        sections.insert(0, replace(moved.server(section), database=database))
        servers = player_servers(each.scenario, stated(each.scenario), own)
        players += [replace(server, database=database) for server in servers]
    taken = {server.instance.lower(): server for server in players}
    if len(taken) < len(players):
        raise InputError(f"{file}: two servers have one name; rename one of {', '.join(taken)}")
    deployment = Deployment(
        name,
        visible(file.name),
        replace(director, devices=(_with_sequence(director.devices[0], scenario),)),
        tuple(sections),
        tuple(map(moved.server, players)),
        layout,
        broker,
        moved.scripts,
        moved.inputs,
        moved.written,
        _extras(list(scenarios_of(scenario))),
    )
    for server in deployment.servers:
        _check_letters(server)
    return deployment


def property_values(device: ServedDevice) -> dict[str, list[str]]:
    """Return the properties of a device as the database has them, each a list."""
    return {
        name: [value] if isinstance(value, str) else list(value) for name, value in device.properties.items()
    }


def _with_sequence(device: ServedDevice, scenario: Scenario) -> ServedDevice:
    """Return the Director with what a run of the scenario sets."""
    memorized = {"Triggers": str(scenario.triggers), "Period": repr(scenario.trigger_period)}
    return replace(device, memorized=memorized)


class _Moved:
    """The paths of a scenario and its sections as they are on the hosts, and what travels there.

    Parameters
    ----------
    scenario, folder
        the one at the top, and where its file is
    layout
        where things are on the hosts
    """

    def __init__(self, scenario: Scenario, folder: Path, layout: Layout) -> None:
        self._layout = layout
        players = players_in(scenario)
        self.scripts = travelling_scripts(players) if layout.prefix else {}
        structures = [part.file_writer.structure for part in scenarios_of(scenario) if part.file_writer]
        self._structures = {str(path.resolve()): self._travel(path) for path in structures if path}
        self.inputs: dict[str, Path] = {}
        self._inputs = {
            str(data.resolve()): str(self._input(data.resolve()))
            for player in players.values()
            for data in player.data_path
        }
        parts = [(scenario, folder)]
        parts += [(each.scenario, each.section.scenario.parent) for each in sections_below(scenario)]
        files = [(part.hdf5.folder.resolve(), beside.resolve()) for part, beside in parts if part.hdf5]
        self._files = {str(path): self._written(path, beside) for path, beside in files}
        outside = [path for path in self._files.values() if not self._is_state(path)]
        written = [*([layout.state] if layout.state else []), *outside]
        self.written = tuple(dict.fromkeys(map(str, written)))

    def _travel(self, structure: Path) -> str:
        """Have a structure for file writers be among the scripts; return its path on the hosts."""
        if not self._layout.prefix:
            return str(structure.resolve())
        content = read(structure)
        if self.scripts.setdefault(structure.name, content) != content:
            raise InputError(f"{structure}: another file has that name too; rename one of them")
        return str(self._layout.prefix / "scripts" / structure.name)

    def _is_state(self, path: PurePosixPath) -> bool:
        return bool(self._layout.state and path.is_relative_to(self._layout.state))

    def _input(self, data: Path) -> PurePosixPath:
        """Return where a folder of data is on the hosts."""
        if not self._layout.inputs:
            return PurePosixPath(data)
        there = self._layout.inputs / data.name
        if self.inputs.setdefault(str(there), data) != data:
            raise InputError(f"{self.inputs[str(there)]} and {data} have one name on the hosts; rename one")
        return there

    def _written(self, files: Path, folder: Path) -> PurePosixPath:
        """Return where the NeXus files go: what is relative to the scenario is so to the state."""
        if self._layout.state and files.is_relative_to(folder):
            return self._layout.state / files.relative_to(folder)
        return PurePosixPath(files)

    def server(self, server: DeviceServer) -> DeviceServer:
        """Return a server with its paths on the hosts."""
        return replace(server, devices=tuple(map(self._device, server.devices)))

    def _device(self, device: ServedDevice) -> ServedDevice:
        """Return a device with its paths on the hosts; lists that have no value are left out."""
        layout, given = self._layout, device.properties
        properties = dict(given)
        if journal := given.get("RunDirectory"):
            # Without a value, it would be told of the file writers of others.
            properties |= {"RunTopic": given.get("RunTopic", "")}
            properties |= {"RunDirectory": str(layout.state / str(journal)) if layout.state else ""}
        if layout.prefix and "ScriptPath" in given:
            properties["ScriptPath"] = str(layout.prefix / "scripts")
        if structure := given.get("FileWriterStructure"):
            properties["FileWriterStructure"] = self._structures[str(structure)]
        if files := given.get("FileDirectory"):
            properties["FileDirectory"] = str(self._files[str(files)])
        properties["DataPath"] = [self._inputs[data] for data in given.get("DataPath", [])]
        return replace(device, properties={name: value for name, value in properties.items() if value != []})


def _extras(scenarios: Sequence[Scenario]) -> tuple[str, ...]:
    extras = set()
    if any(scenario.kafka_client == "confluent-kafka" for scenario in scenarios):
        extras.add("fast")
    compressions = {scenario.hdf5.compression for scenario in scenarios if scenario.hdf5}
    if compressions - {"", "gzip", "lzf"}:
        extras.add("compression")
    return tuple(sorted(extras))


def _check_letters(server: DeviceServer) -> None:
    for device in server.devices:
        values = {**device.properties, **device.memorized}
        for name, value in values.items():
            for text in [value] if isinstance(value, str) else value:
                if wrong := "".join(letter for letter in text if ord(letter) > 255):
                    raise InputError(
                        f"{device.name}: Tango takes the letters of Latin-1 alone, in folders too;"
                        f" {name} has {wrong!r:.80}"
                    )
