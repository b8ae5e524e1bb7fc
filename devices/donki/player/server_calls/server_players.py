"""The Players of one server: a call to one of them can carry a command for many, which act side by side.

No Tango here. The answers come as they are given: a Player that takes long keeps back nobody else's.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from contextvars import Context, copy_context
from dataclasses import dataclass
from queue import SimpleQueue
from typing import NamedTuple

from donki.errors import NOT_IN_SERVER, InputError
from donki.threads import Threads

#: How long the first answers wait for the others, so that one reply takes them all, in s.
LINGER = 0.002

#: How long a reply waits for the first answer, in s; who wants the rest asks again.
PATIENCE = 3.0

#: How much later than who awaits its answers a call may come, in s.
LATE = 1.0

#: How many calls that are over are remembered, in case a reply did not arrive.
REMEMBERED = 4

#: Commands that return at once: they are carried out one after another, so that one Director gets all.
QUICK = frozenset({"Reserve", "Release", "Read"})

#: Commands that are carried out whatever the Player is busy with.
BESIDE = frozenset({"Abort", "Check"})


class PlayerAnswer(NamedTuple):
    """What one Player answered.

    Attributes
    ----------
    player
        its device name, as it was asked for
    reason
        the reason of its error; empty where it did as asked
    text
        what its command returned, or what the error says
    given
        when it was given, ns of the monotonic clock
    """

    player: str
    reason: str
    text: str
    given: int


class Call:
    """A command for some Players, and their answers so far.

    Parameters
    ----------
    players
        how many
    """

    def __init__(self, players: int) -> None:
        self._expected = players
        self._answers: list[PlayerAnswer] = []
        self._more = threading.Condition()
        self._all = threading.Event()
        if not players:
            self._all.set()

    @property
    def is_over(self) -> bool:
        """Whether all have answered."""
        return self._all.is_set()

    def answered(self, player: str, reason: str, text: str) -> None:
        """Take the answer of a Player."""
        with self._more:
            self._answers.append(PlayerAnswer(player, reason, text, time.monotonic_ns()))
            self._more.notify_all()
            if len(self._answers) == self._expected:
                self._all.set()

    def wait(self, seen: int) -> list[PlayerAnswer]:
        """Return the answers after so many: all, or those there are when some have been there for `LINGER`.

        None after `PATIENCE`.
        """
        # Often all come at once: then who waits is woken once.
        if not self._all.wait(LINGER):
            with self._more:
                self._more.wait_for(lambda: len(self._answers) > seen, PATIENCE)
            self._all.wait(LINGER)
        return self._answers[seen:]


@dataclass(frozen=True)
class Job:
    """A command that a Player is to carry out, in the context of who asked."""

    call: Call
    player: str
    command: str
    argument: str
    context: Context


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
                self._have_thread()
                self._jobs.put(job)

    def end(self) -> None:
        """Take no more commands; the thread ends when it has done what it was asked."""
        with self._lock:
            self._has_ended = True
            self._jobs.put(None)

    def _have_thread(self) -> None:
        if not self._has_thread:
            self._has_thread = True
            self._threads.start("calls", self._work)

    def _work(self) -> None:
        with self._within():
            while job := self._jobs.get():
                self._do(job)

    def _do_within(self, job: Job) -> None:
        with self._within():
            self._do(job)

    def _do(self, job: Job) -> None:
        try:
            reason, text = job.context.run(self._carry_out, job.command, job.argument)
        except BaseException as error:  # noqa: BLE001 - the call waits for an answer
            reason, text = "PyDs_PythonError", self._threads.caught(job.command, error)
        job.call.answered(job.player, reason, text)


class ServerPlayers:
    """The Players of this process, by device name, whose case does not matter."""

    def __init__(self) -> None:
        self._token = ""
        self._players: dict[str, ServerPlayer] = {}
        self._calls: dict[str, Call] = {}
        self._lock = threading.Lock()
        self._called = threading.Condition(self._lock)
        self._quick = threading.Lock()

    @property
    def token(self) -> str:
        """What tells this process from every other, on whatever host."""
        with self._lock:
            # A process that was forked is another one than that which imported this.
            self._token = self._token or uuid.uuid4().hex
            return self._token

    def join(self, name: str, player: ServerPlayer) -> Callable[[], None]:
        """Add a Player of this process; what is returned takes it out."""
        key = name.lower()
        with self._lock:
            self._players[key] = player

        def leave() -> None:
            with self._lock:
                if self._players.get(key) is player:
                    del self._players[key]
            player.end()

        return leave

    def call(self, ident: str, command: str, argument: str, names: Iterable[str]) -> list[PlayerAnswer]:
        """Have Players carry out a command; return the first answers, as of `Call.wait`.

        Parameters
        ----------
        ident
            by which the rest is awaited; another one for each call
        command, argument
            the same for all
        names
            of their devices
        """
        names = list(names)
        call = Call(len(names))
        with self._lock:
            over = [known for known, earlier in self._calls.items() if earlier.is_over]
            for known in over[:-REMEMBERED]:
                del self._calls[known]
            self._calls[ident] = call
            self._called.notify_all()
            players = [(name, self._players.get(name.lower())) for name in names]
        if command in QUICK:
            with self._quick:
                self._hand_out(call, command, argument, players)
        else:
            self._hand_out(call, command, argument, players)
        return call.wait(0)

    def wait(self, ident: str, seen: int) -> list[PlayerAnswer]:
        """Return more answers to a call, of which so many have been seen.

        Raises
        ------
        InputError
            where there is no such call, or no more
        """
        with self._called:
            # It may have come after this, where a server was silent for a while.
            self._called.wait_for(lambda: ident in self._calls, LATE)
            call = self._calls.get(ident)
        if call is None:
            raise InputError(f"call {ident:.80}: unknown here, or over for long; call the Players again")
        return call.wait(seen)

    def _hand_out(
        self, call: Call, command: str, argument: str, players: Iterable[tuple[str, ServerPlayer | None]]
    ) -> None:
        for name, player in players:
            if player is None:
                call.answered(name, NOT_IN_SERVER, "is not in this server")
            else:
                # A context is entered by one thread at a time.
                player.take(Job(call, name, command, argument, copy_context()))


#: Those of this process.
PLAYERS = ServerPlayers()
