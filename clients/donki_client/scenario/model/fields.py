"""The kinds of values that a scenario has: how each is read and checked, and told to editors."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from donki.errors import DonkiError, InputError
from donki.limits import FileWriterPolicy, OnError
from donki.streams.kafka.clients import CLIENTS, find_client
from donki.streams.kafka.topics.name import check_topic
from donki_client.scenario.model.quantity import RATE, TIME, Kind, read_quantity

Value = TypeVar("Value")

#: The key of the validation context that holds the folder which paths are relative to.
FOLDER = "folder"

_LONGEST = 86_400  # s, of a timeout, a period or an action; the devices' own limit

_LONGEST_SERVER = 200  # the Tango database keeps 255, with what stands before it
_SERVER = rf"^([A-Za-z0-9][A-Za-z0-9_.\-]{{0,{_LONGEST_SERVER - 1}}})?$"


def problem(text: str, key: str = "") -> PydanticCustomError:
    """Return what pydantic reports of a value; `key` is the entry below it that is meant."""
    return PydanticCustomError("scenario", "{text}", {"text": text, "key": key})


def obeying(check: Callable[[Any], object]) -> AfterValidator:
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


def _check_server(name: str) -> None:
    if not re.fullmatch(_SERVER, name):
        raise InputError(
            "the instance name of a Tango server has letters, digits, '_', '-' and '.', a letter or digit "
            f"first, at most {_LONGEST_SERVER} in all; got {name!r:.80}"
        )


def in_folder(value: object, info: ValidationInfo) -> object:
    """Read a path: relative to the folder of the scenario."""
    if not isinstance(value, str) or not value:
        return value
    return Path((info.context or {}).get(FOLDER, ".")) / Path(value).expanduser()


Time = Annotated[float, _reading(TIME), _quantity_schema(TIME)]
Rate = Annotated[float, _reading(RATE), obeying(_check_rate), _quantity_schema(RATE)]
Duration = Annotated[Time, obeying(_check_positive)]
Topic = Annotated[str, obeying(lambda topic: check_topic(topic) if topic else None)]
RequiredTopic = Annotated[str, obeying(check_topic)]
KafkaClient = Annotated[
    str,
    obeying(find_client),
    # When the schema is asked for: plugins may add clients.
    Field(json_schema_extra=lambda schema: schema.update(enum=list(CLIENTS))),
]
if TYPE_CHECKING:
    Policy = str
    WriterPolicy = str
else:
    Policy = Literal[tuple(OnError.__members__)]
    WriterPolicy = Literal[tuple(FileWriterPolicy.__members__)]
PlayerName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]

ServerName = Annotated[str, obeying(_check_server), Field(json_schema_extra={"pattern": _SERVER})]
HostName = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9.-]*)?$")]


class Part(BaseModel):
    """A part of a scenario: a mapping of known keys, whose descriptions are the docstrings of the fields."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)
