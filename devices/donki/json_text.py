"""JSON texts: what comes in is bounded and strict, what goes out is JSON to every reader."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeVar

from donki.errors import InputError, shown

Parsed = TypeVar("Parsed")

#: The most bytes of a JSON text, in UTF-8.
MOST_BYTES = 1_000_000

#: The most lists and objects that a JSON text may have one within the other.
MOST_DEPTH = 100

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_NO_BRACKET = re.compile(r"[^][{}]+")


def parse_json(text: str, *, most_bytes: int = MOST_BYTES, most_depth: int = MOST_DEPTH) -> Any:
    """Return what a JSON text holds.

    It is taken as RFC 8259 has it, and as every reader of it does: NaN, infinity, a key that is there twice
    and half of a surrogate pair are refused.

    Parameters
    ----------
    text
        the text
    most_bytes, most_depth
        what it may have; more for a text around another one that may have the usual

    Raises
    ------
    ValueError
        when it is not JSON, too large, or nested too deeply; says which, and no value of the text
    """
    _check_size(text, most_bytes)
    _check_depth(text, most_depth)
    value = _DECODER.decode(text)
    # A text without escapes has none: it would not have been encoded.
    if "\\u" in text:
        _check_surrogates(json.dumps(value, ensure_ascii=False))
    return value


def parse_object(name: str, text: str, example: str, *, secret: bool = False) -> dict[str, Any]:
    """Return the JSON object that a text holds.

    Parameters
    ----------
    name
        what the text is, for the message
    text
        the text
    example
        what would be accepted
    secret
        whether the message must not show the text

    Raises
    ------
    InputError
        when it is something else, or `parse_json` refuses it
    """
    return _parse(name, text, dict, f"a JSON object, as {example}", secret=secret)


def parse_list(name: str, text: str, example: str) -> list[Any]:
    """Return the JSON list that a text holds; parameters and errors as for `parse_object`."""
    return _parse(name, text, list, f"a JSON list, as {example}", secret=False)


def _parse(name: str, text: str, kind: type[Parsed], expected: str, *, secret: bool) -> Parsed:
    try:
        value = parse_json(text)
    except ValueError as error:
        reason = f" ({error})"
    else:
        if isinstance(value, kind):
            return value
        reason = ""
    shown = "something else" if secret else f"{text!r:.200}"
    raise InputError(f"{name}: {expected}; got {shown}{reason}") from None


def to_json(name: str, value: object) -> str:
    """Return a value as a JSON text that `parse_json` takes; numpy's numbers and arrays may be in it.

    Parameters
    ----------
    name
        what the value is, for the message
    value
        the value

    Raises
    ------
    InputError
        when it cannot be JSON, or is too large or nested too deeply
    """
    try:
        text = json.dumps(value, allow_nan=False, default=_plain)
        parse_json(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{name}: cannot be JSON: {error!s:.200}") from None
    return text


def _check_size(text: str, most: int) -> None:
    size = len(text)
    if size <= most and not text.isascii():
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise ValueError("it has half of a surrogate pair") from None
    if size > most:
        raise ValueError(f"it has {size} bytes; the most is {most}")


def _check_depth(text: str, most: int) -> None:
    if text.count("[") + text.count("{") <= most:
        return
    depth = deepest = 0
    for bracket in _NO_BRACKET.sub("", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > most:
        raise ValueError(f"it is nested {deepest} deep; the most is {most}")


def _check_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it has half of a surrogate pair") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not abs(number) < float("inf"):
        raise ValueError("a number is larger than any that JSON's readers know")
    return number


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice!r:.80} is there twice")
    return found


def _plain(value: object) -> object:
    if callable(as_list := getattr(value, "tolist", None)):
        return as_list()
    raise TypeError(f"{type(value).__name__} {shown(value)}")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_once)
