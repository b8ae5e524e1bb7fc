"""`donki check-data` names whatever was changed of a run in Kafka, files or journal, and nothing else.

DONKI_MUTATIONS is how many changes are tried, DONKI_SEED which ones.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from kafka import KafkaConsumer

from donki.director.journal.reading.reader import JournalReader
from donki.errors import DonkiError
from donki.limits import OnError
from donki_client.verify.kafka import past_messages
from donki_client.verify.run_check import check_run
from helpers.orchestra import SCRIPTS, an_orchestra
from helpers.support import free_port, wait_until
from mutations import CHANGES, Left, read_topics, restored

MUTATIONS = int(os.environ.get("DONKI_MUTATIONS", str(2 * len(CHANGES))))
SEED = int(os.environ.get("DONKI_SEED", "1"))

FAULTS = [
    {"kind": "drop", "rate": 0.1},
    {"kind": "duplicate", "rate": 0.1},
    {"kind": "reorder", "rate": 0.1},
    {"kind": "corrupt", "rate": 0.1},
    {"kind": "delay", "rate": 0.1},
    {"kind": "lag", "rate": 0.1, "length": 4},
    {"kind": "stale", "rate": 0.1},
    {"kind": "future", "rate": 0.1},
    {"kind": "veto", "rate": 0.1},
    {"kind": "clock_offset", "rate": 0.1, "offset": -1.5},
]


def play_both(facility, broker, folder):
    """Play a run in which attempts fail and a Player dies, and one that is aborted; return their ids."""
    files = folder / "files"
    files.mkdir()
    topic = f"mutated-{free_port()}"
    places = {
        "KafkaBrokers": broker.address,
        "FileDirectory": str(files),
        "FileTriggers": "5",
        "FileName": "{run}_{player}_{first:03d}.nxs",
        "FileCompression": "blosc",
    }
    script = SCRIPTS / "every_kind.py"
    with an_orchestra(
        facility, folder, f"mut{free_port()}", "p", "q", script=script, ValuesTopic=f"{topic}-v", **places
    ) as orchestra:
        orchestra.start(
            "r", director=False, script=script, KafkaBrokers=broker.address, FileDirectory=str(files)
        )
        for name, player in orchestra.players.items():
            parameters = {"topic": f"{topic}-{name}", "failures": {"4": 1, "7": 2} if name == "q" else {}}
            player.Parameters = json.dumps(parameters)
            player.Faults = json.dumps(FAULTS if name == "q" else [])
            player.OnError, player.Retries = OnError.RETRY, 3
        orchestra.players["r"].Parameters = json.dumps({"topic": f"{topic}-r"})
        orchestra.refresh()
        director = orchestra.director
        director.Triggers, director.Period, director.RunSeed = 14, 0.1, 3
        director.Start()
        wait_until("it plays", lambda: director.CurrentTrigger > 8)
        os.kill(orchestra.children["p"].pid, signal.SIGKILL)
        orchestra.children["p"].wait(5)
        orchestra.start("p", director=False, script=script, ValuesTopic=f"{topic}-v", **places)
        assert orchestra.ended_in_alarm(60) == "ON", director.LastError
        ids = [director.RunId]
        orchestra.players["p"].Parameters = json.dumps({"topic": f"{topic}-p", "wait": 0.05})
        director.Triggers = -1
        director.Start()
        wait_until("it plays", lambda: director.CurrentTrigger > 7)
        director.Abort()
        orchestra.ended_in_alarm(60)
        ids.append(director.RunId)
        with JournalReader(orchestra.journal.parent) as reader:
            wait_until("the journal has the end", lambda: reader.run(ids[1]).ended is not None)
            master_file = orchestra.journal.parent / f"{ids[1]}.nxs"
            wait_until("the master file is there", master_file.is_file)
        for run_id in ids:
            # A Player that the Director waited for no longer tells the rest a moment later: until then nobody
            # knows what its file is to hold.
            wait_until("all is noted", lambda run_id=run_id: is_whole(orchestra.journal.parent, run_id), 60)
    with contextlib.closing(sqlite3.connect(orchestra.journal)) as journal:
        # The Director that was killed left a write-ahead log.
        journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return ids, orchestra.journal.parent


@pytest.fixture(scope="module")
def runs(facility, broker, tmp_path_factory):
    """What two runs left."""
    ids, journal = play_both(facility, broker, tmp_path_factory.mktemp("mutated"))
    found = []
    consumer = KafkaConsumer(bootstrap_servers=broker.address, group_id=None, enable_auto_commit=False)
    with contextlib.closing(consumer):
        for run_id in ids:
            with JournalReader(journal) as reader:
                run = reader.run(run_id)
                assert check_run(reader, run).problems == []
                files = [Path(path) for player in reader.players(run) for path in player.files]
                extents = {
                    extent.topic: (extent.first, extent.last)
                    for its in reader.extents(run).values()
                    for extent in its
                }
            topics = read_topics(consumer, sorted(extents))
            found.append(Left(run_id, journal, files, topics, extents))
    return found


def problems(left):
    """Return what check-data says of a run, or why it cannot."""
    try:
        return problems_of(left.journal, left.run)
    except DonkiError as error:
        return [str(error)]


def is_whole(journal, run_id):
    """Return whether all Players told what they delivered last, and it is there."""
    with JournalReader(journal) as reader:
        run = reader.run(run_id)
        has_all = len(reader.parted(run)) == len(reader.players(run))
    return has_all and problems_of(journal, run_id) == []


def problems_of(journal, run_id):
    with JournalReader(journal) as reader:
        return check_run(reader, reader.run(run_id)).problems


@pytest.mark.timeout(300 + 5 * MUTATIONS)
def test_whatever_is_changed_is_named_and_nothing_else(runs, monkeypatch):
    rng = random.Random(SEED)
    done, missed = Counter(), []
    changes = itertools.cycle(CHANGES)
    for left in runs:
        monkeypatch.setattr(past_messages, "open_consumer", lambda *_, left=left, **__: left.topics)
        assert problems(left) == []
    try:
        while done.total() < MUTATIONS:
            left = rng.choice(runs)
            monkeypatch.setattr(past_messages, "open_consumer", lambda *_, left=left, **__: left.topics)
            with restored(left):
                if (mutation := next(changes)(left, rng)) is None:
                    continue
                said = problems(left)
            done[mutation.kind] += 1
            if not said or not all(any(name in line for line in said) for name in mutation.named):
                missed.append((mutation, said[:3]))
                print(*missed[-1], flush=True)
    finally:
        print("\n".join(f"{count:5} {kind}" for kind, count in sorted(done.items())))
        print(f"{done.total()} changes, {len(missed)} missed")
    assert missed == []
    for left in runs:
        monkeypatch.setattr(past_messages, "open_consumer", lambda *_, left=left, **__: left.topics)
        assert problems(left) == []
