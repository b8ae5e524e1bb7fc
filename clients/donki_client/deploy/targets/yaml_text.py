"""YAML as it is written for other programs: the same to readers of YAML 1.1 and 1.2."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

#: A text that is one in every YAML, without quotes; words such as ``on`` are none.
_PLAIN = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[A-Za-z/][\w./-]*", re.ASCII | re.IGNORECASE)


def yaml_text(*documents: Mapping[str, Any]) -> str:
    """Return the text of some documents; the order of keys is kept."""
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 10_000
    text = io.StringIO()
    yaml.dump_all([_quoted(document) for document in documents], text)
    return text.getvalue()


def _quoted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_quoted(key): _quoted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_quoted(inner) for inner in value]
    if not isinstance(value, str) or _PLAIN.fullmatch(value):
        return value
    if "\n" in value and all(letter.isprintable() or letter == "\n" for letter in value):
        return LiteralScalarString(value)
    return DoubleQuotedScalarString(value)
