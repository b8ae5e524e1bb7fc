"""Action scripts: found under the script path, loaded, checked and called."""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from donki.errors import ScriptError
from donki.player.trigger import Trigger

#: The functions of a script and what each is called with before the Player, which any of them may take last.
FUNCTIONS: dict[str, tuple[str, ...]] = {
    "get_data_names": (),
    "setup": (),
    "action": ("trigger",),
    "stop": (),
}

#: The name under which `action` may return a line for the Player's log.
LOG_NAME = "playerlog"


def shipped_scripts() -> Path:
    """Return the folder of the scripts that come with DonkiOrchestra, installed or in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "scripts"
    return installed if installed.is_dir() else package.parents[1] / "scripts"


def find_script(script_path: Path, name: str) -> Path:
    """Return the file of a script under the script path.

    Raises
    ------
    ScriptError
        if the name leads outside the script path (by ``..``, as an absolute name or through a link), or there
        is no such file
    """
    if not name:
        raise ScriptError(f"no script is set: write the name of a file under {script_path} to Script")
    folder = script_path.resolve()
    try:
        file = (folder / name).resolve()
        exists = file.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL in it, links in a circle
        raise ScriptError(f"{name!r:.200}: cannot be the name of a script: {error!s:.200}") from None
    if not file.is_relative_to(folder):
        raise ScriptError(f"{name}: leads outside the script path {folder}; move the script into it")
    if not exists:
        raise ScriptError(f"{file}: no such script; Script names a file under the property ScriptPath")
    return file


class Script:
    """An action script, loaded and ready to be called.

    Parameters
    ----------
    file
        the script's file
    player
        what the functions of the script are given as their last argument if they take it

    Attributes
    ----------
    hash
        SHA-256 of the file as it was loaded, in hexadecimal

    Raises
    ------
    ScriptError
        if the file cannot be read, compiled or executed, has no ``action``, or a function with the wrong
        arguments; names the file and the line
    """

    def __init__(self, file: Path, player: object) -> None:
        self.file = file
        self._player = player
        module = ModuleType(f"donki_script_{file.stem}")
        module.__file__ = str(file)
        # Dataclasses and pickling look a class's module up by name.
        sys.modules[module.__name__] = module
        source = _read(file)
        self.hash = hashlib.sha256(source).hexdigest()
        code = _compile(file, source)
        try:
            exec(code, module.__dict__)  # noqa: S102 - running the user's script is what a Player is for
        except (Exception, SystemExit) as error:
            raise self.error("cannot be loaded", error) from error
        self._functions = {
            name: self._with_player(name, arguments, getattr(module, name))
            for name, arguments in FUNCTIONS.items()
            if hasattr(module, name)
        }
        if "action" not in self._functions:
            raise ScriptError(f"{file}: has no function action(trigger); add one")

    def setup(self) -> None:
        """Call the script's ``setup``, if it has one."""
        self._call("setup")

    def stop(self) -> None:
        """Call the script's ``stop``, if it has one."""
        self._call("stop")

    def data_names(self) -> list[str] | None:
        """Return the names that ``get_data_names`` gives, or None where the script does not say."""
        if "get_data_names" not in self._functions:
            return None
        names = self._call("get_data_names")
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise ScriptError(f"{self.file}: get_data_names returns a list of names; got {names!r}")
        return list(names)

    def action(self, trigger: Trigger) -> Mapping[str, Any]:
        """Call the script's ``action`` and return its values by name; empty where it returned None."""
        values = self._call("action", trigger)
        if values is None:
            return {}
        if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
            raise ScriptError(f"{self.file}: action returns None or {{name: value}}; got {values!r:.200}")
        return values

    def error(self, what: str, cause: BaseException) -> ScriptError:
        """Return an error that names the file, the line of the script where it arose, and the cause."""
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(cause.__traceback__)
            if frame.filename == str(self.file)
        ]
        where = f"{self.file}, line {lines[-1]}" if lines else str(self.file)
        return ScriptError(f"{where}: {what}: {type(cause).__name__}: {cause}")

    def _call(self, name: str, *arguments: object) -> Any:
        function = self._functions.get(name)
        if function is None:
            return None
        try:
            return function(*arguments)
        except (Exception, SystemExit) as error:
            raise self.error(f"{name} failed", error) from error

    def _with_player(self, name: str, arguments: tuple[str, ...], function: Any) -> Callable[..., Any]:
        expected = f"{name}({', '.join(arguments)}) or {name}({', '.join((*arguments, 'player'))})"
        if not callable(function):
            raise ScriptError(f"{self.file}: {name} is not a function; expected {expected}")
        signature = inspect.signature(function)
        try:
            signature.bind(*arguments, self._player)
        except TypeError:
            try:
                signature.bind(*arguments)
            except TypeError:
                line = getattr(getattr(function, "__code__", None), "co_firstlineno", 1)
                raise ScriptError(
                    f"{self.file}, line {line}: {name}{signature} cannot be called; expected {expected}"
                ) from None
            return function  # type: ignore[no-any-return]
        return lambda *given: function(*given, self._player)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ScriptError(f"{file}: cannot be read: {error}") from None


def _compile(file: Path, source: bytes) -> CodeType:
    try:
        return compile(source, str(file), "exec")
    except SyntaxError as error:
        raise ScriptError(f"{file}, line {error.lineno}: {error.msg}") from None
    except ValueError as error:
        raise ScriptError(f"{file}: cannot be read: {error}") from None
