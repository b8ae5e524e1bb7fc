"""What the journal keeps of a run, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from donki.director.rules.effects import Outcome
from donki.streams.manifest import WrittenFile

#: A complete trigger; times are ns since 1970 UTC.
TRIGGER = np.dtype(
    [(name, np.int64) for name in ("trigger", "reference_time", "due", "sent", "done")],
)

#: The outcomes of an attempt by their number in `ATTEMPT`.
OUTCOMES = dict(enumerate(Outcome))

#: A Player's turn at a trigger: ``player`` is its key, ``outcome`` a number of `OUTCOMES`, ``sent`` and
#: ``done`` are ns since 1970 UTC, ``duration`` is s at the Player, NaN where it did not answer.
ATTEMPT = np.dtype(
    [
        *((name, np.int64) for name in ("trigger", "player", "attempt")),
        ("outcome", np.int8),
        *((name, np.int64) for name in ("sent", "done")),
        ("duration", np.float64),
        *((name, np.int64) for name in ("events", "messages", "bytes")),
    ]
)


@dataclass(frozen=True)
class RecordedRun:
    """A run as the journal keeps it.

    Attributes
    ----------
    key
        its number in the journal
    id, title, metadata, seed
        its identity
    director
        the device name of its Director
    triggers
        how many were asked for; -1 is endless
    period
        from trigger to trigger in ns, as it was at the start; 0: as fast as the Players answer
    versions
        by name: of the programs and libraries
    began, ended
        ns since 1970 UTC; None while it runs, or where the Director died
    outcome
        done, stopped, aborted or failed; None as for `ended`
    error
        what ended it; empty if nothing did
    """

    key: int
    id: str
    director: str
    title: str
    metadata: Mapping[str, Any]
    seed: int
    triggers: int
    period: int
    versions: Mapping[str, str]
    began: int
    ended: int | None
    outcome: str | None
    error: str


@dataclass(frozen=True)
class RecordedPlayer:
    """A Player in a run as the journal keeps it: as it was when the run was last begun or taken up.

    Attributes
    ----------
    key
        its number in the journal
    name, device, priority, timeout, on_error, retries, script, script_hash, parameters, faults
        as the Player said; the timeout in s, the parameters a JSON object, the faults a JSON list
    host
        on which it was set up, and its files are; empty where that is not known
    files
        paths of the files that it wrote
    written
        those that are finished, with size and checksum
    """

    key: int
    name: str
    device: str
    priority: int
    timeout: float
    on_error: str
    retries: int
    script: str
    script_hash: str
    parameters: str
    faults: str
    host: str
    files: tuple[str, ...]
    written: tuple[WrittenFile, ...] = ()


@dataclass(frozen=True)
class RecordedStream:
    """A stream of a Player in a run.

    Attributes
    ----------
    key
        its number in the journal
    player
        the key of the Player
    topic, source
        where its messages are in Kafka; the source is their key. A value's rows in files have no topic
    brokers
        ``host:port, ...`` of the cluster
    """

    key: int
    player: int
    topic: str
    source: str
    brokers: str


class Delivery(NamedTuple):
    """What one stream delivered at a trigger, or outside of triggers, where the trigger is 0.

    ``size`` is in bytes, ``largest`` the most events in one message; ``checksums`` are the CRC-32C of its
    messages, little-endian uint32. Where ``is_left``, the attempt failed, and what it sent is left over.
    ``partition``, ``offsets`` and ``stamps`` tell where the messages are in Kafka, and their time stamps, as
    in a manifest.
    """

    trigger: int
    events: int
    size: int
    largest: int
    checksums: bytes
    attempt: int = 1
    is_left: bool = False
    partition: int = -1
    offsets: bytes = b""
    stamps: bytes = b""


class Totals(NamedTuple):
    """What a stream delivered in a run: events, messages, bytes, and most events in one message."""

    events: int
    messages: int
    size: int
    largest: int


@dataclass(frozen=True)
class Job:
    """A job that file writers were told of.

    Attributes
    ----------
    id
        a UUID
    topic
        where they were told
    run_id
        of the run that it is for
    ended
        when that run ended, ns since 1970 UTC; None as for `RecordedRun.ended`
    last
        when it did something last, likewise
    state
        where it stands, a word of `JobState`; empty in journals of earlier versions
    writer
        which file writer has it, or refused it; empty where none answered
    file
        which file it is for, with its path once it is written; empty as for `state`
    said
        what the file writer said of it, or what is missing
    """

    id: str
    topic: str
    run_id: str
    ended: int | None
    last: int
    state: str = ""
    writer: str = ""
    file: str = ""
    said: str = ""


@dataclass(frozen=True)
class FailedAttempt:
    """An attempt that was not done: which, its outcome, and what was said."""

    trigger: int
    player: str
    attempt: int
    outcome: str
    error: str


class PastPlayer(NamedTuple):
    """A Player that took part in a run, by its key and the run's in the journal; parameters are JSON."""

    key: int
    run_key: int
    run_id: str
    parameters: str


class PastAction(NamedTuple):
    """What a Player did at a trigger.

    ``duration`` is in ns, from the trigger to the Player's answer; ``acting``, in ns too, is what the Player
    measured itself: the action, and the delivery of what it sent.
    """

    duration: int
    acting: int
    events: int
    bytes: int
