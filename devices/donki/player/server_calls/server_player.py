"""A Player of this server, as calls for several reach it: it carries out one command after another."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from queue import SimpleQueue

from donki.errors import NOT_IN_SERVER
from donki.player.server_calls.call import Job
from donki.threads import Threads

#: Commands that return at once: they are carried out one after another, so that one Director gets all.
QUICK = frozenset({"Reserve", "Release", "Read"})

#: Commands that are carried out whatever the Player is busy with.
BESIDE = frozenset({"Abort", "Check"})

#: What is done within this, in s, is done at once.
SHORT = 0.0003

#: How often in a row a Player may take longer; if it is once, the machine may be busy.
CHANCES = 3


class ServerPlayer:
    """A Player of this server, and the thread in which it carries out what comes in calls for several.

    Parameters
    ----------
    carry_out
        carries out a command with its argument; returns the reason of an error, empty for none, and a text
    threads
        where what goes wrong in its thread is said
    within
        the context in which its threads run
    """

    def __init__(
        self,
        carry_out: Callable[[str, str], tuple[str, str]],
        threads: Threads,
        within: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._carry_out = carry_out
        self._threads = threads
        self._within = within
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._has_thread = False
        self._has_ended = False
        self._turn = threading.Lock()
        self._waiting = 0
        self._long: Counter[str] = Counter()

    def take(self, job: Job) -> None:
        """Carry out a command: at once, beside what it does now, or after that."""
        if job.command in QUICK:
            self._do(job)
            return
        with self._lock:
            if self._has_ended:
                job.call.answered(job.player, NOT_IN_SERVER, "has just left this server")
            elif job.command in BESIDE:
                self._threads.start(job.command.lower(), lambda: self._do_within(job), lambda _problem: None)
            else:
                if not self._has_thread:
                    self.start("calls", self._work)
                    self._has_thread = True
                self._waiting += 1
                self._jobs.put(job)

    def is_short(self, command: str) -> bool:
        """Return whether this one is idle, and done at once with a command that waits for its turn."""
        if command in QUICK or command in BESIDE or self._waiting or self._turn.locked():
            return False
        return self._long[command] < CHANCES

    def do(self, job: Job) -> None:
        """Carry out a command in this thread, after the one that it carries out in another."""
        with self._turn:
            began = time.perf_counter()
            self._do(job)
            is_long = time.perf_counter() - began > SHORT
            self._long[job.command] = self._long[job.command] + 1 if is_long else 0

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Start a thread that is looked after as those of this Player."""

        def run() -> None:
            with self._within():
                work()

        self._threads.start(name, run)

    def end(self) -> None:
        """Take no more commands; the thread ends when it has done what it was asked."""
        with self._lock:
            self._has_ended = True
            self._jobs.put(None)

    def _work(self) -> None:
        while job := self._jobs.get():
            self.do(job)
            with self._lock:
                self._waiting -= 1

    def _do_within(self, job: Job) -> None:
        with self._within():
            self._do(job)

    def _do(self, job: Job) -> None:
        try:
            reason, text = job.context.run(self._carry_out, job.command, job.argument)
        except BaseException as error:  # noqa: BLE001 - the call waits for an answer
            reason, text = "PyDs_PythonError", self._threads.caught(job.command, error)
        job.call.answered(job.player, reason, text)
