"""The files of an action script: which they are, whether a host has the same, and how they get there."""

from __future__ import annotations

import ast
import base64
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tango

from donki.errors import DonkiError
from donki.json_text import to_json
from donki.player.script.store import VARIABLE, sha256
from donki_client.api.errors import translated

#: The longest text among the parameters that may be the name of a file.
_LONGEST_NAME = 255


def script_files(script: Path) -> dict[str, Path]:
    """Return a script and the modules beside it that it imports, by their names in its folder."""
    found: dict[str, Path] = {}
    waiting = [script]
    while waiting:
        file = waiting.pop()
        name = file.relative_to(script.parent).as_posix()
        if name not in found:
            found[name] = file
            waiting += _imported(script.parent, file)
    return found


def data_files(parameters: Mapping[str, Any], folders: Sequence[Path]) -> dict[str, int]:
    """Return the files that parameters name, as far as they are in the folders here, with their sizes."""
    found: dict[str, int] = {}
    for text in _texts(parameters):
        if text and len(text) <= _LONGEST_NAME and text.isprintable():
            for folder in folders:
                if (folder / text).is_file():
                    found[text] = (folder / text).stat().st_size
                    break
    return found


def differences(player: tango.DeviceProxy, scripts: Mapping[str, Path], where: str = "") -> list[str]:
    """Return which files of a script a Player has not, or has otherwise, a few words each.

    Parameters
    ----------
    player
        the Player's device
    scripts
        the files, by their names
    where
        the folder of the names, under the Player's ScriptPath
    """
    names = {f"{where}{name}": file for name, file in scripts.items()}
    there = _inventory(player, {"scripts": list(names)})["scripts"]
    return [
        f"{name} {'is missing' if there[name] is None else 'is another one'}"
        for name, file in names.items()
        if there[name] != sha256(file.read_bytes())
    ]


def missing_data(player: tango.DeviceProxy, files: Mapping[str, int]) -> list[str]:
    """Return which data files a Player has not, or has in another size, a few words each."""
    there = _inventory(player, {"data": list(files)})["data"] if files else {}
    return [
        f"{name} is missing" if there[name] is None else f"{name} has {there[name]:,} bytes, not {size:,}"
        for name, size in files.items()
        if there[name] != size
    ]


def send(player: tango.DeviceProxy, scripts: Mapping[str, Path]) -> str:
    """Send the files of a script to a Player, and return the folder in which its host keeps them.

    Raises
    ------
    NotAllowedError
        when the host takes no scripts
    DonkiError
        when they cannot be kept there
    """
    content = {name: base64.b64encode(file.read_bytes()).decode() for name, file in scripts.items()}
    with translated(player.dev_name()):
        return str(player.Receive(to_json("scripts", content)))


def remedy(folder: str) -> str:
    """Return what helps where a host has not the files of a script."""
    return f"copy them to {folder} there, or let the host take scripts ({VARIABLE})"


def _inventory(player: tango.DeviceProxy, asked: Mapping[str, list[str]]) -> dict[str, dict[str, Any]]:
    with translated(player.dev_name()):
        try:
            told: dict[str, dict[str, Any]] = json.loads(
                player.command_inout("Inventory", to_json("names", asked))
            )
        except tango.DevFailed as failed:
            if failed.args[0].reason == "API_CommandNotFound":
                raise DonkiError(
                    f"{player.dev_name()}: its DonkiOrchestra is older than this one; install the same there"
                ) from None
            raise
    return told


def _imported(folder: Path, file: Path) -> Iterator[Path]:
    """Yield the files beside a script that one of its files imports."""
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError):  # it is said where it is loaded
        return
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names = [alias.name for alias in aliases]
            case ast.ImportFrom(module=module, names=aliases):
                names = [module] if module else [alias.name for alias in aliases]
            case _:
                continue
        for name in names:
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names:
                yield from _beside(folder, top)


def _beside(folder: Path, module: str) -> Iterator[Path]:
    if (folder / module / "__init__.py").is_file():
        yield from sorted((folder / module).rglob("*.py"))
    elif (folder / f"{module}.py").is_file():
        yield folder / f"{module}.py"


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for one in value.values():
                yield from _texts(one)
        case list():
            for one in value:
                yield from _texts(one)
