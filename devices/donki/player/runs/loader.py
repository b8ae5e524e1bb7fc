"""The script of a Player: loaded by a thread of its own, however long that takes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from donki.busy import LOADING
from donki.errors import NotAllowedError, ScriptError
from donki.player.player import Player
from donki.player.runs.machine import Machine
from donki.player.runs.states import Phase
from donki.player.script.path import find_script
from donki.player.script.script import Script
from donki.threads import Threads


class ScriptLoader:
    """Loads the script of a Player.

    Parameters
    ----------
    player
        the player that the script is given
    machine
        is LOADING meanwhile
    threads
        starts the thread

    Attributes
    ----------
    script
        the one that is loaded; None where none is usable
    fault
        why there is no usable script
    """

    def __init__(self, player: Player, machine: Machine, threads: Threads) -> None:
        self._player = player
        self._machine = machine
        self._threads = threads
        self.script: Script | None = None
        self.fault = "no script is set"

    @property
    def hash(self) -> str:
        """The SHA-256 of the script that is loaded, in hexadecimal; empty where there is none."""
        return self.script.hash if self.script else ""

    @property
    def findings(self) -> list[str]:
        """Why there is no usable script, with the remedy; empty where there is one."""
        if self.script:
            return []
        return [f"{self.fault} - mend the script and Reload, or write another to Script"]

    def begin(
        self,
        script_path: Path,
        name: str,
        within: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Future[None]:
        """Load a script, or load it again; without a usable one the Player is in FAULT.

        Parameters
        ----------
        script_path, name
            as `find_script` takes them
        within
            makes the context of the thread that loads it

        Returns
        -------
        Future
            done when the script is loaded; or it has the ScriptError, as state and status have

        Raises
        ------
        NotAllowedError
            while the script acts or is set up
        """
        with self._machine.lock:
            self._machine.refuse_if_busy()
            if self._machine.in_run:
                raise NotAllowedError(f"Player {self._player.name} is set up for a run; Stop it first")
            self._machine.begin(Phase.LOADING, f"{name} {LOADING}")
        loading: Future[None] = Future()

        def work() -> None:
            try:
                with within():
                    self._load(script_path, name)
            except ScriptError as error:
                self.fault = str(error)
                self._finish()
                loading.set_exception(error)
            else:
                self._finish()
                loading.set_result(None)

        def failed(problem: str) -> None:
            self.fault = problem
            self._finish()
            loading.set_exception(ScriptError(f"{name} cannot be loaded: {problem}"))

        self._threads.start("loading", work, failed)
        return loading

    def load(
        self,
        script_path: Path,
        name: str,
        patience: float | None = None,
        within: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Load a script as `begin` does, and wait for it.

        Parameters
        ----------
        script_path, name, within
            as `begin` takes them
        patience
            how long it is waited for, in s; after that, state and status tell the result. None: always

        Raises
        ------
        ScriptError
            saying which file and line
        NotAllowedError
            while the script acts or is set up
        """
        loading = self.begin(script_path, name, within)
        if wait([loading], patience).done:
            loading.result()

    def usable(self) -> Script:
        """Return the script; NotAllowedError where none is usable."""
        if self.script is None:
            raise NotAllowedError(f"Player {self._player.name} has no usable script: {self.fault}")
        return self.script

    def close(self) -> None:
        """End what the script has started, as far as it can be ended."""
        if self.script:
            self.script.close()

    def _load(self, script_path: Path, name: str) -> None:
        self.close()
        self.script = None
        self._machine.failure = None
        self.script = Script(find_script(script_path, name), self._player, script_path.resolve())
        if self._machine.closed:
            self.close()

    def _finish(self) -> None:
        self._machine.finish(Phase.READY if self.script else Phase.NO_SCRIPT)
