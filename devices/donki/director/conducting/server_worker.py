"""The Players of a run that share a server, as the Director calls them: many by one call."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from contextvars import Context, copy_context
from functools import partial
from typing import NamedTuple

import tango

from donki.device.calls import open_proxy
from donki.device.errors import has_no_answer, is_elsewhere
from donki.director.conducting.answer import Given
from donki.director.conducting.player_worker import PlayerWorker
from donki.director.players.server_call import call_server
from donki.director.rules.effects import Ask, Task
from donki.errors import DonkiError
from donki.threads import Threads

#: The command of each task.
COMMANDS = {Task.START: "Begin", Task.TRIGGER: "Trigger", Task.STOP: "End"}

#: How long a call is held at most by a server that answers, and more, in s.
HELD = 5.0

#: How much longer than its Timeout a Player is listened to, in s: the conducting thread keeps the time.
LEEWAY = 5.0

#: How long an Abort may take, in s.
ABORT_LIMIT = 5.0


class _Call(NamedTuple):
    ask: Ask
    argument: str
    workers: Sequence[PlayerWorker]
    context: Context


class ServerWorker:
    """Calls the Players of one server, many by one call, in threads of its own.

    There is one thread, and another one where a server that fell silent still has that.

    Parameters
    ----------
    name
        of the server, for its threads
    threads
        where what goes wrong in its threads is said
    """

    def __init__(self, name: str, threads: Threads) -> None:
        self._name = name
        self._threads = threads
        self._door = _Door()
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = self._started = 0

    def ask(self, ask: Ask, argument: str, workers: Sequence[PlayerWorker]) -> None:
        """Have Players do something, with the same argument; each worker takes the answer of its Player."""
        for worker in workers:
            worker.expect(ask)
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                self._started += 1
                self._threads.start(f"server {self._name}", self._work)
        self._calls.put(_Call(ask, argument, workers, copy_context()))

    def abort(self, workers: Sequence[PlayerWorker]) -> None:
        """Tell Players to give up, past the calls that they are busy with."""
        abort = partial(copy_context().run, self._abort, workers)
        self._threads.start(f"abort {self._name}", abort, lambda _problem: None)

    def end(self) -> None:
        """Let the threads end when they have done what they were asked."""
        for _ in range(self._started):
            self._calls.put(None)

    def _work(self) -> None:
        with tango.EnsureOmniThread():
            while call := self._calls.get():
                waiting = {worker.entry.device: worker for worker in call.workers}
                try:
                    call.context.run(self._call, call, waiting)
                except BaseException as error:  # noqa: BLE001 - the conductor waits for answers
                    why = DonkiError(f"the Director failed at it: {self._threads.caught(self._name, error)}")
                    for worker in waiting.values():
                        worker.take(call.ask, call.argument, Given("", why, time.monotonic_ns()))
                with self._lock:
                    self._idle += 1

    def _call(self, call: _Call, waiting: dict[str, PlayerWorker]) -> None:
        """Call the Players that wait for it; those that have answered do so no more."""
        self._door.of(call.workers)
        limit = max(worker.entry.timeout for worker in call.workers) + LEEWAY
        command = COMMANDS[call.ask.task]
        for answer in call_server(self._door.reach, command, call.argument, list(waiting), limit):
            if isinstance(answer.error, tango.DevFailed) and has_no_answer(answer.error):
                self._door.close()
            given = Given(answer.text, answer.error, answer.given)
            waiting[answer.device].take(call.ask, call.argument, given)
            del waiting[answer.device]

    def _abort(self, workers: Sequence[PlayerWorker]) -> None:
        with tango.EnsureOmniThread():
            waiting = {worker.entry.device: worker for worker in workers}
            self._door.of(workers)
            for answer in call_server(self._door.reach, "Abort", "", list(waiting), ABORT_LIMIT):
                if isinstance(answer.error, tango.DevFailed) and is_elsewhere(answer.error):
                    waiting[answer.device].abort()


class _Door:
    """The Player through which a server is called; once it is found, the database is not needed any more."""

    def __init__(self) -> None:
        self._proxy: tango.DeviceProxy | None = None
        self._device = ""
        self._tried = 0

    def of(self, workers: Sequence[PlayerWorker]) -> None:
        """Call through one of these, if another is to be looked for; the next one each time."""
        self._device = workers[self._tried % len(workers)].entry.device

    def reach(self) -> tango.DeviceProxy:
        """Return a proxy of it."""
        self._proxy = proxy = self._proxy or open_proxy(self._device, HELD)
        return proxy

    def close(self) -> None:
        """Look for another one the next time."""
        self._proxy = None
        self._tried += 1
