"""The data of a run compared with its journal: what stands in Kafka and in files, message by message."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

from kafka import TopicPartition

from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.reading.rows import RecordedRun
from donki.errors import DonkiError
from donki.hdf5 import DAMAGED
from donki_client.verify.file_check import check_files
from donki_client.verify.journal_check import check_journal
from donki_client.verify.kafka.found_message import FoundMessage
from donki_client.verify.kafka.past_messages import PastMessages, deleted_of_run, open_messages
from donki_client.verify.kafka.read_back import ReadBack
from donki_client.verify.run_data import RunData
from donki_client.verify.stream_check import Order, Strangers, StreamCheck


def check_run(
    reader: JournalReader,
    run: RecordedRun,
    *,
    broker: str | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    read_back: ReadBack | None = None,
) -> RunData:
    """Read back what a run delivered, and compare it with the journal.

    Parameters
    ----------
    reader
        of the journal
    run
        which run
    broker
        ``host:port`` to read from, where it is not the one that the Players sent to
    options
        security settings for Kafka, as kafka-python names them
    progress
        called with how many messages are read and how many there are
    read_back
        what was read while the run was played; it has stopped

    Raises
    ------
    InputError
        when the broker is no ``host:port``
    BrokerError
        when no broker answers in time
    FileError
        when the journal cannot be read
    """
    problems = check_journal(reader, run)
    try:
        data = _check(reader, run, broker, options or {}, progress, read_back)
    except DonkiError as error:
        if problems:
            raise type(error)("; ".join([*problems, str(error)])) from None
        raise
    except DAMAGED as error:
        if not problems:
            raise
        problems.append(f"nothing more can be compared: {error}")
        return RunData(run, [], {}, problems)
    data.problems_of_places[:0] = problems
    return data


def _check(
    reader: JournalReader,
    run: RecordedRun,
    broker: str | None,
    options: Mapping[str, Any],
    progress: Callable[[int, int], None],
    read_back: ReadBack | None,
) -> RunData:
    players, repeated = {player.key: player for player in reader.players(run)}, reader.repeated(run)
    streams = reader.streams(run)
    order = Order()
    deleted = list(read_back.deleted) if read_back else []
    parted = set() if run.outcome is None else reader.parted(run)
    checks = [
        StreamCheck(
            reader,
            run,
            stream,
            players[stream.player].name,
            repeated.get(stream.player, []),
            order,
            deleted,
            broken_off=stream.player not in parted,
        )
        for stream in streams
        if stream.topic
    ]
    problems = _confused(checks)
    by_name = {(check.stream.topic, check.stream.source): check for check in checks}
    strangers = Strangers(by_name)
    others = reader.extents_of_others(run)
    for brokers, extents in reader.extents(run).items():
        ended, read = run.ended or time.time_ns(), read_back.positions if read_back else {}
        with open_messages(broker, brokers, options, extents, ended, deleted, read) as messages:
            problems += messages.problems
            for done, message in enumerate(_found(messages, by_name, read_back), start=1):
                if message.after_the_last and any(
                    extent.first <= message.offset <= extent.last
                    for extent in others.get((message.topic, message.partition), ())
                ):
                    continue
                if check := by_name.get((message.topic, message.source)):
                    check.find(message)
                else:
                    strangers.find(message)
                if done % 100 == 0:
                    progress(done, messages.count)
            progress(messages.count, messages.count)
        problems += deleted_of_run(extents, deleted)
    for check in checks:
        check.end()
    files = check_files(reader, run, checks, repeated, parted)
    return RunData(
        run,
        [check.data for check in checks] + files.in_files,
        {player.name: player for player in players.values()},
        problems + order.problems + strangers.problems + files.problems,
        strangers.others,
        [player.name for player in players.values() if player.key not in parted],
        files.unread,
    )


def _found(
    messages: PastMessages, known: Container[tuple[str, str]], read_back: ReadBack | None
) -> Iterator[FoundMessage]:
    """Yield what was read while the run was played, and then what was not."""
    for message in read_back or ():
        part = messages.parts.get(TopicPartition(message.topic, message.partition))
        if part and part.first <= message.offset < part.end:
            yield message._replace(after_the_last=message.offset > part.last)
    for past in messages:
        yield FoundMessage.of(past, known)


def _confused(checks: Sequence[StreamCheck]) -> list[str]:
    senders: dict[tuple[str, str], list[str]] = {}
    for check in checks:
        senders.setdefault((check.stream.source, check.stream.topic), []).append(check.data.player)
    for check in checks:
        check.data.is_confused = len(senders[check.stream.source, check.stream.topic]) > 1
    return [
        f"Players {' and '.join(players)} send as the same source {source} to topic {topic}: what arrived of"
        " each is not known; name their sources or topics otherwise"
        for (source, topic), players in senders.items()
        if len(players) > 1
    ]
