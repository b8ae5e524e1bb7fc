"""Processes that action scripts start: by multiprocessing's spawn or forkserver, never by fork.

A fork copies the locks that other threads of the server hold, which then stay held for ever, and its sockets,
which then stay open after the server's end. A worker of the other kinds is a program of its own: it imports
`donki.player.script.worker` in place of the server's main module, and ends when the server does.
"""

from __future__ import annotations

import atexit
import importlib.util
import multiprocessing
import sys
import threading
import weakref
from collections.abc import Container, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from multiprocessing.pool import Pool
from multiprocessing.process import BaseProcess

from donki.errors import NotAllowedError

#: How long a process that is told to end may take before it is killed, in s.
END_PATIENCE = 0.5

_script = threading.local()
_start = BaseProcess.start


def prepare() -> None:
    """Have all processes that this one starts be of the kinds that work; once, when the server starts."""
    multiprocessing.set_start_method("spawn", force=True)
    sys.modules["__main__"].__spec__ = importlib.util.find_spec("donki.player.script.worker")
    refuse_fork()
    BaseProcess.start = _start_noted  # type: ignore[method-assign, assignment]
    # Before multiprocessing's own, which waits for them.
    atexit.register(_end_all)


def refuse_fork() -> None:
    """Refuse every fork of this process from now on, by whatever way it is asked for."""
    sys.addaudithook(_refuse_fork)


class Workers:
    """The processes that one script has started and that may still run."""

    def __init__(self) -> None:
        self._processes: weakref.WeakSet[BaseProcess] = weakref.WeakSet()

    def noted(self) -> AbstractContextManager[None]:
        """Note what this thread starts meanwhile."""
        return _Noted(self._processes)

    def end(self, kept: Iterable[object] = ()) -> list[str]:
        """End those that still run, and return their names.

        Parameters
        ----------
        kept
            pools and executors among these go on, with their processes
        """
        pids = _pids(kept)
        left = [process for process in self._processes if process.pid not in pids and process.is_alive()]
        for process in left:
            process.terminate()
        for process in left:
            process.join(END_PATIENCE)
            if process.is_alive():
                process.kill()
        return [process.name for process in left]


class _Noted:
    """Has a thread's new processes noted; a class, for it is entered at every trigger."""

    __slots__ = ("_before", "_processes")

    def __init__(self, processes: weakref.WeakSet[BaseProcess]) -> None:
        self._processes = processes
        self._before: weakref.WeakSet[BaseProcess] | None = None

    def __enter__(self) -> None:
        self._before = getattr(_script, "processes", None)
        _script.processes = self._processes

    def __exit__(self, *_: object) -> None:
        _script.processes = self._before


def _end_all() -> None:
    for process in multiprocessing.active_children():
        process.terminate()


def _pids(kept: Iterable[object]) -> Container[int | None]:
    pids: set[int | None] = set()
    for value in kept:
        if isinstance(value, Pool):
            pids.update(process.pid for process in value._pool)  # type: ignore[attr-defined]  # noqa: SLF001
        elif isinstance(value, ProcessPoolExecutor):
            pids.update(value._processes or ())  # noqa: SLF001
    return pids


def _start_noted(process: BaseProcess) -> None:
    _start(process)
    processes = getattr(_script, "processes", None)
    if processes is not None:
        processes.add(process)


def _refuse_fork(event: str, _arguments: tuple[object, ...]) -> None:
    if event in ("os.fork", "os.forkpty"):
        raise NotAllowedError(
            "fork is refused: the copy hangs at locks that other threads hold, and keeps the server's "
            'sockets open; use multiprocessing.get_context("spawn"), the default here, or "forkserver"'
        )
