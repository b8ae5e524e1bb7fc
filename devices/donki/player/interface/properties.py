"""How a Player is configured: its properties in the Tango database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from tango.server import device_property

from donki.device.properties.kafka import read_kafka_options
from donki.device.properties.rules import check_optional_topic, read_folder, read_folders
from donki.device.telemetry.metrics_property import MetricsProperty
from donki.device.telemetry.status_property import StatusProperty
from donki.player.script.path import shipped_scripts
from donki.run import Run
from donki.streams.aliases import read_aliases
from donki.streams.faults.rule import Rule
from donki.streams.kafka.clients import CLIENTS, DEFAULT, find_client
from donki.streams.kafka.topics.settings import TopicSettings, check_partitions
from donki.streams.nexus.compression_names import check_compression
from donki.streams.nexus.file_names import FILE_NAME, check_file_name, check_file_triggers
from donki.streams.readouts.sender import DEFAULT_RATE, ReadoutSender, check_address, check_rate
from donki.streams.run_output import RunOutput


class PlayerProperties(StatusProperty, MetricsProperty):
    """The properties of a Player, and what follows from them alone."""

    ScriptPath = device_property(
        dtype=str,
        default_value="",
        doc="Folder of the action scripts; nothing outside it is ever loaded. Empty: the shipped scripts.",
    )
    DataPath = device_property(
        dtype=(str,),
        default_value=[],
        doc="Folders of the files that scripts read because Parameters name them; nothing outside them is "
        "read so. Empty: the folder of the scripts.",
    )
    KafkaClient = device_property(
        dtype=str,
        default_value=DEFAULT,
        doc=f"The Kafka client library: {' or '.join(map(str, CLIENTS.values()))}.",
    )
    ValuesTopic = device_property(
        dtype=str, default_value="", doc="Kafka topic of the values that action returns; empty: nowhere."
    )
    TopicPartitions = device_property(
        dtype=int,
        default_value=1,
        doc="How many partitions the Kafka topics that the Player makes have. All messages of a source are "
        "in one, in order. A topic that exists is used as it is.",
    )
    FileDirectory = device_property(
        dtype=str, default_value="", doc="Folder of the NeXus/HDF5 files; empty: no file."
    )
    FileName = device_property(
        dtype=str,
        default_value=FILE_NAME,
        doc="Pattern of the files' names: {run} the run's id, {player} the Player's name, {first} the number "
        "of the file's first trigger ({first:06d}: with zeros). A name that is taken gets +2, +3 and so on.",
    )
    FileTriggers = device_property(
        dtype=int,
        default_value=0,
        doc="How many triggers go into a file before the next one is begun; 0: all, one file a run.",
    )
    FileCompression = device_property(
        dtype=str,
        default_value="",
        doc="What a file is compressed with when it is finished: gzip or lzf; bitshuffle, blosc, blosc2, lz4 "
        "or zstd with the package hdf5plugin; empty: not at all.",
    )
    ReadoutAddress = device_property(
        dtype=str,
        default_value="",
        doc="HOST:PORT of an event formation unit or another receiver of raw readouts by UDP; empty: none "
        "are sent. Scripts say which streams have readouts.",
    )
    ReadoutRate = device_property(
        dtype=int,
        default_value=DEFAULT_RATE,
        doc="The most bytes of raw readouts that leave in a second; a trigger waits for it.",
    )
    Aliases = device_property(
        dtype=(str,),
        default_value=[],
        doc="Other names for values that action returns, in files and in Kafka: name=alias each.",
    )

    rules: ClassVar = {
        **StatusProperty.rules,
        **MetricsProperty.rules,
        "ScriptPath": read_folder,
        "DataPath": read_folders,
        "FileDirectory": read_folder,
        "KafkaClient": find_client,
        "ValuesTopic": check_optional_topic,
        "TopicPartitions": check_partitions,
        "FileName": check_file_name,
        "FileTriggers": check_file_triggers,
        "FileCompression": check_compression,
        "ReadoutAddress": check_address,
        "ReadoutRate": check_rate,
        "Aliases": read_aliases,
    }

    def script_path(self) -> Path:
        """Return the folder of the action scripts."""
        return read_folder(self.ScriptPath) if self.ScriptPath else shipped_scripts()

    @property
    def topic_settings(self) -> TopicSettings:
        """How topics are made."""
        return TopicSettings(self.TopicPartitions, self.TopicReplication)

    def open_run_output(
        self, player: str, run: Run, faults: tuple[Rule, ...], warn: Callable[[str], object]
    ) -> RunOutput:
        """Make what a Player of that name sends the data of a run with; `warn` as `KafkaSink` takes it."""
        return RunOutput(
            player,
            run,
            brokers=list(self.KafkaBrokers),
            kafka_options=read_kafka_options(self.KafkaOptions),
            kafka_client=self.KafkaClient,
            topics=self.topic_settings,
            warn=warn,
            values_topic=self.ValuesTopic,
            file_directory=self.file_directory(),
            file_name=self.FileName,
            file_triggers=self.FileTriggers,
            file_compression=self.FileCompression,
            aliases=read_aliases(self.Aliases),
            faults=faults,
            readouts=ReadoutSender(self.ReadoutAddress, self.ReadoutRate),
        )

    def file_directory(self) -> Path | None:
        """Return the folder of the files; None where none are written."""
        return read_folder(self.FileDirectory) if self.FileDirectory else None
