"""Where the data of a scenario go beside Kafka: its NeXus files, and the file writers that are told of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from donki.errors import InputError
from donki.limits import USUAL_SILENCE, FileWriterPolicy, check_silence
from donki.streams.nexus.compression_names import check_compression
from donki.streams.nexus.file_names import FILE_NAME, check_file_name, check_file_triggers
from donki_client.scenario.model.fields import (
    Part,
    RequiredTopic,
    Time,
    Topic,
    WriterPolicy,
    in_folder,
    obeying,
)


def _check_structure(path: Path) -> None:
    # Slow to import, for what the streams are.
    from donki.director.output.writers.structure import OwnStructure  # noqa: PLC0415

    OwnStructure(path)


def _check_silence(seconds: float) -> None:
    if not seconds.is_integer():
        raise InputError(f"whole seconds are accepted; got {seconds:g} s")
    check_silence(int(seconds))


class ScenarioFiles(Part):
    """The Players' NeXus files; the name of a folder alone leaves all else as it is by default."""

    folder: Annotated[Path, BeforeValidator(in_folder), Field(examples=["data"])]
    """Where they go, relative to the scenario's folder."""

    name: Annotated[str, obeying(check_file_name)] = FILE_NAME
    """Pattern of their names: {run}, {player} and, where it is wanted, {first}, a file's first trigger."""

    triggers: Annotated[int, obeying(check_file_triggers), Field(json_schema_extra={"minimum": 0})] = 0
    """How many go into a file before the next one is begun; 0: all."""

    compression: Annotated[str, obeying(check_compression)] = Field(default="", examples=["gzip"])
    """Of files that are finished: gzip, lzf, or one of the package hdf5plugin; empty: none."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Let editors accept the name of a folder too."""
        return {"anyOf": [{"type": "string"}, handler(core_schema)]}


class ScenarioFileWriter(Part):
    """The ESS file writers that record the run; the name of a topic alone leaves all else as by default."""

    topic: RequiredTopic = Field(examples=["loki_filewriter"])
    """Kafka topic on which they are controlled, and answer."""

    pool: Topic = Field(default="", examples=["ess_filewriter_pool"])
    """Kafka topic of the job pool from which one of several takes the run; empty: the topic itself."""

    policy: WriterPolicy = FileWriterPolicy.IGNORE.name
    """What follows where none writes the run: nothing, a warning, or that the run fails."""

    timeout: Annotated[Time, obeying(_check_silence)] = Field(default=float(USUAL_SILENCE), examples=["60 s"])
    """How long they may be silent, in whole seconds."""

    structure: Annotated[Path, BeforeValidator(in_folder), obeying(_check_structure)] | None = Field(
        default=None, examples=["loki.json"]
    )
    """JSON file of the NeXus structure that they write, with NICOS's placeholders; none: all streams."""

    instrument: str = Field(default="", examples=["loki"])
    """Name of the instrument whose template they begin with; empty: none."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Let editors accept the name of a topic too."""
        return {"anyOf": [{"type": "string"}, handler(core_schema)]}


def as_files(value: object) -> object:
    """Take the name of a folder for all the section."""
    return value if isinstance(value, Mapping | ScenarioFiles | None) else {"folder": value}


def as_file_writer(value: object) -> object:
    """Take the name of a topic for all the section."""
    return value if isinstance(value, Mapping | ScenarioFileWriter | None) else {"topic": value}
