"""A question to many at once, answered in time whoever is silent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

Asked = TypeVar("Asked", bound=Hashable)
Answer = TypeVar("Answer")

#: The most that can be silent at once without keeping the others waiting.
THREADS = 128


class Inquiry(Generic[Asked, Answer]):
    """Asks many the same question, and waits for no one longer than a limit.

    Whoever has not answered an earlier question is not asked again before that one has ended, so that however
    often it is asked, a silent one keeps one thread and delays nobody.

    Parameters
    ----------
    ask
        asks one of them, in a thread of its own; what it raises is raised to who inquires
    limit
        how long an answer is waited for, in s
    """

    def __init__(self, ask: Callable[[Asked], Answer], limit: float) -> None:
        self._ask = ask
        self._limit = limit
        self._inquiring = threading.Lock()
        self._asking = threading.Lock()
        self._closed = False
        self._silent: dict[Asked, Future[Answer]] = {}
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="inquiry")

    def __call__(self, names: Iterable[Asked]) -> dict[Asked, Answer]:
        """Ask these; return the answers of those that gave one in time."""
        with self._inquiring:
            still = {name: asked for name, asked in self._silent.items() if not asked.done()}
            with self._asking:
                if self._closed:
                    return {}
                asked = {name: self._pool.submit(self._ask, name) for name in names if name not in still}
            wait(asked.values(), self._limit)
            self._silent = still | {name: answer for name, answer in asked.items() if not answer.done()}
        return {name: answer.result() for name, answer in asked.items() if name not in self._silent}

    @property
    def silent(self) -> list[Asked]:
        """Who did not answer in time, and has not answered since."""
        return [name for name, asked in self._silent.items() if not asked.done()]

    def close(self) -> None:
        """Ask nobody any more; who inquires all the same gets no answer."""
        with self._asking:
            self._closed = True
            self._pool.shutdown(wait=False)
