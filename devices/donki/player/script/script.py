"""Action scripts: found under the script path, loaded, checked and called."""

from __future__ import annotations

import hashlib
import inspect
import traceback
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import CodeType
from typing import Any

from donki.errors import DonkiError, ScriptError, described
from donki.player.player import Player
from donki.player.script.loaded import forget, new_module, new_package
from donki.player.script.workers import Workers
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


class Script:
    """An action script, loaded and ready to be called.

    Parameters
    ----------
    file
        the script's file
    player
        what the functions of the script are given as their last argument if they take it
    script_path
        nothing outside this folder is loaded as a module beside the script; None: the script's own folder

    Attributes
    ----------
    hash
        SHA-256 of the file as it was loaded, in hexadecimal; without the modules beside it

    Raises
    ------
    ScriptError
        if the file cannot be read, compiled or executed, has no ``action``, or a function with the wrong
        arguments; names the file and the line
    """

    def __init__(self, file: Path, player: Player, script_path: Path | None = None) -> None:
        self.file = file
        self._player = player
        self._workers = Workers()
        self._data_names: list[str] | None = None
        source = _read(file)
        self.hash = hashlib.sha256(source).hexdigest()
        code = _compile(file, source)
        package = new_package(script_path or file.parent, file.parent)
        # Of each load its own modules: those of one before, or of another Player, are others.
        self._forget = weakref.finalize(self, forget, package)
        module = new_module(package, file)
        self._names = module.__dict__
        try:
            with self._workers.noted():
                exec(code, module.__dict__)  # noqa: S102 - running the user's script is what a Player is for
        except BaseException as error:
            self._workers.end()
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
        """Call the script's ``stop``, if it has one; then end the processes that it left.

        A pool or executor that a name of the module holds is there for the next run too.
        """
        try:
            self._call("stop")
        finally:
            self._end_workers(self._names.values())

    def close(self) -> None:
        """Leave the script: end all its processes, and forget its modules."""
        self._end_workers()
        self._forget()

    def data_names(self) -> list[str] | None:
        """Return the names that ``get_data_names`` gives, or None where the script does not say.

        From now on, `action` may return no others.
        """
        self._data_names = None
        if "get_data_names" not in self._functions:
            return None
        names = self._call("get_data_names")
        with self.blamed("get_data_names"):
            if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
                raise ScriptError(f"{self.file}: get_data_names returns a list of names; got {names!r:.200}")
            self._data_names = list(names)
        return self._data_names

    def action(self, trigger: Trigger) -> dict[str, Any]:
        """Call the script's ``action`` and return its values by name; empty where it returned None."""
        values = self._call("action", trigger)
        if values is None:
            return {}
        with self.blamed("action"):
            if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
                raise ScriptError(f"{self.file}: action returns None or {{name: value}}; got {values!r:.200}")
            returned = dict(values)
            if self._data_names is not None:
                self._refuse_unnamed(returned, self._data_names)
            return returned

    def blamed(self, name: str) -> AbstractContextManager[None]:
        """Make one failure of a function of the script of whatever is raised: a DonkiError.

        For what is done with what the function returned or sent; that may be code of the script too.
        """
        return _Blamed(self, name)

    def error(self, what: str, cause: BaseException) -> ScriptError:
        """Return an error that names the file, the line of the script where it arose, and the cause."""
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(cause.__traceback__)
            if frame.filename == str(self.file)
        ]
        where = f"{self.file}, line {lines[-1]}" if lines else str(self.file)
        return ScriptError(f"{where}: {what}: {described(cause)}")

    def _call(self, name: str, *arguments: object) -> Any:
        function = self._functions.get(name)
        if function is None:
            return None
        try:
            with self._workers.noted():
                return function(*arguments)
        except BaseException as error:
            # Of whatever kind it is: what ends a task, a generator or a program ends the function alone here.
            raise self.error(f"{name} failed", error) from error

    def _end_workers(self, kept: Iterable[object] = ()) -> None:
        if left := self._workers.end(list(kept)):
            message = f"{self.file.name}: processes that it had left were ended: {', '.join(left)}"
            self._player.log.warning("%s", message)

    def _refuse_unnamed(self, values: Mapping[str, Any], names: list[str]) -> None:
        for name in values:
            if name not in names and name != LOG_NAME:
                raise ScriptError(
                    f"{self.file}: action returned {name!r:.80}, which get_data_names does not name; "
                    f"it names {', '.join(names) or 'nothing'}"
                )

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


class _Blamed:
    """Makes a failure of a script of what is raised; a class, for it is entered at every trigger."""

    __slots__ = ("_name", "_script")

    def __init__(self, script: Script, name: str) -> None:
        self._script = script
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None and not isinstance(error, DonkiError):
            raise self._script.error(f"{self._name} failed", error) from error


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ScriptError(f"{file}: cannot be read: {error}") from None


def _compile(file: Path, source: bytes) -> CodeType:
    try:
        return compile(source, str(file), "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ScriptError(f"{file}, line {error.lineno}: {error.msg}") from None
    except ValueError as error:
        raise ScriptError(f"{file}: cannot be read: {error}") from None
