"""What becomes of a job at the file writers, by what they answer and by the time.

Times are ns of a monotonic clock. The answers are those of kafka-to-nexus, and what follows from each is what
NICOS makes of it: a job is accepted once, its writer then says every few seconds that it is writing, and at
last that the file is written. Who takes a job may answer before, between and after others that do not: a
refusal counts when nobody has taken the job for a while. In a pool one writer gets the job and answers, but
several pools may read one topic.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import NamedTuple

SECOND = 1_000_000_000

#: How often a file writer says what it does, in ns, until it says how often; and the most that is believed.
USUAL_INTERVAL = 2 * SECOND
MOST_INTERVAL = 3600 * SECOND


class JobState(Enum):
    """Where a job stands; the values are the words of the attribute FileWriterState and of the journal."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    WRITING = "writing"
    WRITTEN = "written"
    REFUSED = "refused"
    FAILED = "failed"
    SILENT = "silent"


#: How long another file writer may take the job after one has refused it, in ns; at most its patience.
GRACE = 5 * SECOND

#: The states of a job of which something is still to come.
OPEN = frozenset({JobState.ASKED, JobState.ACCEPTED, JobState.WRITING})

#: Those of a job that a file writer has.
HELD = frozenset({JobState.ACCEPTED, JobState.WRITING})

#: Those in which a file writer has said its last word.
ENDED = frozenset({JobState.WRITTEN, JobState.FAILED})


class Says(Enum):
    """What an answer says of its job."""

    ACCEPTS = auto()
    REFUSES = auto()
    WRITES = auto()
    WILL_STOP = auto()
    WILL_NOT_STOP = auto()
    HAS_WRITTEN = auto()
    HAS_FAILED = auto()


class Answer(NamedTuple):
    """What a file writer answers.

    Attributes
    ----------
    says
        what
    job
        of which job, by its id
    writer
        who, by its service id
    text
        in its own words
    file
        the path of what it has written
    interval
        of what it says while it writes: how long until it says so again, ns
    """

    says: Says
    job: str
    writer: str
    text: str = ""
    file: str = ""
    interval: int = USUAL_INTERVAL


def job_line(state: str, file: str, writer: str, job: str, said: str) -> str:
    """Return what is known of a job: its state, a colon, and the rest; what is not known is empty."""
    by = f", by {writer}" if writer else ""
    said = f": {said}" if said else ""
    return f"{state}: {file}{by}, job {job}{said}"


class WriterJob:
    """A job that file writers were asked for.

    Parameters
    ----------
    id
        a UUID
    file
        what is to be written
    patience
        how long a file writer may be silent beyond its own interval, ns

    Attributes
    ----------
    id, file
        as given; of a file that is written, its path
    state
        where it stands
    writer
        who took it, or refused it, by its service id
    said
        what the writer said of it last, or what is missing; empty where all is well
    """

    def __init__(self, id: str, file: str, patience: int) -> None:
        self.id = id
        self.file = file
        self.state = JobState.ASKED
        self.writer = ""
        self.said = ""
        self._patience = patience
        self._interval = 0
        self._deadline = math.inf
        self._is_stopping = False
        self._is_amiss = False

    def __str__(self) -> str:
        """Return it as a line of FileWriterState: the state, a colon, and all else that is known."""
        return job_line(self.state.value, self.file, self.writer, self.id, self.said)

    @property
    def trouble(self) -> str:
        """Why the run is not written as it should be; empty if it is, as far as is known."""
        if not self._is_amiss:
            return ""
        return f"{self.writer}: {self.said}" if self.writer else self.said

    @property
    def is_stopping(self) -> bool:
        """Whether its end was asked for."""
        return self._is_stopping

    def left_behind(self, state: JobState, writer: str) -> None:
        """Take it up as a Director left it that died."""
        self.state, self.writer = state, writer

    def asked(self, now: int) -> None:
        """Take that file writers are asked for it now: the time for an answer begins."""
        self._wait(now)

    def stop(self, now: int) -> None:
        """Take that its end is asked for now; a writer that says that it is writing may take its time."""
        self._is_stopping = True
        self._wait(now)

    def excuse(self, now: int) -> None:
        """Take that nobody could be heard until now."""
        if self._deadline < math.inf:
            self._wait(now)

    def take(self, answer: Answer, now: int) -> bool:
        """Take an answer to this job; return whether it changed anything worth keeping."""
        before = self._kept
        if self.state in HELD and answer.writer != self.writer:
            if answer.says is Says.ACCEPTS:
                self._blame(f"{answer.writer} took the job too")
            return self._kept != before
        match answer.says:
            case Says.ACCEPTS if self.state not in HELD | ENDED:
                self._go_on(JobState.ACCEPTED, answer, now)
            case Says.REFUSES if self.state in (JobState.ASKED, JobState.SILENT):
                self._refuse(answer, now)
            case Says.WRITES if self.state not in ENDED:
                self._go_on(JobState.WRITING, answer, now)
            case Says.WILL_STOP if self.state in HELD:
                self._wait(now)
            case Says.WILL_NOT_STOP if self.state in HELD and self._is_stopping:
                self._blame(f"does not stop: {answer.text}")
                self._wait(now)
            case Says.HAS_WRITTEN if self.state not in ENDED:
                self.file = answer.file or self.file
                early = "" if self._is_stopping else "ended before the run did, the file lacks the rest"
                self._settle(JobState.WRITTEN, answer, early)
            case Says.HAS_FAILED if self.state not in ENDED:
                self.file = answer.file or self.file
                self._settle(JobState.FAILED, answer, f"failed: {answer.text}")
        return self._kept != before

    def is_due(self, now: int) -> bool:
        """Whether an answer should have come by now, or another one after a refusal."""
        return self._is_awaited and now >= self._deadline

    def overdue(self, now: int) -> float:
        """Return for how long an answer should have come, ns; 0 if it should not."""
        return max(0, now - self._deadline) if self._is_awaited else 0

    def is_over(self, now: int, linger: int) -> bool:
        """Whether nothing more is to come; of a silent one, when so many ns have passed too."""
        if self.state is JobState.SILENT:
            return self._is_stopping and now >= self._deadline + linger
        if self.state is JobState.REFUSED:
            return self._is_amiss and now >= self._deadline
        return self.state in ENDED

    def fall_silent(self, why: str = "") -> None:
        """Take that no answer came in time, or why none could; of a job that was refused, no other one."""
        if self.state is JobState.REFUSED:
            self._is_amiss = True
            return
        seconds = f"{(self._patience + self._interval) / SECOND:g} s"
        silence = f"no answer within {seconds}; is a file writer running, and free?"
        if self.writer:
            silence = f"nothing was heard for {seconds}"
        self.state = JobState.SILENT
        self._blame(why or silence)

    @property
    def _kept(self) -> tuple[object, ...]:
        return self.state, self.writer, self.file, self.said

    @property
    def _is_awaited(self) -> bool:
        return self.state in OPEN or (self.state is JobState.REFUSED and not self._is_amiss)

    def _wait(self, now: int) -> None:
        self._deadline = now + self._interval + self._patience

    def _blame(self, said: str) -> None:
        self.said, self._is_amiss = said, True

    def _go_on(self, state: JobState, answer: Answer, now: int) -> None:
        if self.state not in HELD:
            self.said, self._is_amiss = "", False
        self.state, self.writer = state, answer.writer
        self._interval = min(answer.interval, MOST_INTERVAL)
        self._wait(now)

    def _refuse(self, answer: Answer, now: int) -> None:
        """Take a refusal; whoever was silent is blamed already, else nobody is before the time is over."""
        self.state, self.writer, self.said = (
            JobState.REFUSED,
            answer.writer,
            f"refused the job: {answer.text}",
        )
        self._deadline = now + min(GRACE, self._patience)

    def _settle(self, state: JobState, answer: Answer, blamed: str) -> None:
        self.state, self.writer = state, answer.writer
        self.said, self._is_amiss = blamed, bool(blamed)
