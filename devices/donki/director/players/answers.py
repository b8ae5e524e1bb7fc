"""What Players answer, checked where it arrives: one may be of another version, or no Player of ours at all.

Each of these functions raises an `AnswerError` that says which answer cannot be read, and why.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, NamedTuple, NotRequired

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    with_config,
)
from typing_extensions import TypedDict

from donki.director.players.reading import STRICT, Text, read_json, unreadable
from donki.run import VERSION
from donki.streams.schemas import SCHEMAS

#: The most events, messages or bytes of one trigger, so that the sums of a run can be told too.
MOST = 1 << 40

#: The most files and streams of one run.
MOST_FILES = 1 << 20
MOST_STREAMS = 10_000

#: The most unknown keys that are named.
_MOST_NAMED = 10

#: What a Player of a later version tells beyond it is kept, so that it can be named.
_OPEN = with_config(ConfigDict(strict=True, extra="allow"))
_Count = Annotated[int, Field(ge=0, le=MOST)]
_Offset = Annotated[int, Field(ge=0, lt=1 << 63)]
_Number = Annotated[int, Field(ge=0, lt=1 << 31)]
_Checksum = Annotated[int, Field(ge=0, lt=1 << 32)]
_Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
_Version = Annotated[int, Field(ge=1, le=VERSION)]
#: Bytes, in base 64: checksums, offsets, time stamps.
_Packed = Annotated[str, Field(pattern=r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")]


class _Extent(NamedTuple):
    topic: Text
    partition: _Number
    first: _Offset
    last: _Offset


class _Tally(NamedTuple):
    topic: Text
    source: Text
    events: _Count
    size: _Count
    largest: _Count
    checksums: _Packed
    partition: Annotated[int, Field(ge=-1, lt=1 << 31)] = -1
    offsets: _Packed = ""
    stamps: _Packed = ""


class _Fault(NamedTuple):
    trigger: _Offset
    kind: Text
    topic: Text
    source: Text
    message: _Number
    detail: Text
    checksum: _Checksum


class _Leftover(NamedTuple):
    trigger: _Offset
    attempt: _Number
    sent: list[_Tally]


class _WrittenFile(NamedTuple):
    path: Text
    size: Annotated[int, Field(ge=-1, lt=1 << 63)]
    checksum: _Checksum


@_OPEN
class _Manifest(TypedDict):
    """What was delivered, as `donki.streams.manifest.Manifest.as_dict` tells it where that is something.

    Outside of triggers with the time when it was made, in ns since 1970 UTC.
    """

    taken: NotRequired[_Offset]

    brokers: Text
    extents: list[_Extent]
    sent: list[_Tally]
    measured: NotRequired[list[_Tally]]
    faults: NotRequired[list[_Fault]]
    left: NotRequired[list[_Leftover]]
    values: NotRequired[list[_Tally]]
    files: NotRequired[list[_WrittenFile]]
    gone: NotRequired[list[Text]]


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


@STRICT
class _StreamSaid(TypedDict):
    schema: Text
    topic: Text
    source: Text
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
    """What a Player tells of a run: the result of its commands Begin and End; run and host by their names."""

    version: NotRequired[_Version]
    run: Text
    host: NotRequired[Text]
    files: Annotated[list[Annotated[Text, Field(min_length=1)]], Field(max_length=MOST_FILES)]
    streams: Annotated[list[_Stream], Field(max_length=MOST_STREAMS)]
    manifest: NotRequired[_Manifest]


_REPORT = TypeAdapter(Report)
_OUTPUT = TypeAdapter(Output)
_OF_REPORT, _OF_OUTPUT, _OF_MANIFEST = (
    frozenset(kind.__annotations__) for kind in (Report, Output, _Manifest)
)


def read_report(text: str, trigger: int) -> Report:
    """Return what a Player answered to a trigger."""
    report = read_json("Trigger", _REPORT, text)
    if report["trigger"] != trigger:
        raise unreadable("Trigger", f"trigger: {report['trigger']} instead of {trigger}", text)
    return report


def read_output(command: str, text: str) -> Output:
    """Return what a Player answered to Begin or End."""
    return read_json(command, _OUTPUT, text)


def unknown_keys(command: str, said: Report | Output) -> list[str]:
    """Return which keys of an answer are not known, for a later version tells them; some, where many are."""
    manifest = said.get("manifest", {})
    known = _OF_REPORT if command == "Trigger" else _OF_OUTPUT
    if known.issuperset(said) and _OF_MANIFEST.issuperset(manifest):
        return []
    found = [*(said.keys() - known), *(manifest.keys() - _OF_MANIFEST)]
    return [f"{key!r:.80}" for key in sorted(found)[:_MOST_NAMED]]
