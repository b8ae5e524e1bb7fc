"""What Players answer, checked where it arrives: one may be of another version, or no Player of ours at all.

Each of these functions raises an `AnswerError` that says which answer cannot be read, and why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from reprlib import repr as shown
from typing import Annotated, Any, NamedTuple, NotRequired, TypeVar

import tango
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import TypedDict

from donki.errors import AnswerError, InputError
from donki.limits import DISABLED, MOST_RETRIES, MOST_TIMEOUT, OnError
from donki.run import VERSION, Run
from donki.streams.schemas import SCHEMAS
from donki.versions import check_version

Read = TypeVar("Read")

#: The most characters of an answer in JSON: the checksums of some million messages.
MOST_TEXT = 1 << 24

#: The most events, messages or bytes of one trigger, so that the sums of a run can be told too.
MOST = 1 << 40

#: The most files and streams of one run, and the most lines of a Check.
MOST_FILES = 1 << 20
MOST_STREAMS = 10_000
MOST_LINES = 1000

#: The most unknown keys that are named.
_MOST_NAMED = 10

_STRICT = with_config(ConfigDict(strict=True))
#: What a Player of a later version tells beyond it is kept, so that it can be named.
_OPEN = with_config(ConfigDict(strict=True, extra="allow"))
_Text = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]
_Long = Annotated[str, Field(max_length=MOST_TEXT)]
_Count = Annotated[int, Field(ge=0, le=MOST)]
_Offset = Annotated[int, Field(ge=0, lt=1 << 63)]
_Number = Annotated[int, Field(ge=0, lt=1 << 31)]
_Checksum = Annotated[int, Field(ge=0, lt=1 << 32)]
_Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
_Version = Annotated[int, Field(ge=1, le=VERSION)]
#: Bytes, in base 64: checksums, offsets, time stamps.
_Packed = Annotated[str, Field(pattern=r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")]


class _Extent(NamedTuple):
    topic: _Text
    partition: _Number
    first: _Offset
    last: _Offset


class _Tally(NamedTuple):
    topic: _Text
    source: _Text
    events: _Count
    size: _Count
    largest: _Count
    checksums: _Packed
    partition: Annotated[int, Field(ge=-1, lt=1 << 31)] = -1
    offsets: _Packed = ""
    stamps: _Packed = ""


class _Fault(NamedTuple):
    trigger: _Offset
    kind: _Text
    topic: _Text
    source: _Text
    message: _Number
    detail: _Text
    checksum: _Checksum


class _Leftover(NamedTuple):
    trigger: _Offset
    attempt: _Number
    sent: list[_Tally]


class _WrittenFile(NamedTuple):
    path: _Text
    size: Annotated[int, Field(ge=-1, lt=1 << 63)]
    checksum: _Checksum


@_OPEN
class _Manifest(TypedDict):
    """What was delivered, as `donki.streams.manifest.Manifest.as_dict` tells it where that is something.

    Outside of triggers with the time when it was made, in ns since 1970 UTC.
    """

    taken: NotRequired[_Offset]

    brokers: _Text
    extents: list[_Extent]
    sent: list[_Tally]
    measured: NotRequired[list[_Tally]]
    faults: NotRequired[list[_Fault]]
    left: NotRequired[list[_Leftover]]
    values: NotRequired[list[_Tally]]
    files: NotRequired[list[_WrittenFile]]
    gone: NotRequired[list[_Text]]


@_OPEN
class Report(TypedDict):
    """What a Player did at a trigger: the result of its command Trigger; the duration in s."""

    version: NotRequired[_Version]
    trigger: Annotated[int, Field(ge=1, lt=1 << 63)]
    attempt: Annotated[int, Field(ge=1, lt=1 << 31)]
    duration: _Seconds
    events: _Count
    messages: _Count
    bytes: _Count
    manifest: NotRequired[_Manifest]


@_STRICT
class _StreamSaid(TypedDict):
    schema: _Text
    topic: _Text
    source: _Text
    layout: NotRequired[Any]


def _with_layout(said: _StreamSaid) -> _StreamSaid:
    """Take a layout as the schema has it; of a schema that has none, or is not known here, leave it out."""
    kind = SCHEMAS.find(said["schema"])
    layout = said.pop("layout", None)
    if kind is None or kind.layout_type is None or layout is None:
        return said
    if not _is_plain(layout):
        raise ValueError("a layout is of finite numbers, whole ones from 0, and of short texts")
    return {**said, "layout": TypeAdapter(kind.layout_type).validate_python(layout, strict=True)}


def _is_plain(value: object) -> bool:
    """Whether a value from JSON can be told to a file writer: finite numbers, texts without NUL."""
    if isinstance(value, dict):
        return all(_is_plain(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, str):
        return len(value) <= 4096 and "\0" not in value
    if isinstance(value, float):
        return math.isfinite(value)
    return type(value) is int and 0 <= value < 1 << 31


_Stream = Annotated[_StreamSaid, AfterValidator(_with_layout)]


@_OPEN
class Output(TypedDict):
    """What a Player tells of a run: the result of its commands Begin and End; the run by its id."""

    version: NotRequired[_Version]
    run: _Text
    files: Annotated[list[Annotated[_Text, Field(min_length=1)]], Field(max_length=MOST_FILES)]
    streams: Annotated[list[_Stream], Field(max_length=MOST_STREAMS)]
    manifest: NotRequired[_Manifest]


def _as_state(said: object) -> object:
    """Take a state by its name too, as JSON has it."""
    return tango.DevState.names.get(said, said) if isinstance(said, str) else said


@_STRICT
class Settings(TypedDict):
    """What a Player says of itself, by attribute."""

    Priority: Annotated[int, Field(ge=DISABLED, lt=1 << 31)]
    Timeout: Annotated[float, Field(gt=0, le=MOST_TIMEOUT, allow_inf_nan=False)]
    OnError: Annotated[int, Field(ge=min(OnError), le=max(OnError))]
    Retries: Annotated[int, Field(ge=0, le=MOST_RETRIES)]
    Script: _Text
    ScriptHash: _Text
    Parameters: _Long
    Faults: _Long
    Run: _Long
    State: Annotated[InstanceOf[tango.DevState], BeforeValidator(_as_state)]
    Status: _Long
    Server: _Text


@_STRICT
class _Versioned(TypedDict):
    version: int


_VERSIONED = TypeAdapter(_Versioned)
_REPORT = TypeAdapter(Report)
_OUTPUT = TypeAdapter(Output)
_SETTINGS = TypeAdapter(Settings)
_OF_REPORT, _OF_OUTPUT, _OF_MANIFEST = (
    frozenset(kind.__annotations__) for kind in (Report, Output, _Manifest)
)
_OBJECT = TypeAdapter(dict[str, Any])
_LINES = TypeAdapter(Annotated[list[_Long], Field(max_length=MOST_LINES)])


def read_report(text: str, trigger: int) -> Report:
    """Return what a Player answered to a trigger."""
    report = _read_json("Trigger", _REPORT, text)
    if report["trigger"] != trigger:
        raise _unreadable("Trigger", f"trigger: {report['trigger']} instead of {trigger}", text)
    return report


def read_output(command: str, text: str) -> Output:
    """Return what a Player answered to Begin or End."""
    return _read_json(command, _OUTPUT, text)


def unknown_keys(command: str, said: Report | Output) -> list[str]:
    """Return which keys of an answer are not known, for a later version tells them; some, where many are."""
    manifest = said.get("manifest", {})
    known = _OF_REPORT if command == "Trigger" else _OF_OUTPUT
    if known.issuperset(said) and _OF_MANIFEST.issuperset(manifest):
        return []
    found = [*(said.keys() - known), *(manifest.keys() - _OF_MANIFEST)]
    return [f"{key!r:.80}" for key in sorted(found)[:_MOST_NAMED]]


def read_run(text: object) -> Run:
    """Return what a Player's attribute Run tells."""
    try:
        return Run.from_json(text if isinstance(text, str) else shown(text))
    except InputError as error:
        raise AnswerError(f"its Run cannot be read: {error}") from None


def read_attributes_text(text: str) -> dict[str, Any]:
    """Return the attributes that a Player told as a JSON object, by name."""
    return _read_json("attributes", _OBJECT, text)


def read_lines_text(text: str) -> list[str]:
    """Return what a Player's command Check told, as a JSON list."""
    return _read_json("Check", _LINES, text)


def read_lines(value: object) -> list[str]:
    """Return what a Player's command Check told."""
    return _read("Check", _LINES, value)


def read_settings(said: Mapping[str, object]) -> Settings:
    """Return what a Player says of itself."""
    return _read("attributes", _SETTINGS, said)


def read_priority(said: Mapping[str, object], otherwise: int) -> int:
    """Return the priority of a Player of which something else cannot be read."""
    priority = said["Priority"]
    return priority if type(priority) is int and DISABLED <= priority < 1 << 31 else otherwise


def _read_json(what: str, kind: TypeAdapter[Read], text: object) -> Read:
    if not isinstance(text, str):
        raise _unreadable(what, "a text is expected", text)
    if len(text) > MOST_TEXT:
        raise _unreadable(what, f"{len(text)} characters, at most {MOST_TEXT} are read", text)
    try:
        return kind.validate_json(text)
    except ValidationError as error:
        # One of a later version may well be otherwise.
        with suppress(ValidationError):
            check_version(f"its {what}", _VERSIONED.validate_json(text)["version"], VERSION, AnswerError)
        raise _unreadable(what, _first(error), text) from None


def _read(what: str, kind: TypeAdapter[Read], value: object) -> Read:
    try:
        # Where several values may be lists or tuples, PyTango's version decides.
        return kind.validate_python(list(value) if isinstance(value, tuple) else value)
    except ValidationError as error:
        raise _unreadable(what, _first(error), value) from None


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def _unreadable(what: str, why: str, got: object) -> AnswerError:
    return AnswerError(
        f"its {what} cannot be read, it may be of another version: {why:.300}; got {shown(got)}"
    )
