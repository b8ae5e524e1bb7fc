"""Whether a run of this Director was interrupted, looked up when it starts again."""

from __future__ import annotations

from collections.abc import Callable

from donki.director.output.recorder import Recorder
from donki.errors import FileError
from donki.threads import Threads

#: How long the journal is waited for when the Director starts, in s: its disk may be slow.
PATIENCE = 0.5


class InterruptedRun:
    """Looks it up in a thread of its own, since the disk may be slow.

    Parameters
    ----------
    recorder
        has the journal
    threads
        where what goes wrong in its thread is said
    changed
        is called when it is known
    remedy
        says what can be done about a run, by its id

    Attributes
    ----------
    line
        for Status: which run was interrupted, and what can be done; empty where none was
    """

    def __init__(
        self,
        recorder: Recorder,
        threads: Threads,
        changed: Callable[[], None],
        remedy: Callable[[str], str],
    ) -> None:
        self.line = "the journal is being opened"
        self._recorder = recorder
        self._changed = changed
        self._remedy = remedy
        threads.start("interrupted run", self._look).join(PATIENCE)

    def _look(self) -> None:
        self._recorder.wait_for_the_one_before()
        try:
            interrupted = self._recorder.journal().interrupted()
        except FileError as error:
            self.line = str(error)
        else:
            self.line = (
                f"run {interrupted.run.id} was interrupted after trigger {interrupted.completed}: "
                f"{self._remedy(interrupted.run.id)}"
                if interrupted
                else ""
            )
        self._changed()
