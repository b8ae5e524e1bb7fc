"""What is deployed of a scenario: its servers, with paths as they are on the hosts, and what travels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from donki.errors import InputError
from donki.texts import visible
from donki_client.deploy.scripts import read, travelling_scripts
from donki_client.facility.device_server import DeviceServer, ServedDevice
from donki_client.scenario.file import instance_name
from donki_client.scenario.model import Scenario
from donki_client.scenario.placement.choice import stated
from donki_client.scenario.placement.servers import director_server, player_servers


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
    director, players
        the servers
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
        return (*self.players, self.director)

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
    if scenario.sections:
        raise InputError(
            f"{file}: the sections {', '.join(scenario.sections)} are not deployed; take them out of what is "
            "deployed, and register their servers (DonkiSection) by hand"
        )
    name = instance_name(file)
    moved = _Moved(scenario, file.parent.resolve(), layout)
    broker = scenario.broker or broker
    director = director_server(scenario, name, Path(), broker)
    players = player_servers(scenario, stated(scenario), broker)
    taken = {server.instance.lower(): server for server in players}
    if len(taken) < len(players):
        raise InputError(f"{file}: two servers have one name; rename one of {', '.join(taken)}")
    deployment = Deployment(
        name,
        visible(file.name),
        replace(director, devices=(_with_sequence(moved.device(director.devices[0]), scenario),)),
        tuple(replace(server, devices=tuple(map(moved.device, server.devices))) for server in players),
        layout,
        broker,
        moved.scripts,
        moved.inputs,
        moved.written,
        _extras(scenario),
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
    """Return the Director with what a run of the scenario sets, and no file writers where it names none."""
    memorized = {"Triggers": str(scenario.triggers), "Period": repr(scenario.trigger_period)}
    return replace(device, properties={"RunTopic": "", **device.properties}, memorized=memorized)


class _Moved:
    """The paths of a scenario as they are on the hosts, and what travels there."""

    def __init__(self, scenario: Scenario, folder: Path, layout: Layout) -> None:
        self._layout = layout
        self.scripts = travelling_scripts(scenario.players) if layout.prefix else {}
        self._structure = self._travel(scenario) if layout.prefix else ""
        self.inputs: dict[str, Path] = {}
        self._inputs = {
            str(data.resolve()): str(self._input(data.resolve()))
            for player in scenario.players.values()
            for data in player.data_path
        }
        files = scenario.hdf5.folder.resolve() if scenario.hdf5 else None
        self._files = str(self._written(files, folder)) if files else ""
        journal = [str(layout.state)] if layout.state else []
        inside = layout.state and PurePosixPath(self._files).is_relative_to(layout.state)
        self.written = (*journal, *([self._files] if self._files and not inside else []))

    def _travel(self, scenario: Scenario) -> str:
        """Have the structure for file writers be among the scripts; return its path there."""
        structure = scenario.file_writer and scenario.file_writer.structure
        if not structure or not self._layout.prefix:
            return ""
        if structure.name in self.scripts:
            raise InputError(f"{structure}: a script has that name too; rename one of them")
        self.scripts[structure.name] = read(structure)
        return str(self._layout.prefix / "scripts" / structure.name)

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

    def device(self, device: ServedDevice) -> ServedDevice:
        """Return a device with its paths on the hosts; lists that have no value are left out."""
        layout = self._layout
        paths: dict[str, str | list[str]] = {}
        if "RunDirectory" in device.properties:
            paths["RunDirectory"] = str(layout.state / "runs") if layout.state else ""
        if layout.prefix and "ScriptPath" in device.properties:
            paths["ScriptPath"] = str(layout.prefix / "scripts")
        if self._structure and "FileWriterStructure" in device.properties:
            paths["FileWriterStructure"] = self._structure
        if device.properties.get("FileDirectory"):
            paths["FileDirectory"] = self._files
        paths["DataPath"] = [self._inputs[data] for data in device.properties.get("DataPath", [])]
        properties = {**device.properties, **paths}
        return replace(device, properties={name: value for name, value in properties.items() if value != []})


def _extras(scenario: Scenario) -> tuple[str, ...]:
    extras = set()
    if scenario.kafka_client == "confluent-kafka":
        extras.add("fast")
    if scenario.hdf5 and scenario.hdf5.compression not in ("", "gzip", "lzf"):
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
