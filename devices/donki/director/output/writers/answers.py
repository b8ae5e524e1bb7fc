"""The answers of ESS file writers: answ, x5f2 and wrdn.

Read in kafka-to-nexus, whose commands and answers its ``documentation/commands.md`` and
``documentation/status.md`` describe, ``src/CommandSystem/FeedbackProducer.cpp`` and
``src/Status/StatusReporterBase.cpp`` make (https://github.com/ess-dmsc/kafka-to-nexus), and in NICOS, which
reads them in ``nicos_ess/devices/datasinks/file_writer.py`` (https://github.com/mlz-ictrl/nicos).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streaming_data_types import deserialise_answ, deserialise_wrdn, deserialise_x5f2
from streaming_data_types.fbschemas.action_response_answ.ActionOutcome import ActionOutcome
from streaming_data_types.fbschemas.action_response_answ.ActionType import ActionType

from donki.director.rules.writer_jobs import Answer, Says
from donki.errors import AnswerError, described, shortened
from donki.json_text import parse_json
from donki.streams.schemas.encoding.flatbuffer import UNREADABLE, schema
from donki.texts import visible

_MILLISECOND = 1_000_000

#: What an answ says, by what it answers to and how that turned out.
_SAYS = {
    (ActionType.StartJob, ActionOutcome.Success): Says.ACCEPTS,
    (ActionType.StartJob, ActionOutcome.Failure): Says.REFUSES,
    (ActionType.SetStopTime, ActionOutcome.Success): Says.WILL_STOP,
    (ActionType.SetStopTime, ActionOutcome.Failure): Says.WILL_NOT_STOP,
}


def read_answer(message: bytes) -> Answer | None:
    """Return what a file writer answers; None where a message is none of a file writer's, or of no job.

    Raises
    ------
    AnswerError
        when it says that it is one, and cannot be read
    """
    kind = schema(message)
    read = _READERS.get(kind)
    if read is None:
        return None
    try:
        return read(message)
    except UNREADABLE as error:
        raise AnswerError(f"a message of schema {kind} cannot be read: {described(error)}") from None


def _read_answ(message: bytes) -> Answer | None:
    said = deserialise_answ(message)
    says = _SAYS.get((said.action, said.outcome))
    return Answer(says, said.job_id, _text(said.service_id), _text(said.message)) if says else None


def _read_x5f2(message: bytes) -> Answer | None:
    said = deserialise_x5f2(message)
    status = parse_json(said.status_json or "{}")
    # Directors, forwarders and others say on such topics that they are alive, too.
    job = status.get("job_id") if isinstance(status, Mapping) else None
    if not isinstance(job, str) or not job:
        return None
    interval = said.update_interval * _MILLISECOND
    return Answer(Says.WRITES, job, _text(said.service_id), interval=interval)


def _read_wrdn(message: bytes) -> Answer | None:
    said = deserialise_wrdn(message)
    says = Says.HAS_FAILED if said.error_encountered else Says.HAS_WRITTEN
    texts = (_text(said.message or ""), _text(said.file_name))
    return Answer(says, said.job_id, _text(said.service_id), *texts)


def _text(said: Any) -> str:
    """Return a text of a file writer as it can be shown and kept."""
    return visible(shortened(said))


_READERS: dict[str, Callable[[bytes], Answer | None]] = {
    "answ": _read_answ,
    "x5f2": _read_x5f2,
    "wrdn": _read_wrdn,
}
