"""The Tango device of a section: a Director with the face of a Player; what it does is in `runs`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import tango
from tango import DispLevel

from donki.device.commands import command
from donki.device.errors import as_dev_failed
from donki.device.serving import serve
from donki.director.device import DonkiDirector
from donki.player.settings import Settings
from donki.player.trigger import parse_trigger
from donki.run import Run
from donki.section.interface import SectionAttributes
from donki.section.runs import SectionRuns

_RUN_DOC = "JSON object: version, id, title, metadata, seed and director: the run of the Director above"
_OUTPUT_DOC = "JSON object: version; run, the id of that run; files, none; and the streams of its Players"

#: What the Director above reads, and a person sets.
_MEMORIZED = ("Priority", "Timeout", "OnError", "Retries")


class DonkiSection(SectionAttributes, DonkiDirector):
    """A Director that is a Player of another one: each trigger of that is one of its own."""

    runs: SectionRuns

    def __init__(self, *args: Any) -> None:
        self.settings = Settings()
        super().__init__(*args)

    @property
    def _memorized(self) -> dict[str, Callable[[str], None]]:
        of_player = {name: self.settings.from_text[name] for name in _MEMORIZED}
        return {**super()._memorized, **of_player}

    def _make_runs(self, *of: Any) -> SectionRuns:
        return SectionRuns(self.get_name().rsplit("/", 1)[-1], self.settings, *of)

    @command(dtype_in=str, doc_in=_RUN_DOC, display_level=DispLevel.EXPERT)
    def Reserve(self, text: str) -> None:
        """Keep the section for a run, for 10 s or until Begin or Release, unless it plays another one."""
        with self._answering("Reserve"):
            self.runs.reserve(Run.from_json(text))

    @command(dtype_in=str, doc_in="the id of the run", display_level=DispLevel.EXPERT)
    def Release(self, run_id: str) -> None:
        """Keep the section no more for a run that does not begin."""
        with self._answering("Release"):
            self.runs.release(run_id)

    @command(
        dtype_in=str,
        doc_in=_RUN_DOC,
        dtype_out=str,
        doc_out=_OUTPUT_DOC,
        display_level=DispLevel.EXPERT,
    )
    def Begin(self, text: str) -> str:
        """Take part in the run of the Director above: set the Players up."""
        with self._answering("Begin"):
            self.refuse_problems()
            return json.dumps(self.runs.begin(Run.from_json(text)))

    @command(dtype_out=str, doc_out=_OUTPUT_DOC, display_level=DispLevel.EXPERT)
    def End(self) -> str:
        """Leave the run of the Director above; returns when the Players have stopped."""
        with self._answering("End"):
            return json.dumps(self.runs.end())

    @command(
        dtype_in=str,
        doc_in='JSON: a number, or {"trigger": number, "run": id, "reference_time": ns since 1970 UTC, '
        '"attempt": number from 1, "period": ns from 0}, of which only the trigger is needed',
        dtype_out=str,
        doc_out="JSON object: trigger, attempt, duration in s; events, messages and bytes of all Players",
        display_level=DispLevel.EXPERT,
    )
    def Trigger(self, text: str) -> str:
        """Play one trigger; returns when all Players have done it."""
        with as_dev_failed("Trigger"), tango.AutoTangoAllowThreads(self):
            trigger, run_id = parse_trigger(text)
            return self.runs.play(trigger, run_id).as_json()


def main() -> None:
    """Run the device server, as every Tango server is run: ``DonkiSection INSTANCE``."""
    serve(DonkiSection)


if __name__ == "__main__":
    main()
