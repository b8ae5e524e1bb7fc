"""Waits for a job that file writers were given, and says what they make of it."""

from __future__ import annotations

from collections.abc import Callable

from donki.director.output.writers.answers import read_answer
from donki.director.rules.writer_jobs import SECOND, JobState, WriterJob
from donki.errors import AnswerError
from donki.limits import USUAL_SILENCE

#: How long a file writer that has fallen silent may take to speak again, in s.
LINGER = 20

_SAID = {
    JobState.ACCEPTED: "{0.writer} has taken the job",
    JobState.WRITING: "{0.writer} is writing",
    JobState.WRITTEN: "{0.writer} has written {0.file}",
}


class JobWatch:
    """Follows a job of a run that has ended until its file is written, or is known not to be.

    Parameters
    ----------
    job
        its id
    file
        what is to be written
    limit
        the most time for all of it, in s
    say
        takes a line for each change, and whether it is bad news
    now
        ns of a monotonic clock, as in all that follows
    """

    def __init__(self, job: str, file: str, limit: float, say: Callable[[str, bool], None], now: int) -> None:
        self._job = WriterJob(job, file, USUAL_SILENCE * SECOND)
        # What asked for the job said when it ends.
        self._job.stop(now)
        self._limit = limit
        self._end = now + limit * SECOND
        self._say = say
        self._is_late = False
        self._told = self._job.state, self._job.trouble

    @property
    def is_written(self) -> bool:
        """Whether the file is written."""
        return self._job.state is JobState.WRITTEN

    def is_over(self, now: int) -> bool:
        """Whether nothing more is to be waited for."""
        return self._is_late or self._job.is_over(now, LINGER * SECOND)

    def take(self, message: bytes, now: int) -> None:
        """Take a message of the topic, of whatever kind."""
        try:
            answer = read_answer(message)
        except AnswerError as error:
            self._say(f"{error}; it is passed over", True)
            return
        if answer and answer.job == self._job.id and self._job.take(answer, now):
            self._tell()

    def look(self, now: int) -> None:
        """Take that no more messages have come until now."""
        if self._job.is_due(now):
            self._job.fall_silent()
            self._tell()
        if now >= self._end and not self.is_over(now):
            self._is_late = True
            missing = "no file writer has taken the job"
            if self._job.writer and self._job.state is not JobState.REFUSED:
                missing = f"{self._job.writer} has not written it"
            self._say(f"{missing} within {self._limit:g} s", True)

    def _tell(self) -> None:
        (state, trouble), self._told = self._told, (self._job.state, self._job.trouble)
        if self._job.trouble not in ("", trouble):
            self._say(self._job.trouble, True)
        elif self._job.state is JobState.REFUSED and state is not JobState.REFUSED:
            self._say(f"{self._job.writer} {self._job.said.rstrip('.')}; another one may take it", False)
        if self._job.state is not state and self._job.state in _SAID:
            self._say(_SAID[self._job.state].format(self._job), False)
