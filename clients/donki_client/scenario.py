"""A scenario: a whole experiment as data. How it is read from a file: `donki_client.scenario_file`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from donki.director.pace import check_period
from donki.director.sequence import ENDLESS, check_triggers
from donki.errors import DonkiError, InputError
from donki.player.script import shipped_scripts
from donki.policy import check_retries
from donki.priority import check_priority
from donki.streams.aliases import read_aliases
from donki.streams.client import parse_address
from donki.streams.compression import check_compression
from donki.streams.faults.rule import KINDS, read_rules
from donki.streams.file_names import FILE_NAME, check_file_name, check_file_triggers
from donki.streams.kafka import find_client
from donki.streams.topic import check_topic
from donki_client.facility.address import Address
from donki_client.quantity import RATE, TIME, Kind, read_quantity

Value = TypeVar("Value")

#: The key of the validation context that holds the folder which paths are relative to.
FOLDER = "folder"

_LONGEST = 86_400  # s, of a timeout, a period or an action; the devices' own limit


def problem(text: str, key: str = "") -> PydanticCustomError:
    """Return what pydantic reports of a value; `key` is the entry below it that is meant."""
    return PydanticCustomError("scenario", "{text}", {"text": text, "key": key})


def _obeying(check: Callable[[Any], object]) -> AfterValidator:
    """Have a value pass a rule of the devices."""

    def validate(value: Value) -> Value:
        try:
            check(value)
        except DonkiError as error:
            raise problem(str(error)) from None
        return value

    return AfterValidator(validate)


def _reading(kind: Kind) -> BeforeValidator:
    def validate(value: object) -> float:
        try:
            return read_quantity(kind, value)
        except InputError as error:
            raise problem(str(error)) from None

    return BeforeValidator(validate)


def _quantity_schema(kind: Kind) -> WithJsonSchema:
    units = "|".join(kind.units)
    written = {"type": "string", "pattern": rf"^\s*[0-9.]+([eE][+-]?[0-9]+)?\s*({units})?\s*$"}
    return WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, written]})


def _check_positive(seconds: float) -> None:
    if not 0 < seconds <= _LONGEST:
        raise InputError(f"more than 0 s and at most {_LONGEST} s are accepted; got {seconds:g} s")


def _check_rate(rate: float) -> None:
    if not (rate == 0 or 1 / _LONGEST <= rate <= 1e6):
        raise InputError(
            f"from 1/{_LONGEST} Hz to 1 MHz, or 0 for as fast as the Players answer; got {rate:g} Hz"
        )


def _check_title(title: str) -> None:
    if wrong := "".join(letter for letter in title if ord(letter) > 255):
        raise InputError(f"Tango takes the letters of Latin-1 alone, not {wrong!r:.80}; got {title!r:.200}")


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**63:
        raise InputError(f"a whole number from 0 to 2**63 - 1; got {seed}")


def _in_folder(value: object, info: ValidationInfo) -> object:
    """Read a path: relative to the folder of the scenario."""
    if not isinstance(value, str) or not value:
        return value
    return Path((info.context or {}).get(FOLDER, ".")) / Path(value).expanduser()


def _find_script(value: object, info: ValidationInfo) -> object:
    """Read the path of a script: in the folder of the scenario, or one of those that come along."""
    path = _in_folder(value, info)
    if not isinstance(path, Path) or path.is_file():
        return path
    shipped = shipped_scripts()
    found = [folder / str(value) for folder in (shipped, shipped / "scenarios")]
    return next((file for file in found if file.is_file()), path)


Time = Annotated[float, _reading(TIME), _quantity_schema(TIME)]
Rate = Annotated[float, _reading(RATE), _obeying(_check_rate), _quantity_schema(RATE)]
Duration = Annotated[Time, _obeying(_check_positive)]
Topic = Annotated[str, _obeying(lambda topic: check_topic(topic) if topic else None)]
KafkaClient = Annotated[Literal["kafka-python", "confluent-kafka"], _obeying(find_client)]
PlayerName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class ScenarioFault(_Part):
    """A fault that is put into a Player's data on their way to Kafka, on purpose."""

    kind: Annotated[str, WithJsonSchema({"enum": list(KINDS)}), Field(examples=["drop"])]
    """What happens: drop, duplicate, delay, reorder, corrupt and so on."""

    rate: float | None = Field(default=None, examples=[0.01])
    """The probability by message; by trigger and stream for silence, burst and clock_jump."""

    triggers: list[int | str] | None = Field(default=None, examples=[[40, "100-120"]])
    """At these triggers alone: numbers, and spans in quotes; none: at all."""

    topic: str | None = None
    """In this topic alone."""

    source: str | None = None
    """Of this source alone."""

    length: int | None = None
    """Of silence, burst and delay: how many triggers it lasts."""

    copies: int | None = None
    """Of duplicate: how many more than one."""

    bytes: int | None = None
    """Of corrupt: how many bytes are changed."""

    share: float | None = None
    """Of pixel_ids and times_of_flight: the share of a message's events."""

    offset: Annotated[float, _reading(TIME), WithJsonSchema({"type": ["number", "string"]})] | None = Field(
        default=None, examples=["3 ms"]
    )
    """Of clock_offset and clock_jump: by how much the clock is fast; slow where it is negative."""

    @model_validator(mode="after")
    def _is_a_rule(self) -> Self:
        try:
            read_rules([self.as_rule()])
        except InputError as error:
            said = str(error).removeprefix("faults[0]").lstrip(".: ")
            key, _, text = said.partition(": ")
            raise (problem(text, key) if key in self.model_fields_set else problem(said)) from None
        return self

    def as_rule(self) -> dict[str, JsonValue]:
        """Return it as the Player's parameters have it."""
        return self.model_dump(exclude_none=True)


class ScenarioFiles(_Part):
    """The Players' NeXus files; the name of a folder alone leaves all else as it is by default."""

    folder: Annotated[Path, BeforeValidator(_in_folder), Field(examples=["data"])]
    """Where they go, relative to the scenario's folder."""

    name: Annotated[str, _obeying(check_file_name)] = FILE_NAME
    """Pattern of their names: {run}, {player} and, where it is wanted, {first}, a file's first trigger."""

    triggers: Annotated[int, _obeying(check_file_triggers), Field(json_schema_extra={"minimum": 0})] = 0
    """How many go into a file before the next one is begun; 0: all."""

    compression: Annotated[str, _obeying(check_compression)] = Field(default="", examples=["gzip"])
    """Of files that are finished: gzip, lzf, or one of the package hdf5plugin; empty: none."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Let editors accept the name of a folder too."""
        return {"anyOf": [{"type": "string"}, handler(core_schema)]}


def _as_files(value: object) -> object:
    return value if isinstance(value, Mapping | ScenarioFiles | None) else {"folder": value}


class ScenarioPlayer(_Part):
    """A Player of a scenario."""

    script: Annotated[Path, BeforeValidator(_find_script), Field(examples=["run_player_0.py"])]
    """The action script: a file relative to the scenario's, or one that comes with DonkiOrchestra."""

    parameters: dict[str, JsonValue] = Field(default={}, examples=[{"events": 12000}])
    """What the script finds in player.parameters."""

    priority: Annotated[int, _obeying(check_priority), Field(json_schema_extra={"minimum": -1})] = 0
    """Lower acts first at a trigger, the same acts in parallel, -1 is left out."""

    timeout: Duration = Field(default=60.0, examples=["2 s"])
    """How long one action may take, its data delivered."""

    on_error: Literal["ABORT", "SKIP", "RETRY", "DISABLE"] = "ABORT"
    """What a failure means: the end of the sequence, a missed trigger, another try, or out for this run."""

    retries: Annotated[int, _obeying(check_retries), Field(json_schema_extra={"minimum": 0})] = 0
    """How often a failed trigger is sent again with on_error: RETRY; then as with ABORT."""

    values_topic: Topic = Field(default="", examples=["loki_motion"])
    """Kafka topic of the values that the script returns; empty: nowhere."""

    aliases: dict[str, str] = Field(default={}, examples=[{"T": "sample_temperature"}])
    """What values that the script returns are called in Kafka and in the file, where it is another name."""

    duration: Duration | None = Field(default=None, examples=["30 ms"])
    """How long an action is thought to take, for `donki check` where nothing is measured yet."""

    faults: list[ScenarioFault] = Field(default=[], examples=[[{"kind": "drop", "rate": 0.01}]])
    """What is to befall its data on their way to Kafka, to test a pipeline; its files stay whole."""

    @property
    def all_parameters(self) -> dict[str, JsonValue]:
        """The parameters with the faults, as the Player gets them."""
        faults: list[JsonValue] = [fault.as_rule() for fault in self.faults]
        return self.parameters | {"faults": faults} if faults else self.parameters

    @field_validator("aliases")
    @classmethod
    def _are_aliases(cls, aliases: dict[str, str]) -> dict[str, str]:
        try:
            read_aliases(f"{name}={alias}" for name, alias in aliases.items())
        except InputError as error:
            raise problem(str(error)) from None
        return aliases

    @model_validator(mode="after")
    def _faults_once(self) -> Self:
        try:
            read_rules(self.parameters.get("faults"))
        except InputError as error:
            raise problem(str(error), "parameters") from None
        if self.faults and "faults" in self.parameters:
            raise problem("the parameters have faults too; keep them in one place", "faults")
        return self

    @model_validator(mode="after")
    def _retries_mean_something(self) -> Self:
        if self.retries and self.on_error != "RETRY":
            raise problem(f"counts only with on_error: RETRY; on_error is {self.on_error}", "retries")
        if self.on_error == "RETRY" and not self.retries:
            raise problem("RETRY needs retries: 1 or more", "on_error")
        return self


class Scenario(_Part):
    """A whole experiment: who plays what, how often, and where the data go."""

    title: Annotated[str, _obeying(_check_title)] = Field(default="", examples=["Kafka example, in parallel"])
    """Title of the run."""

    metadata: dict[str, JsonValue] = Field(default={}, examples=[{"proposal": 123456}])
    """What is kept with the data."""

    seed: Annotated[int, _obeying(_check_seed), Field(json_schema_extra={"minimum": 0})] | None = None
    """Of all random numbers, so that the run repeats byte for byte; none: another at each run."""

    triggers: Annotated[
        int,
        _obeying(check_triggers),
        Field(json_schema_extra={"minimum": -1, "not": {"const": 0}}, examples=[100]),
    ]
    """How many; -1: until Ctrl-C."""

    rate: Rate | None = Field(default=None, examples=["14 Hz"])
    """Triggers a second; neither rate nor period: as fast as the Players answer."""

    period: Annotated[Time, _obeying(check_period)] | None = Field(default=None, examples=["71.4 ms"])
    """From trigger to trigger, in place of the rate."""

    database: Annotated[str, _obeying(Address.parse)] | None = Field(
        default=None, examples=["localhost:10000"]
    )
    """HOST:PORT of the Tango database; none: TANGO_HOST, else one is started for the run."""

    broker: Annotated[str, _obeying(parse_address)] | None = Field(default=None, examples=["localhost:9092"])
    """HOST:PORT of a Kafka broker; none: DONKI_BROKER, else one is started in memory for the run."""

    kafka_client: KafkaClient = "kafka-python"
    """The Players' Kafka client library; confluent-kafka is faster and an extra."""

    hdf5: Annotated[ScenarioFiles | None, BeforeValidator(_as_files)] = Field(
        default=None, examples=["data", {"folder": "data", "compression": "gzip"}]
    )
    """The Players' NeXus files: their folder, relative to the scenario's, or a section; none: no files."""

    players: dict[PlayerName, ScenarioPlayer] = Field(examples=[{"panel": {"script": "run_player_0.py"}}])
    """The Players by name."""

    @field_validator("players")
    @classmethod
    def _names_differ(cls, players: Mapping[str, ScenarioPlayer]) -> Mapping[str, ScenarioPlayer]:
        if not players:
            raise problem("there is no Player; name at least one, with its script")
        seen: dict[str, str] = {}
        for name in players:
            other = seen.setdefault(name.lower(), name)
            if other != name:
                raise problem(f"Player {name!r} is {other!r} to Tango, which ignores case; rename one", name)
        if all(player.priority < 0 for player in players.values()):
            raise problem("every Player is disabled; give one a priority of 0 or more")
        return players

    @model_validator(mode="after")
    def _paced_once(self) -> Self:
        if self.rate is not None and self.period is not None:
            raise problem("the rate is given too; leave one out", "period")
        return self

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


def in_folder(folder: Path) -> Mapping[str, Path]:
    """Return the validation context in which paths are relative to a folder."""
    return {FOLDER: folder}
