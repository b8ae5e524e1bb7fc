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
class Played:
    """The result of a sequence: how it ended, what each Player did, and what was found of the data.

    ``data`` are those of the run, and of its sections' parts of it.
    ``jobs`` are those at the file writers, as the Director's FileWriterState has them, with the policy for
    them; None where they were not told of the run. ``topics`` has a line for each topic that was there
    before, and is not as the scenario says. ``left_behind`` is what could not be taken back on hosts,
    ``uncompared`` a line for each section whose journal is there.
    """

    end: Snapshot
    results: Sequence[Result]
    data: Sequence[RunData]
    with_files: bool
    jobs: Sequence[str] = ()
    policy: FileWriterPolicy | None = None
    topics: Sequence[str] = ()
    left_behind: Sequence[str] = ()
    uncompared: Sequence[str] = ()

    @property
    def unwritten(self) -> str:
        """Why the run is not written by a file writer, unless that is to be ignored; empty if it is."""
        ignored = self.policy in (None, FileWriterPolicy.IGNORE)
        job = self.jobs[-1] if self.jobs else "it was not asked"
        return "" if ignored or is_written(job) else f"the file writer did not write the run: {job}"

    @property
    def problems(self) -> list[str]:
        """What is not as it should be, a line each; empty when all was played and everything arrived."""
        places = [problem for data in self.data for problem in data.problems_of_places]
        for data in self.data:
            if data.run.ended is None:
                which = "the run" if data is self.data[0] else f"run {data.run.id}"
                places.append(f"the journal has no end of {which}: not all that was sent is noted there")
        if self.policy is FileWriterPolicy.REQUIRE and self.unwritten and not self.end.last_error:
            places.append(self.unwritten)
        places += self.left_behind
        unread = self.unread_files
        return problems(self.end, self.results, places, with_files=self.with_files, unread=unread)

    @property
    def unread_files(self) -> list[str]:
        """The Players whose files are on other hosts."""
        return [name for data in self.data for name in data.unread_files]
