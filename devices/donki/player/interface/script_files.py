"""The files of a Player's scripts, for clients on other hosts: whether they are there, and how they come."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import tango
from tango import DispLevel

from donki.device.commands import command
from donki.device.errors import as_dev_failed
from donki.device.properties.rules import read_folders
from donki.errors import InputError
from donki.json_text import parse_object
from donki.player.data_path import find_data
from donki.player.interface.properties import PlayerProperties
from donki.player.script.store import hashes, keep

_ASKED = '{"scripts": ["script.py"], "data": ["counts.nxs"]}'
_SENT = '{"script.py": "its content in base64"}'


class ScriptFiles(PlayerProperties):
    """The commands by which ``donki run`` compares and sends the files of scripts."""

    @command(
        dtype_in=str,
        doc_in=f"JSON object of names under ScriptPath and DataPath: {_ASKED}",
        dtype_out=str,
        doc_out="JSON object likewise: the SHA-256 of each script, the size of each data file in bytes; "
        "null where it is not there",
        display_level=DispLevel.EXPERT,
    )
    def Inventory(self, text: str) -> str:
        """Tell which files of a script are on this host, and whether they are those that the client has."""
        with as_dev_failed("Inventory"), tango.AutoTangoAllowThreads(self):
            asked = parse_object("Inventory", text, _ASKED)
            scripts, data = (_names(asked, key) for key in ("scripts", "data"))
            folders = read_folders(self.DataPath) or [self.script_path()]
            sizes: dict[str, int | None] = {}
            for name in data:
                try:
                    sizes[name] = find_data(folders, name).stat().st_size
                except (InputError, OSError):
                    sizes[name] = None
            return json.dumps({"scripts": hashes(self.script_path(), scripts), "data": sizes})

    @command(
        dtype_in=str,
        doc_in=f"JSON object: {_SENT}",
        dtype_out=str,
        doc_out="the folder in which they are, for the property ScriptPath",
        display_level=DispLevel.EXPERT,
    )
    def Receive(self, text: str) -> str:
        """Keep a script and the modules beside it on this host, if DONKI_SCRIPT_STORE there allows it."""
        with as_dev_failed("Receive"), tango.AutoTangoAllowThreads(self):
            sent = parse_object("Receive", text, _SENT)
            return str(keep({name: _content(name, content) for name, content in sent.items()}))


def _names(asked: dict[str, Any], key: str) -> list[str]:
    names = asked.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"Inventory: {key}: a list of names; got {names!r:.200}")
    return names


def _content(name: str, content: object) -> bytes:
    try:
        return base64.b64decode(str(content), validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"Receive: {name}: its content in base64 is expected; got {content!r:.80}") from None
