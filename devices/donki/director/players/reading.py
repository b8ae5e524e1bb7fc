"""How an answer of another program is read: as what is expected, or an `AnswerError` says what is wrong."""

from __future__ import annotations

from contextlib import suppress
from reprlib import repr as shown
from typing import Annotated, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from donki.errors import AnswerError
from donki.run import VERSION
from donki.versions import check_version

Read = TypeVar("Read")

#: The most characters of an answer in JSON: the checksums of some million messages.
MOST_TEXT = 1 << 24

STRICT = with_config(ConfigDict(strict=True))
Text = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]
LongText = Annotated[str, Field(max_length=MOST_TEXT)]


@STRICT
class _Versioned(TypedDict):
    version: int


_VERSIONED = TypeAdapter(_Versioned)


def read_json(what: str, kind: TypeAdapter[Read], text: object) -> Read:
    """Return what a JSON text tells."""
    if not isinstance(text, str):
        raise unreadable(what, "a text is expected", text)
    if len(text) > MOST_TEXT:
        raise unreadable(what, f"{len(text)} characters, at most {MOST_TEXT} are read", text)
    try:
        return kind.validate_json(text)
    except ValidationError as error:
        # One of a later version may well be otherwise.
        with suppress(ValidationError):
            check_version(f"its {what}", _VERSIONED.validate_json(text)["version"], VERSION, AnswerError)
        raise unreadable(what, _first(error), text) from None


def read_value(what: str, kind: TypeAdapter[Read], value: object) -> Read:
    """Return what a value tells."""
    try:
        # Where several values may be lists or tuples, PyTango's version decides.
        return kind.validate_python(list(value) if isinstance(value, tuple) else value)
    except ValidationError as error:
        raise unreadable(what, _first(error), value) from None


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def unreadable(what: str, why: str, got: object) -> AnswerError:
    """Return the error that says which answer cannot be read, and why."""
    return AnswerError(
        f"its {what} cannot be read, it may be of another version: {why:.300}; got {shown(got)}"
    )
