"""A scenario: a whole experiment as data. How it is read from a file: `donki_client.scenario.file`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    BeforeValidator,
    Field,
    JsonValue,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from donki.director.rules.pace import check_period
from donki.director.rules.sequence_state import ENDLESS, check_triggers
from donki.errors import InputError
from donki.json_text import to_json
from donki.streams.kafka.brokers import parse_brokers
from donki.streams.kafka.clients import DEFAULT
from donki.streams.kafka.topics.settings import (
    BROKERS_OWN,
    MOST_PARTITIONS,
    MOST_REPLICAS,
    check_partitions,
    check_replication,
)
from donki_client.address import Address
from donki_client.scenario.model.fields import (
    FOLDER,
    KafkaClient,
    Part,
    PlayerName,
    Rate,
    Time,
    obeying,
    problem,
)
from donki_client.scenario.model.outputs import ScenarioFiles, ScenarioFileWriter, as_file_writer, as_files
from donki_client.scenario.model.player import ScenarioPlayer
from donki_client.scenario.model.section import ScenarioSection


def _check_title(title: str) -> None:
    if wrong := "".join(letter for letter in title if ord(letter) > 255):
        raise InputError(f"Tango takes the letters of Latin-1 alone, not {wrong!r:.80}; got {title!r:.200}")


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**63:
        raise InputError(f"a whole number from 0 to 2**63 - 1; got {seed}")


def _by_server(players: Mapping[str, ScenarioPlayer]) -> dict[str, list[str]]:
    """Return the Players of each server, as Tango sees their names; one without a server is its own."""
    servers: dict[str, list[str]] = {}
    for name, player in players.items():
        servers.setdefault((player.server or name).lower(), []).append(name)
    return servers


def _one_server(server: str, name: str, first: str, players: Mapping[str, ScenarioPlayer]) -> str:
    """Say why two Players cannot be in servers of these names."""
    one, other = players[name].server, players[first].server
    if one and other:
        return f"its server {one!r} is {other!r}, that of {first!r}, to Tango, which ignores case; rename one"
    alone = first if one else name
    return (
        f"the server {server!r} is named after Player {alone!r}, which names none; "
        f"have it say server: {one or other}, or rename the server"
    )


class Scenario(Part):
    """A whole experiment: who plays what, how often, and where the data go."""

    title: Annotated[str, obeying(_check_title)] = Field(default="", examples=["Kafka example, in parallel"])
    """Title of the run."""

    metadata: Annotated[dict[str, JsonValue], obeying(partial(to_json, "metadata"))] = Field(
        default={}, examples=[{"proposal": 123456}]
    )
    """What is kept with the data."""

    seed: Annotated[int, obeying(_check_seed), Field(json_schema_extra={"minimum": 0})] | None = None
    """Of all random numbers, so that the run repeats byte for byte; none: another at each run."""

    triggers: Annotated[
        int,
        obeying(check_triggers),
        Field(json_schema_extra={"minimum": -1, "not": {"const": 0}}, examples=[100]),
    ]
    """How many; -1: until Ctrl-C."""

    rate: Rate | None = Field(default=None, examples=["14 Hz"])
    """Triggers a second; neither rate nor period: as fast as the Players answer."""

    period: Annotated[Time, obeying(check_period)] | None = Field(default=None, examples=["71.4 ms"])
    """From trigger to trigger, in place of the rate."""

    database: Annotated[str, obeying(Address.parse)] | None = Field(
        default=None, examples=["localhost:10000"]
    )
    """HOST:PORT of the Tango database; none: TANGO_HOST, else one is started for the run."""

    broker: Annotated[str, obeying(parse_brokers)] | None = Field(default=None, examples=["localhost:9092"])
    """HOST:PORT of a Kafka broker, several of a cluster with commas; none: DONKI_BROKER, else one is started
    in memory for the run."""

    kafka_client: KafkaClient = DEFAULT
    """The Players' Kafka client library; confluent-kafka is faster and an extra."""

    partitions: Annotated[
        int,
        obeying(check_partitions),
        Field(json_schema_extra={"minimum": 1, "maximum": MOST_PARTITIONS}, examples=[3]),
    ] = 1
    """How many partitions the Players' Kafka topics are made with; a source's messages stay in one."""

    replication: Annotated[
        int,
        obeying(check_replication),
        Field(json_schema_extra={"minimum": BROKERS_OWN, "maximum": MOST_REPLICAS}, examples=[3]),
    ] = BROKERS_OWN
    """How many brokers keep a copy of each Kafka topic that is made; 0: as many as the brokers are set to."""

    hdf5: Annotated[ScenarioFiles | None, BeforeValidator(as_files)] = Field(
        default=None, examples=["data", {"folder": "data", "compression": "gzip"}]
    )
    """The Players' NeXus files: their folder, relative to the scenario's, or a mapping; none: no files."""

    file_writer: Annotated[ScenarioFileWriter | None, BeforeValidator(as_file_writer)] = Field(
        default=None, examples=["loki_filewriter", {"topic": "loki_filewriter", "policy": "REQUIRE"}]
    )
    """The ESS file writers that record the run: their topic, or a mapping; none: they are not told of it."""

    sections: dict[PlayerName, ScenarioSection] = Field(
        default={}, examples=[{"detectors": {"scenario": "detectors.yaml"}}]
    )
    """Other scenarios by name, each with a Director of its own, which is played as a Player."""

    players: dict[PlayerName, ScenarioPlayer] = Field(examples=[{"panel": {"script": "run_player_0.py"}}])
    """The Players by name."""

    _of_sections: dict[str, Scenario] = PrivateAttr(default_factory=dict)

    @field_validator("players")
    @classmethod
    def _somebody_plays(
        cls, players: Mapping[str, ScenarioPlayer], info: ValidationInfo
    ) -> Mapping[str, ScenarioPlayer]:
        sections: Mapping[str, ScenarioSection] = info.data.get("sections", {})
        if not players and not sections:
            raise problem("there is no Player; name at least one, with its script")
        parts: list[ScenarioPlayer | ScenarioSection] = [*players.values(), *sections.values()]
        if all(part.priority < 0 for part in parts):
            raise problem("every Player is disabled; give one a priority of 0 or more")
        return players

    @field_validator("players")
    @classmethod
    def _names_differ(cls, players: Mapping[str, ScenarioPlayer]) -> Mapping[str, ScenarioPlayer]:
        seen: dict[str, str] = {}
        for name in players:
            other = seen.setdefault(name.lower(), name)
            if other != name:
                raise problem(f"Player {name!r} is {other!r} to Tango, which ignores case; rename one", name)
        return players

    @field_validator("players")
    @classmethod
    def _servers_are_on_one_host(cls, players: Mapping[str, ScenarioPlayer]) -> Mapping[str, ScenarioPlayer]:
        for server, names in _by_server(players).items():
            first, *others = names
            for name in others:
                player, host = players[name], players[first].host
                if player.server != players[first].server:
                    raise problem(_one_server(server, name, first, players), name)
                if host != player.host:
                    raise problem(
                        f"its server {player.server!r} holds {first!r} too, on host {host or 'this one'!r}; "
                        f"a server is on one host, got {player.host or 'this one'!r}",
                        name,
                    )
        return players

    @model_validator(mode="after")
    def _paced_once(self) -> Self:
        if self.rate is not None and self.period is not None:
            raise problem("the rate is given too; leave one out", "period")
        return self

    def played_by(self, section: str) -> Scenario:
        """Return the scenario of a section, as it was read."""
        return self._of_sections[section]

    def take_section(self, name: str, scenario: Scenario) -> None:
        """Take what was read from the file of a section."""
        # A copy of this one keeps what it had.
        self._of_sections = {**self._of_sections, name: scenario}

    @property
    def trigger_period(self) -> float:
        """From trigger to trigger in s, 0 for as fast as the Players answer.

        Of a rate: whole ns, rounded down as at the ESS, 71,428,571 ns at 14 Hz.
        """
        if self.period is not None:
            return self.period
        return math.floor(1e9 / self.rate) / 1e9 if self.rate else 0.0

    @property
    def is_endless(self) -> bool:
        """Whether it plays until Ctrl-C."""
        return self.triggers == ENDLESS


def schema_text() -> str:
    """Return the JSON schema of a scenario, for editors."""
    described = Scenario.model_json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **described}, indent=2)


def paths_in(folder: Path) -> Mapping[str, Path]:
    """Return the validation context in which paths are relative to a folder."""
    return {FOLDER: folder}
