"""The Players of one server: a call to one of them can carry a command for many, which act side by side.

No Tango here. The answers come as they are given: a Player that takes long keeps back nobody else's. Each has
a thread of its own. Those that are mostly done at once act one after another in a thread that they share,
since waking a thread for each would cost more than what they do; should one of them take long this time, the
others go to their own.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable
from contextvars import copy_context

from donki.errors import NOT_IN_SERVER, InputError
from donki.player.server_calls.call import Call, Job, PlayerAnswer
from donki.player.server_calls.server_player import QUICK, ServerPlayer
from donki.player.server_calls.shared_thread import SharedThread

#: How much later than who awaits its answers a call may come, in s.
LATE = 1.0

#: How many calls that are over are remembered, in case a reply did not arrive.
REMEMBERED = 4


class ServerPlayers:
    """The Players of this process, by device name, whose case does not matter."""

    def __init__(self) -> None:
        self._token = ""
        self._players: dict[str, ServerPlayer] = {}
        self._calls: dict[str, Call] = {}
        self._lock = threading.Lock()
        self._called = threading.Condition(self._lock)
        self._quick = threading.Lock()
        self._shared = SharedThread()

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
        short: list[tuple[ServerPlayer, Job]] = []
        for name, player in players:
            if player is None:
                call.answered(name, NOT_IN_SERVER, "is not in this server")
                continue
            # A context is entered by one thread at a time.
            job = Job(call, name, command, argument, copy_context())
            if player.is_short(command):
                short.append((player, job))
            else:
                player.take(job)
        if short:
            self._shared.carry_out(short, call)


#: Those of this process.
PLAYERS = ServerPlayers()
