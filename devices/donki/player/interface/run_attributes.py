"""What a Player tells of its run: the attributes that can only be read."""

from __future__ import annotations

import json
import logging
import math
import threading

from tango import DispLevel

from donki.device.base import DonkiDevice
from donki.device.commands import attribute
from donki.device.publisher import ARCHIVED_BY_CRITERIA
from donki.player.runs.script_runner import ScriptRunner
from donki.streams.nexus.file_names import MOST_FILES


class LastLog(logging.Handler):
    """Keeps the last line of a script's log.

    Parameters
    ----------
    changed
        is set by each line
    """

    def __init__(self, changed: threading.Event) -> None:
        super().__init__()
        self._changed = changed
        self.line = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        try:
            self.line = self.format(record)
        except Exception:  # noqa: BLE001 - as Python's own handlers do
            self.handleError(record)
        self._changed.set()


class RunAttributes(DonkiDevice):
    """The attributes of a Player that tell of its run, the present one or the last."""

    _script_runner: ScriptRunner
    _last_log: LastLog

    def _read_Run(self) -> str:
        return self._script_runner.session.run.to_json()

    Run = attribute(
        fget=_read_Run,
        dtype=str,
        label="Run",
        display_level=DispLevel.EXPERT,
        doc="JSON object: version, id, title, metadata, seed and director of the present run, or the last.",
    )

    def _read_LastTrigger(self) -> int:
        return self._script_runner.answers.last.trigger if self._script_runner.answers.last else 0

    LastTrigger = attribute(
        fget=_read_LastTrigger,
        dtype=int,
        label="Last trigger",
        doc="The last trigger that was done in this run; 0 before the first.",
        archive_abs_change=1,
        **ARCHIVED_BY_CRITERIA,
    )

    def _read_LastDuration(self) -> float:
        return self._script_runner.answers.last.duration if self._script_runner.answers.last else math.nan

    LastDuration = attribute(
        fget=_read_LastDuration,
        dtype=float,
        label="Last duration",
        unit="s",
        format="%.4f",
        doc="How long the last trigger took, from its arrival until its data were delivered.",
        archive_rel_change=10,
        **ARCHIVED_BY_CRITERIA,
    )

    def _read_EventsSent(self) -> int:
        return self._script_runner.session.counts.events

    EventsSent = attribute(
        fget=_read_EventsSent,
        dtype=int,
        label="Events sent",
        doc="Events that were sent in this run.",
        archive_abs_change=1,
        **ARCHIVED_BY_CRITERIA,
    )

    def _read_MessagesSent(self) -> int:
        return self._script_runner.session.counts.messages

    MessagesSent = attribute(
        fget=_read_MessagesSent,
        dtype=int,
        label="Messages sent",
        doc="Kafka messages that were sent in this run.",
        archive_abs_change=1,
        **ARCHIVED_BY_CRITERIA,
    )

    def _read_BytesSent(self) -> int:
        return self._script_runner.session.counts.bytes

    BytesSent = attribute(
        fget=_read_BytesSent,
        dtype=int,
        label="Bytes sent",
        unit="B",
        doc="Bytes of the Kafka messages that were sent in this run.",
        archive_abs_change=1,
        **ARCHIVED_BY_CRITERIA,
    )

    def _read_PacketsSent(self) -> int:
        return self._script_runner.session.counts.packets

    PacketsSent = attribute(
        fget=_read_PacketsSent,
        dtype=int,
        label="Packets sent",
        doc="UDP packets of raw readouts that were sent in this run, also by failed attempts.",
        archive_abs_change=1,
        **ARCHIVED_BY_CRITERIA,
    )

    def _read_ReadoutsSent(self) -> int:
        return self._script_runner.session.counts.readouts

    ReadoutsSent = attribute(
        fget=_read_ReadoutsSent,
        dtype=int,
        label="Readouts sent",
        doc="Raw readouts that were sent in this run, also by failed attempts.",
        archive_abs_change=1,
        **ARCHIVED_BY_CRITERIA,
    )

    def _read_Files(self) -> list[str]:
        return [str(path) for path in self._script_runner.session.files]

    Files = attribute(
        fget=_read_Files,
        dtype=(str,),
        label="Files",
        max_dim_x=MOST_FILES,
        doc="Paths of the NeXus files of this run, or the last one, in order; more than one by FileTriggers, "
        "or where the Player was set up again in it.",
    )

    def _read_Streams(self) -> str:
        return json.dumps([stream.as_dict() for stream in self._script_runner.session.streams])

    Streams = attribute(
        fget=_read_Streams,
        dtype=str,
        label="Streams",
        display_level=DispLevel.EXPERT,
        doc="JSON list of what goes to Kafka in this run, or went in the last one, as far as it was opened: "
        "schema, topic and source of each.",
    )

    def _read_LastLog(self) -> str:
        return self._last_log.line

    LastLog = attribute(
        fget=_read_LastLog, dtype=str, label="Last log line", doc="The last line of the script's log."
    )
