"""The files that travel with a scenario: its action scripts, and what these need beside them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath

from donki.errors import FileError, InputError
from donki_client.scenario.model import ScenarioPlayer

#: The most bytes that travel with the scripts: larger data are provided where they are needed.
MOST = 16 * 2**20


def travelling_scripts(players: Mapping[str, ScenarioPlayer]) -> dict[str, bytes]:
    """Return the content of all scripts by their paths in one folder, with what they need there.

    These are the modules that a script imports from its folder, and the files and folders there that it
    names in a text, as its Player's parameters do where they have no data_path.

    Raises
    ------
    InputError
        when two files would have one name there, or it is too much
    FileError
        when one cannot be read
    """
    origins: dict[str, Path] = {}
    for player in players.values():
        script = player.script.resolve()
        texts = [] if player.data_path else _texts(player.parameters.values())
        for file in _needed(script, texts):
            _add(origins, str(file.relative_to(script.parent)), file)
    if (size := sum(file.stat().st_size for file in origins.values())) > MOST:
        largest = max(origins.values(), key=lambda file: file.stat().st_size)
        raise InputError(
            f"{largest}: would travel with the scripts, {size:,} bytes of at most {MOST:,}; move large data"
            " to a folder of their own, and name that: data_path: [FOLDER]"
        )
    return {name: read(origins[name]) for name in sorted(origins)}


def _add(origins: dict[str, Path], name: str, file: Path) -> None:
    """Note where a file of the folder comes from; two of one name must have one content.

    Raises
    ------
    InputError
        when there is another one of that name
    """
    other = origins.setdefault(name, file)
    if other != file and read(other) != read(file):
        raise InputError(f"{other} and {file} would both be {name} on the hosts; rename one of them")


def read(file: Path) -> bytes:
    """Return the content of a file.

    Raises
    ------
    FileError
        when it cannot be read
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise FileError(f"{file}: cannot be read: {error.strerror}") from None


def _needed(script: Path, named: Iterable[str]) -> set[Path]:
    """Return a script and the files beside it that it needs."""
    folder, needed, waiting = script.parent, set[Path](), [script]
    waiting += [file for text in named for file in _beside(folder, text)]
    while waiting:
        file = waiting.pop()
        if file not in needed:
            needed.add(file)
            waiting += _mentioned(file, folder) if file.suffix == ".py" else []
    return needed


def _mentioned(file: Path, folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that a Python file imports or names in a text."""
    try:
        tree = ast.parse(read(file), str(file))
    except (SyntaxError, ValueError):  # beside the script for another reason
        return
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module)):
                modules = [module]
            case ast.Constant(value=str(text)):
                yield from _beside(folder, text)
                continue
            case _:
                continue
        for module in (name.partition(".")[0] for name in modules):
            yield from _beside(folder, f"{module}.py")
            yield from _beside(folder, module)


def _beside(folder: Path, name: str) -> Iterator[Path]:
    """Yield the file of that name in a folder, or all files of the folder of that name."""
    relative = PurePath(name)
    if not relative.parts or relative.is_absolute() or ".." in relative.parts or not name.isprintable():
        return
    try:
        file = folder / relative
        files = sorted(file.rglob("*")) if file.is_dir() else [file]
        yield from (found for found in files if found.is_file() and not _is_hidden(found.relative_to(folder)))
    except OSError:  # a text that is too long for a name
        return


def _is_hidden(file: PurePath) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in file.parts)


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _texts(value.values())
        elif isinstance(value, list):
            yield from _texts(value)
