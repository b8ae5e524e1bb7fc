"""The sections of a run as their journals have them, where those can be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.reading.rows import RecordedPlayer, RecordedRun
from donki.errors import DonkiError
from donki.run import Run
from donki.section_place import SectionPlace, run_below


class RecordedSection(NamedTuple):
    """A section in a run.

    Attributes
    ----------
    name
        its own, after those of the sections that it plays in, with slashes
    player
        the section as a Player, in the journal of the Director above
    place
        where it is
    run_id
        of its part of the run
    above, run_above
        the journal of the Director above, and the run there
    reader, run
        its journal, and the run there; None where it cannot be read
    """

    name: str
    player: RecordedPlayer
    place: SectionPlace
    run_id: str
    above: JournalReader
    run_above: RecordedRun
    reader: JournalReader | None
    run: RecordedRun | None

    @property
    def elsewhere(self) -> str:
        """Where to look where its journal cannot be read."""
        where = self.place.journal or "nowhere"
        return f"its journal is not readable here: run {self.run_id} in {where} on {self.place.host}"


@contextmanager
def recorded_sections(reader: JournalReader, run: RecordedRun) -> Iterator[list[RecordedSection]]:
    """Give the sections of a run and theirs, each before those that play in it; their journals are open."""
    with ExitStack() as stack:
        yield list(_below(reader, run, "", stack))


def _below(reader: JournalReader, run: RecordedRun, path: str, stack: ExitStack) -> Iterator[RecordedSection]:
    for player in reader.players(run):
        place = SectionPlace.read(player.parameters)
        if place is None:
            continue
        run_id, name = run_below(Run(run.id), player.name).id, f"{path}{player.name}"
        below = part = None
        try:
            below = stack.enter_context(JournalReader(Path(place.journal).parent)) if place.journal else None
            part = below.run(run_id) if below else None
        except DonkiError:
            # It is on another host, or not there any more.
            below = None
        yield RecordedSection(name, player, place, run_id, reader, run, below, part)
        if below and part:
            yield from _below(below, part, f"{name}/", stack)
