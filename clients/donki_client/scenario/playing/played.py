"""The result of a scenario that was played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from donki.limits import FileWriterPolicy
from donki_client.api.file_writer_state import is_written
from donki_client.api.snapshot import Snapshot
from donki_client.scenario.playing.summary import Result, problems
from donki_client.verify.run_data import RunData


@dataclass(frozen=True)
class Written:
    """What file writers made of a run, or of a section's part of it.

    Attributes
    ----------
    section
        its name; empty at the top
    policy
        what is to be where they do not write it
    jobs
        as the attribute FileWriterState of its Director has them
    """

    section: str
    policy: FileWriterPolicy
    jobs: Sequence[str]

    @property
    def problem(self) -> str:
        """Why it is not written; empty if it is."""
        job = self.jobs[-1] if self.jobs else "it was not asked"
        what = f"section {self.section}" if self.section else "the run"
        return "" if is_written(job) else f"the file writer did not write {what}: {job}"


@dataclass(frozen=True)
class Played:
    """The result of a sequence: how it ended, what each Player did, and what was found of the data.

    ``data`` are those of the run, and of its sections' parts of it.
    ``written`` is what those file writers made of it that were told of it. ``topics`` has a line for each
    topic that was there before, and is not as the scenario says. ``left_behind`` is what could not be taken
    back on hosts, ``uncompared`` a line for each section whose journal is there.
    """

    end: Snapshot
    results: Sequence[Result]
    data: Sequence[RunData]
    written: Sequence[Written] = ()
    topics: Sequence[str] = ()
    left_behind: Sequence[str] = ()
    uncompared: Sequence[str] = ()

    def unwritten(self, policy: FileWriterPolicy) -> list[str]:
        """Return what is not written by file writers where that is the policy, a line each."""
        return [each.problem for each in self.written if each.policy is policy and each.problem]

    @property
    def problems(self) -> list[str]:
        """What is not as it should be, a line each; empty when all was played and everything arrived."""
        places = [problem for data in self.data for problem in data.problems_of_places]
        for data in self.data:
            if data.run.ended is None:
                which = "the run" if data is self.data[0] else f"run {data.run.id}"
                places.append(f"the journal has no end of {which}: not all that was sent is noted there")
        if not self.end.last_error:
            places += self.unwritten(FileWriterPolicy.REQUIRE)
        places += self.left_behind
        return problems(self.end, self.results, places, unread=self.unread_files)

    @property
    def unread_files(self) -> list[str]:
        """The Players whose files are on other hosts."""
        return [name for data in self.data for name in data.unread_files]
