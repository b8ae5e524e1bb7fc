"""The thread that Players of one server share, as long as each of them is done at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import SimpleQueue

from donki.player.server_calls.call import Call, Job
from donki.player.server_calls.server_player import ServerPlayer

#: How long the others wait there for one of them, in s.
STUCK = 0.005


class SharedThread:
    """Carries out what Players do at once, one after another."""

    def __init__(self) -> None:
        self._jobs: deque[tuple[ServerPlayer, Job]] = deque()
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._free = threading.Lock()
        self._has_thread = False

    def carry_out(self, jobs: Sequence[tuple[ServerPlayer, Job]], call: Call) -> None:
        """Have jobs of a call carried out; return when they are, or go on elsewhere, for one takes long."""
        if not self._free.acquire(blocking=False):
            self._hand_on(deque(jobs))
            return
        self._jobs = mine = deque(jobs)
        if not self._has_thread:
            jobs[0][0].start("short calls", self._work)
            self._has_thread = True
        self._wakes.put(None)
        while left := len(mine):
            if call.is_over_within(STUCK) or len(mine) == left:
                break
        self._hand_on(mine)

    def _work(self) -> None:
        while True:
            self._wakes.get()
            try:
                for player, job in _taken(self._jobs):
                    player.do(job)
            finally:
                self._free.release()

    def _hand_on(self, jobs: deque[tuple[ServerPlayer, Job]]) -> None:
        for player, job in _taken(jobs):
            player.take(job)


def _taken(jobs: deque[tuple[ServerPlayer, Job]]) -> Iterator[tuple[ServerPlayer, Job]]:
    """Take jobs out, one after another, also where another thread does so too."""
    with suppress(IndexError):
        while True:
            yield jobs.popleft()
