"""What a Player's attributes and its Check tell, checked where it arrives."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from reprlib import repr as shown
from typing import Annotated, Any

import tango
from pydantic import BeforeValidator, Field, InstanceOf, TypeAdapter
from typing_extensions import TypedDict

from donki.director.players.reading import STRICT, LongText, Text, read_json, read_value
from donki.errors import AnswerError, InputError
from donki.limits import DISABLED, MOST_RETRIES, MOST_TIMEOUT, OnError
from donki.run import Run

#: The most lines of a Check.
MOST_LINES = 1000


def _as_state(said: object) -> object:
    """Take a state by its name too, as JSON has it."""
    return tango.DevState.names.get(said, said) if isinstance(said, str) else said


@STRICT
class Settings(TypedDict):
    """What a Player says of itself, by attribute."""

    Priority: Annotated[int, Field(ge=DISABLED, lt=1 << 31)]
    Timeout: Annotated[float, Field(gt=0, le=MOST_TIMEOUT, allow_inf_nan=False)]
    OnError: Annotated[int, Field(ge=min(OnError), le=max(OnError))]
    Retries: Annotated[int, Field(ge=0, le=MOST_RETRIES)]
    Script: Text
    ScriptHash: Text
    Parameters: LongText
    Faults: LongText
    Run: LongText
    State: Annotated[InstanceOf[tango.DevState], BeforeValidator(_as_state)]
    Status: LongText
    Server: Text


_SETTINGS = TypeAdapter(Settings)
_OBJECT = TypeAdapter(dict[str, Any])
_LINES = TypeAdapter(Annotated[list[LongText], Field(max_length=MOST_LINES)])


def read_run(text: object) -> Run:
    """Return what a Player's attribute Run tells."""
    try:
        return _run_of(text if isinstance(text, str) else shown(text))
    except InputError as error:
        raise AnswerError(f"its Run cannot be read: {error}") from None


#: All Players of a run tell the same, again and again.
_run_of = lru_cache(maxsize=64)(Run.from_json)


def read_attributes_text(text: str) -> dict[str, Any]:
    """Return the attributes that a Player told as a JSON object, by name."""
    return read_json("attributes", _OBJECT, text)


def read_lines(value: object) -> list[str]:
    """Return what a Player's command Check told; a text holds it as JSON."""
    return read_json("Check", _LINES, value) if isinstance(value, str) else read_value("Check", _LINES, value)


def read_settings(said: Mapping[str, object]) -> Settings:
    """Return what a Player says of itself."""
    return read_value("attributes", _SETTINGS, said)


def read_priority(said: Mapping[str, object], otherwise: int) -> int:
    """Return the priority of a Player of which something else cannot be read."""
    priority = said["Priority"]
    return priority if type(priority) is int and DISABLED <= priority < 1 << 31 else otherwise
