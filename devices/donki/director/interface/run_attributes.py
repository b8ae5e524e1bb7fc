"""The Director's attributes of its runs: who they are, what is kept of them, why the last one failed."""

from __future__ import annotations

import json

from tango import DispLevel

from donki.device.publisher import ARCHIVED
from donki.director.interface.declaring import run_setting, shown
from donki.director.settings import DRAWN_SEED, Settings

#: The most jobs at file writers that are shown.
MOST_JOBS = 1000


class RunAttributes:
    """Stands before the device among the bases of its class."""

    RunId = shown(
        lambda director: director.runs.run_id,
        dtype=str,
        label="Run ID",
        doc="Id of the run in progress or last done.",
        **ARCHIVED,
    )
    JournalFile = shown(
        lambda director: director.runs.recorder.journal_file,
        dtype=str,
        label="Journal",
        display_level=DispLevel.EXPERT,
        doc="Path of the journal of all runs; the master files are beside it. Empty if it cannot be written.",
    )
    FileWriterState = shown(
        lambda director: director.runs.recorder.writer_jobs,
        dtype=(str,),
        max_dim_x=MOST_JOBS,
        label="File writers",
        doc="Jobs at the file writers of the run in progress or the last one, and those left behind: asked, "
        "accepted, writing, written, refused, failed or silent, then a colon, the file and what is known.",
    )
    RunTitle = run_setting(
        "RunTitle",
        lambda director: director.run_settings.title,
        Settings.set_title,
        dtype=str,
        label="Title of the run",
        doc="Title of the next run.",
    )
    RunMetadata = run_setting(
        "RunMetadata",
        lambda director: director.run_settings.metadata,
        Settings.set_metadata,
        dtype=str,
        label="Metadata of the run",
        doc="JSON object that is kept with the data of the next run.",
    )
    RunSeed = run_setting(
        "RunSeed",
        lambda director: director.run_settings.seed,
        Settings.set_seed,
        dtype=int,
        label="Seed of the run",
        min_value=DRAWN_SEED,
        # As wide as an int64, whose largest value Tango cannot take for a limit: it makes a double of it.
        format="%19d",
        doc="Seed of the next run's random numbers; -1: another at each Start.",
    )
    LastError = shown(
        lambda director: director.view.standing.last_error,
        dtype=str,
        label="Last error",
        doc="Which Player, which trigger, and what it said; empty if none.",
        **ARCHIVED,
    )
    LastFailure = shown(
        lambda director: json.dumps(director.view.standing.last_failure),
        dtype=str,
        label="Last failure",
        doc="LastError for programs, a JSON object: player, null where it was nobody's alone; trigger, 0 at "
        "the set-up; attempt; reason; at_stop, whether it failed as it left the run. Empty if there is none.",
    )
