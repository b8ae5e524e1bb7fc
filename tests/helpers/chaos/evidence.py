"""What a round left behind: the journal, what the Players wrote down, their pulses in Kafka and in the files."""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from kafka import KafkaConsumer, TopicPartition
from streaming_data_types import deserialise_ev44

from donki.director.journal.reading.reader import JournalReader
from donki_client.recorded_sections import recorded_sections
from donki_client.verify.run_check import check_run
from donki_client.verify.section_check import check_section
from helpers.brokers import ApacheBroker
from helpers.chaos.layout import DIRECTOR, NAMES, SECTION, player_name, topic
from helpers.chaos.plan import Plan
from helpers.chaos.stage import Stage

#: How long the journal may take to note that a run has ended, in s.
JOURNAL_LIMIT = 3.0


class Step(NamedTuple):
    """A Player's turn at a trigger in the journal; times in ns since 1970."""

    trigger: int
    player: str
    attempt: int
    outcome: str
    sent: int
    done: int
    error: str


class Note(NamedTuple):
    """What a Player wrote down; ``what`` is setup, begin, end or stop."""

    player: str
    what: str
    time: int
    trigger: int = 0
    attempt: int = 0
    aborted: bool = False


class Pulse(NamedTuple):
    """What a pulse says of itself; ``run`` is a code of the run's id."""

    player: str
    run: int
    trigger: int
    attempt: int


@dataclass(frozen=True)
class Run:
    """A run as it stands in the journal of the Director or the section, in the notes, in Kafka and in the files.

    Attributes
    ----------
    conductor
        whose journal
    began, ended
        ns since 1970; no end where there is none
    triggers
        by number of the complete trigger: when it was sent, ns since 1970
    reference_times
        of the complete triggers, in order
    in_master_file
        the numbers of the complete triggers there; None where there is no such file
    torn
        the logs of scripts' threads in the files whose rows are not as they were sent
    problems
        what ``donki check-data`` says of the run, where the broker has its data
    """

    conductor: str
    id: str
    wanted: int
    began: int
    ended: int | None
    outcome: str
    triggers: dict[int, int]
    reference_times: list[int]
    steps: list[Step]
    notes: list[Note]
    in_kafka: Counter[Pulse]
    in_files: Counter[Pulse]
    in_master_file: list[int] | None
    torn: list[str]
    problems: list[str]

    @property
    def acted(self) -> list[Step]:
        """The turns of Players that act themselves: not those of the section."""
        return [step for step in self.steps if step.player != player_name(SECTION)]

    def pulse(self, player: str, trigger: int, attempt: int) -> Pulse:
        return Pulse(player, code(self.id), trigger, attempt)


def code(run_id: str) -> int:
    """Return the number that stands for a run in a pulse."""
    return zlib.crc32(run_id.encode()) >> 1


class Pulses:
    """All pulses that stand in Kafka, read on from where they were read last.

    Attributes
    ----------
    seen
        how often each pulse was read, since the broker has its data
    """

    def __init__(self, stage: Stage) -> None:
        self.seen: Counter[Pulse] = Counter()
        self._stage = stage
        self._positions: dict[TopicPartition, int] = {}
        self._deaths = -1
        self._consumer: KafkaConsumer | None = None

    def read(self, limit: float = 20.0) -> None:
        """Read what has arrived."""
        deaths = self._stage.deaths["broker"]
        if deaths != self._deaths:
            self._deaths = deaths
            self._connect()
        assert self._consumer
        present = self._consumer.topics()
        parts = [TopicPartition(topic(name), 0) for name in NAMES if topic(name) in present]
        self._consumer.assign(parts)
        for part in parts:
            self._consumer.seek(part, self._positions.get(part, 0))
        ends = self._consumer.end_offsets(parts) if parts else {}
        until = time.monotonic() + limit
        while any(self._consumer.position(part) < end for part, end in ends.items()):
            assert time.monotonic() < until, f"Kafka did not hand out its records within {limit} s"
            for part, records in self._consumer.poll(timeout_ms=200).items():
                player = player_name(part.topic.rpartition("-")[2])
                self.seen.update(_pulse(player, record.value) for record in records)
        self._positions = {part: self._consumer.position(part) for part in parts}

    def of(self, run_id: str) -> Counter[Pulse]:
        """Return the pulses of a run."""
        return Counter({pulse: times for pulse, times in self.seen.items() if pulse.run == code(run_id)})

    def close(self) -> None:
        if self._consumer:
            self._consumer.close()

    def _connect(self) -> None:
        self.close()
        if not isinstance(self._stage.broker, ApacheBroker):
            self.seen.clear()
            self._positions.clear()
        self._consumer = KafkaConsumer(
            bootstrap_servers=[self._stage.broker.address],
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            metrics_enabled=False,
            fetch_max_wait_ms=20,
        )


def runs_of(stage: Stage, plan: Plan, pulses: Pulses) -> list[Run]:
    """Return the runs of a round, those of the Director first; the last notes of the journal may take a moment."""
    marked = json.dumps({"seed": plan.seed, "round": plan.number})
    with closing(sqlite3.connect(stage.journals[DIRECTOR])) as journal:
        unended = "SELECT 1 FROM run WHERE metadata = ? AND ended IS NULL"
        until = time.monotonic() + JOURNAL_LIMIT
        while journal.execute(unended, (marked,)).fetchone() and time.monotonic() < until:
            time.sleep(0.02)
    pulses.read()
    return [run for conductor in stage.journals for run in _runs(stage, conductor, marked, plan, pulses)]


def _runs(stage: Stage, conductor: str, marked: str, plan: Plan, pulses: Pulses) -> Iterator[Run]:
    notes = list(_notes(stage.notes(plan)))
    path = stage.journals[conductor]
    with closing(sqlite3.connect(path)) as journal:
        begun = journal.execute(
            "SELECT key, id, triggers, began, ended, outcome FROM run WHERE metadata = ? ORDER BY key",
            (marked,),
        ).fetchall()
        for key, run_id, wanted, began, ended, outcome in begun:
            complete = "SELECT number, sent FROM trigger WHERE run = ? ORDER BY number"
            triggers = dict(journal.execute(complete, (key,)).fetchall())
            times = "SELECT reference_time FROM trigger WHERE run = ? ORDER BY number"
            steps = journal.execute(
                "SELECT trigger, name, attempt, outcome, sent, done, error FROM attempt"
                " JOIN player ON player.key = attempt.player WHERE attempt.run = ? ORDER BY trigger, name, attempt",
                (key,),
            )
            yield Run(
                conductor=conductor,
                id=run_id,
                wanted=wanted,
                began=began,
                ended=ended,
                outcome=outcome or "",
                triggers=triggers,
                reference_times=[time for (time,) in journal.execute(times, (key,))],
                steps=[Step(*row) for row in steps.fetchall()],
                notes=[note for run, note in notes if run == run_id],
                in_kafka=pulses.of(run_id),
                in_files=_in_files(stage.files, run_id),
                in_master_file=_in_master_file(path.parent / f"{run_id}.nxs", list(triggers), ended),
                torn=list(_torn(stage.files, run_id)),
                problems=_problems(stage, path.parent, run_id, began),
            )


def _notes(path: Path) -> Iterator[tuple[str, Note]]:
    lines = path.read_text().splitlines() if path.exists() else []
    for line in lines:
        fields = json.loads(line)
        yield fields.pop("run"), Note(**fields)


def _pulse(player: str, message: bytes) -> Pulse:
    pulse = deserialise_ev44(message)
    return Pulse(player, int(pulse.time_of_flight[0]), *(int(number) for number in pulse.pixel_id))


def _in_files(folder: Path, run_id: str) -> Counter[Pulse]:
    """Return the pulses in the files of a run."""
    found: Counter[Pulse] = Counter()
    for name in map(player_name, NAMES):
        for path in sorted(folder.glob(f"{run_id}_{name}*.nxs")):
            try:
                with h5py.File(path, "r") as file:
                    ids, times = _columns(file)
            except OSError:
                # Its Player was killed while it made the file: nothing was done yet.
                continue
            for (trigger, attempt), time_of_flight in zip(ids.reshape(-1, 2), times[::2], strict=True):
                found[Pulse(name, int(time_of_flight), int(trigger), int(attempt))] += 1
    return found


def _torn(folder: Path, run_id: str) -> Iterator[str]:
    """Name the logs of threads that do not hold rising numbers, each with its time."""
    for path in sorted(folder.glob(f"{run_id}_*.nxs")):
        with suppress(OSError), h5py.File(path, "r") as file:
            instrument = file.get("entry/instrument", {})
            # A log that was never committed has no columns.
            for source in (n for n in instrument if n.endswith("-thread") and "value" in instrument[n]):
                values, times = instrument[source]["value"][:], instrument[source]["time"][:]
                if len(values) != len(times) or (np.diff(values) <= 0).any():
                    yield f"{source} in {path.name}: {len(times)} times of the numbers {values.tolist()}"


def _problems(stage: Stage, folder: Path, run_id: str, began: int) -> list[str]:
    if not isinstance(stage.broker, ApacheBroker) and began < stage.broker_began:
        return []
    with JournalReader(folder) as reader:
        run = reader.run(run_id)
        with recorded_sections(reader, run) as sections:
            counts = [problem for section in sections for problem in check_section(section)]
        return check_run(reader, run).problems + counts


def _in_master_file(path: Path, expected: list[int], ended: int | None) -> list[int] | None:
    """Return the triggers in a master file; it is written, or written again, after the end of the run."""
    found = None
    until = time.monotonic() + JOURNAL_LIMIT
    while ended and found != expected and time.monotonic() < until:
        try:
            with h5py.File(path, "r") as file:
                found = [int(number) for number in file["entry/timing/trigger"]]
        except OSError:
            time.sleep(0.02)
    return found


def _columns(file: h5py.File) -> tuple[np.ndarray, np.ndarray]:
    """Return pixel ids and times of flight of the only event group of a file; empty where it has none."""
    groups: list[h5py.Group] = []

    def collect(_name: str, item: h5py.Group | h5py.Dataset) -> None:
        if item.attrs.get("NX_class") == "NXevent_data":
            groups.append(item)

    file.visititems(collect)
    if not groups:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    (group,) = groups
    # The ids are written last: a Player that was killed meanwhile leaves fewer.
    ids = group["event_id"][:]
    return ids, group["event_time_offset"][: len(ids)]
