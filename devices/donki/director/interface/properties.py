"""How a Director is configured: its properties in the Tango database."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from tango.server import device_property

from donki.device.properties.rules import check_optional_topic, read_folder
from donki.device.telemetry.metrics_property import MetricsProperty
from donki.device.telemetry.status_property import StatusProperty
from donki.director.output.writers.settings import FileWriterSettings
from donki.director.output.writers.structure import OwnStructure
from donki.limits import USUAL_SILENCE, FileWriterPolicy, check_silence, read_file_writer_policy


class DirectorProperties(StatusProperty, MetricsProperty):
    """The properties of a Director."""

    PlayerDevices = device_property(
        dtype=(str,),
        default_value=["donki/player/*"],
        doc="Names or patterns of devices of class DonkiPlayer in the Tango database, or full names "
        "tango://host:port/domain/family/member#dbase=no.",
    )
    RunDirectory = device_property(
        dtype=str,
        default_value="",
        doc="Folder of the journal of all runs and of the master file of each; empty: donkiorchestra/runs "
        "under XDG_DATA_HOME (~/.local/share).",
    )
    RunTopic = device_property(
        dtype=str,
        default_value="",
        doc="Kafka topic on which ESS file writers are told of each run (pl72, 6s4t) and answer (answ, x5f2, "
        "wrdn); empty: nowhere.",
    )
    FileWriterPolicy = device_property(
        dtype=str,
        default_value=FileWriterPolicy.IGNORE.name,
        doc="What follows where no file writer writes a run: "
        + "; ".join(f"{policy.name}, {policy.value}" for policy in FileWriterPolicy)
        + ".",
    )
    FileWriterTimeout = device_property(
        dtype=int,
        default_value=USUAL_SILENCE,
        doc="How long file writers may be silent, in s: until one has taken a run, and then beyond the time "
        "from one of its x5f2 to the next.",
    )
    FileWriterPool = device_property(
        dtype=str,
        default_value="",
        doc="Kafka topic of the job pool from which one of several file writers takes each run; it answers "
        "on RunTopic. Empty: RunTopic itself.",
    )
    FileWriterStructure = device_property(
        dtype=str,
        default_value="",
        doc="JSON file of the NeXus structure that file writers must write, with NICOS's placeholders; "
        "empty: all that the Players stream.",
    )
    FileWriterInstrument = device_property(
        dtype=str,
        default_value="",
        doc="Name of the instrument whose template file writers begin with; empty: none.",
    )
    TimingTopic = device_property(
        dtype=str,
        default_value="",
        doc="Kafka topic to which it is sent when each trigger was (da00); empty: nowhere.",
    )

    rules: ClassVar = {
        **StatusProperty.rules,
        **MetricsProperty.rules,
        "RunDirectory": read_folder,
        "RunTopic": check_optional_topic,
        "FileWriterPolicy": read_file_writer_policy,
        "FileWriterTimeout": check_silence,
        "FileWriterPool": check_optional_topic,
        "FileWriterStructure": lambda path: OwnStructure(Path(path)) if path else None,
        "TimingTopic": check_optional_topic,
    }

    def file_writers(self) -> FileWriterSettings | None:
        """Return how file writers are told of runs; None where they are not.

        Raises
        ------
        DonkiError
            when the structure cannot be read
        """
        if not self.RunTopic:
            return None
        return FileWriterSettings(
            self.RunTopic,
            self.FileWriterPool,
            read_file_writer_policy(self.FileWriterPolicy),
            self.FileWriterTimeout,
            Path(self.FileWriterStructure) if self.FileWriterStructure else None,
            self.FileWriterInstrument,
        )
