"""The device servers of a scenario, with the properties that it sets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from donki.limits import OnError
from donki_client.address import Address
from donki_client.facility.device_server import DeviceServer
from donki_client.scenario.model import Below, Scenario, ScenarioFiles, ScenarioFileWriter
from donki_client.scenario.placement.choice import ServerChoice


def director_server(scenario: Scenario, name: str, journal: Path, broker: str) -> DeviceServer:
    """Return the Director, which has that folder for its journal."""
    return DeviceServer.director(name, **_director_properties(scenario, journal, broker))


def section_server(below: Below, journal: Path, broker: str) -> DeviceServer:
    """Return the Director of a section, which has that folder for its journal."""
    section = below.section
    server = DeviceServer.section(
        below.name,
        priority=section.priority,
        timeout=section.timeout,
        on_error=OnError[section.on_error],
        retries=section.retries,
        **_director_properties(below.scenario, journal, broker),
    )
    return replace(server, host=section.host)


def _director_properties(scenario: Scenario, journal: Path, broker: str) -> dict[str, str | list[str]]:
    writer = scenario.file_writer
    return {
        "PlayerDevices": [
            *(f"donki/player/{player}" for player in scenario.players),
            *(section_device(name, scenario.played_by(name).database) for name in scenario.sections),
        ],
        "RunDirectory": str(journal),
        "TopicReplication": str(scenario.replication),
        **({"KafkaBrokers": broker, **_file_writer_properties(writer)} if writer else {}),
    }


def section_device(name: str, database: str | None) -> str:
    """Return the name of a section's device, in full where it is in a database of its own."""
    device = f"donki/section/{name}"
    return f"tango://{Address.parse(database).tango_host}/{device}" if database else device


def player_servers(scenario: Scenario, choices: Iterable[ServerChoice], broker: str) -> list[DeviceServer]:
    """Return the servers of the Players, in the order of the choices."""
    return [
        DeviceServer.together(
            choice.server, [_player_server(scenario, name, broker) for name in choice.players], choice.host
        )
        for choice in choices
    ]


def _player_server(scenario: Scenario, name: str, broker: str) -> DeviceServer:
    player = scenario.players[name]
    return DeviceServer.player(
        name,
        player.script,
        priority=player.priority,
        parameters=player.parameters,
        faults=[fault.as_rule() for fault in player.faults],
        timeout=player.timeout,
        on_error=OnError[player.on_error],
        retries=player.retries,
        KafkaBrokers=broker,
        KafkaClient=scenario.kafka_client,
        TopicPartitions=str(scenario.partitions),
        TopicReplication=str(scenario.replication),
        ValuesTopic=player.values_topic,
        Aliases=[f"{value}={alias}" for value, alias in player.aliases.items()],
        ReadoutAddress=player.readout,
        DataPath=[str(folder.resolve()) for folder in player.data_path],
        **_file_properties(scenario.hdf5),
    )


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


def _file_writer_properties(writer: ScenarioFileWriter) -> dict[str, str | list[str]]:
    """Return the properties of a Director that say how file writers are told of the run."""
    return {
        "RunTopic": writer.topic,
        "FileWriterPool": writer.pool,
        "FileWriterPolicy": writer.policy,
        "FileWriterTimeout": f"{writer.timeout:.0f}",
        "FileWriterStructure": str(writer.structure.resolve()) if writer.structure else "",
        "FileWriterInstrument": writer.instrument,
    }
