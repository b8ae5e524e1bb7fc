"""What an earlier deployment entered into a Tango database, noted in the database itself.

A free property of the object `OBJECT`, named as the deployment, has a line of JSON for each device. What is
not noted there was made by others, and is never removed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import tango

from donki.errors import InputError

OBJECT = "donki_deploy"


@dataclass(frozen=True)
class NotedDevice:
    """A device that was deployed.

    Attributes
    ----------
    server
        which held it
    adopted
        whether it was in the database before
    properties, attributes
        checksums of the values that were entered, by name
    host
        for whose Starter its server was registered
    """

    server: str
    adopted: bool = False
    properties: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    host: str = ""


def checksum(values: Iterable[str]) -> str:
    """Return a short text that another value hardly has."""
    return f"{zlib.crc32(json.dumps(list(values)).encode()):08x}"


def read_noted(database: tango.Database, name: str) -> dict[str, NotedDevice]:
    """Return what a deployment of that name entered, by device.

    Raises
    ------
    InputError
        when the property holds something else
    """
    noted = {}
    for line in database.get_property(OBJECT, name)[name]:
        try:
            entry = json.loads(line)
            device = str(entry.pop("device"))
            noted[device] = NotedDevice(**entry)
        except (ValueError, KeyError, AttributeError, TypeError):
            raise InputError(
                f"the property {name} of {OBJECT} in the Tango database has a line that donki deploy did not"
                f" write: {line:.80}; remove it, by Jive for instance"
            ) from None
    return noted


def write_noted(database: tango.Database, name: str, noted: Mapping[str, NotedDevice]) -> None:
    """Note what a deployment has entered, in place of what was noted before."""
    lines = [json.dumps({"device": device, **vars(entry)}) for device, entry in sorted(noted.items())]
    if not lines:
        database.delete_property(OBJECT, name)
    else:
        database.put_property(OBJECT, {name: lines})


def others(database: tango.Database, name: str) -> dict[str, str]:
    """Return which other deployment each of the devices belongs to that others entered."""
    names = database.command_inout("DbGetPropertyList", [OBJECT, "*"])
    return {
        device: other
        for other in names
        if other and other.lower() != name.lower()
        for device in read_noted(database, other)
    }
