"""Scripts that come over the network: kept in a folder that the host sets aside for them, or refused."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from donki.errors import FileError, InputError, NotAllowedError, ScriptError
from donki.player.script.path import find_script

#: The environment variable of a host's servers that names the folder: not a property, which anyone can write.
VARIABLE = "DONKI_SCRIPT_STORE"

_NAME = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*\.py")


def sha256(content: bytes) -> str:
    """Return the hash of a script's file, as the attribute ScriptHash has it."""
    return hashlib.sha256(content).hexdigest()


def hashes(script_path: Path, names: Iterable[str]) -> dict[str, str | None]:
    """Return the hash of each file under the script path; None where there is none."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = sha256(find_script(script_path, name).read_bytes())
        except (ScriptError, OSError):
            found[name] = None
    return found


def store_folder() -> Path:
    """Return the folder in which this host keeps scripts that are sent to it.

    Raises
    ------
    NotAllowedError
        when it keeps none
    """
    folder = os.environ.get(VARIABLE, "")
    if not folder:
        raise NotAllowedError(
            f"host {socket.gethostname()} takes no scripts: {VARIABLE} is not set in its servers' environment"
        )
    return Path(folder)


def keep(files: Mapping[str, bytes]) -> Path:
    """Keep files together in the store, and return the folder in which they are; the same for the same files.

    Parameters
    ----------
    files
        by their names in that folder, which end in ``.py``

    Raises
    ------
    NotAllowedError
        when this host keeps none
    InputError
        when a name is none, or leads elsewhere
    FileError
        when the folder cannot be written
    """
    store = store_folder()
    if not files:
        raise InputError("there is no file; send a script, and the modules beside it")
    for name in files:
        if not _NAME.fullmatch(name):
            raise InputError(f"{name!r:.200}: cannot be kept; a name is like script.py or folder/module.py")
    known = {name: sha256(content) for name, content in files.items()}
    folder = store / sha256(repr(sorted(known.items())).encode())
    try:
        if not folder.is_dir() or hashes(folder, known) != known:
            _write(store, folder, files)
    except OSError as error:
        raise FileError(
            f"{VARIABLE} {store}: cannot be written ({error.strerror}); "
            "mend its permissions, or name another folder"
        ) from None
    return folder


def _write(store: Path, folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files, and only then let them be found: several Players may be at it."""
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store, prefix=".new-") as made:
        for name, content in files.items():
            file = Path(made, "files", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        if folder.exists():  # changed by someone
            shutil.move(folder, Path(made, "changed"))
        try:
            Path(made, "files").rename(folder)
        except OSError:
            if not folder.is_dir():  # another Player was faster
                raise
