"""Random scripts of sends, returns and exceptions: file, Kafka, reports, counts and a plain model agree.

More of them: ``DONKI_CASES=5000 pytest tests/unit/streams/test_transaction.py --timeout 0``.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import defaultdict
from copy import deepcopy
from typing import ClassVar

import h5py
import numpy as np
import pytest
from crc32c import crc32c
from streaming_data_types import deserialise_ev44

import donki.streams.kafka.cluster
import donki.streams.kafka.sink
from donki.errors import BrokerError, DonkiError
from donki.player.player import Player
from donki.player.runs.script_runner import ScriptRunner
from donki.player.runs.states import State
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.faults.rule import read_rules
from donki.streams.kafka.topics.topic import FoundTopics
from donki.streams.manifest import Manifest
from donki.streams.nexus.event_group import EventGroup
from donki.streams.nexus.row_group import RowGroup
from donki.streams.run_output import RunOutput

CASES = int(os.environ.get("DONKI_CASES", "12"))
TIME = 1_700_000_000_000_000_000
SCRIPT = """
import threading

def setup(player):
    carry_out("setup", None, player)

def action(trigger, player):
    return carry_out((int(trigger), trigger.attempt), trigger, player)

def stop(player):
    carry_out("stop", None, player)

def carry_out(key, trigger, player):
    plan = player.parameters["plan"]
    script = plan.get(key)
    if script is None:
        return None
    trigger = trigger or player.parameters["outside"]
    for step in script.steps:
        try:
            if step.in_thread:
                in_thread(step, trigger, player)
            else:
                step.act(trigger, player)
        except BaseException:
            if not step.is_caught:
                raise
    if script.raised is not None:
        raise script.raised
    return script.returned

def in_thread(step, trigger, player):
    raised = []
    def act():
        try:
            step.act(trigger, player)
        except BaseException as error:
            raised.append(error)
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
"""


class MuteError(Exception):
    """Cannot say what it is."""

    def __str__(self):
        raise KeyboardInterrupt

    __repr__ = __str__


class Evil:
    """Fails as soon as numpy looks at it."""

    def __init__(self, error):
        self.error = error

    def __array__(self, dtype=None, copy=None):
        raise self.error

    def __str__(self):
        raise self.error

    __repr__ = __float__ = __int__ = __index__ = __len__ = __str__


def some_exception(rng):
    return rng.choice(
        [
            asyncio.CancelledError(),
            KeyboardInterrupt(),
            GeneratorExit(),
            SystemExit(1),
            StopIteration(),
            StopAsyncIteration(),
            BaseException("base"),
            BaseExceptionGroup("several", [KeyboardInterrupt(), MuteError()]),
            ExceptionGroup("several", [ValueError(), MuteError()]),
            pytest.fail.Exception("failed"),
            pytest.skip.Exception("skipped"),
            MuteError(),
            MemoryError(),
            RecursionError(),
            TypeError("VLEN strings"),
            ValueError("NULL"),
            UnicodeEncodeError("utf-8", "\udce9", 0, 1, "surrogate"),
            RuntimeError(),
            KeyError("x"),
            OSError(28, "No space left on device"),
            DonkiError("by the script"),
            BrokerError("by the script"),
            Warning("w"),
        ]
    )


class Kafka:
    """Takes the place of a Kafka client and of its broker: acknowledges at once, or fails as it is told."""

    log: ClassVar = defaultdict(list)
    failures: ClassVar = []

    def __init__(self, *_, **__):
        pass

    @staticmethod
    def security(options):
        return options

    def wait_for_leader(self, topic, timeout): ...

    def send(self, topic, key, message, timestamp, delivery):
        when = self.failures and self.failures[0]
        if when:
            when[0] -= 1
            if when[0] < 0:
                self.failures.clear()
                if isinstance(when[1], str):
                    delivery.refused(when[1])
                    return
                raise when[1]
        self.log[topic].append((key.decode(), bytes(message)))
        delivery.acknowledged(0, len(self.log[topic]) - 1)

    def poll(self, seconds, *, flush): ...

    def give_up(self): ...


@pytest.fixture(autouse=True)
def kafka(monkeypatch):
    Kafka.log.clear()
    Kafka.failures.clear()
    monkeypatch.setattr(donki.streams.kafka.cluster, "find_client", lambda _: Kafka)
    monkeypatch.setattr(donki.streams.kafka.cluster, "probe", lambda brokers, *_: brokers[0])
    monkeypatch.setattr(donki.streams.kafka.cluster, "ensure_topics", lambda *_: FoundTopics())
    monkeypatch.setattr(donki.streams.kafka.sink, "SETTLE", 0.01)
    return Kafka


@pytest.fixture(autouse=True)
def file_failures(monkeypatch):
    """Let what stands in for HDF5 fail after it was done, in the middle of a trigger."""
    failures = []
    for kind in (EventGroup, RowGroup):

        def append(self, *given, was=kind.append):
            was(self, *given)
            if failures:
                failures[0][0] -= 1
                if failures[0][0] < 0:
                    raise failures.pop()[1]

        monkeypatch.setattr(kind, "append", append)
    return failures


class Step:
    """Something that a script does; `rows` is what is kept of it, by column."""

    def __init__(self, act, rows=None, kind=None, *, is_refused=False):
        self.act = act
        self.rows = rows or {}
        self.kind = kind
        self.is_refused = is_refused
        self.is_caught = False
        self.in_thread = False


class Script:
    """What a script does at one attempt, and what it returns or raises then."""

    def __init__(self, steps, returned=None, values=None, raised=None, *, is_bad=False):
        self.steps = steps
        self.returned = returned
        self.values = values or {}
        self.raised = raised
        self.is_bad = is_bad


def a_send(rng, number):
    """Return a step that sends something good."""

    def events(trigger, player):
        tof = [number * 10 + at for at in range(count)]
        player.events("events", "bank", events_per_message=3).send(trigger, tof, range(count))

    def series(trigger, player):
        player.series("logs", "T").send(trigger, value)

    def image(trigger, player):
        player.image("frames", "camera").send(trigger, np.full(shape, number, np.uint16))

    def array(trigger, player):
        player.array("frames", "spectrum", axes=["x"]).send(trigger, np.full(shape[0], value))

    def samples(trigger, player):
        player.samples("logs", "adc", interval=10).send(trigger, [value] * count)

    def alarm(trigger, player):
        player.alarm("alarms", "T").send(trigger, "MAJOR", f"alarm {number}")

    def timestamps(trigger, player):
        player.timestamps("logs", "chopper").send(trigger, [number + at for at in range(count)])

    count = rng.randint(1, 5)
    value = rng.choice([number, float(number)])
    shape = rng.choice([(2, 3), (2, 3), (3, 2)])
    dtype = np.asarray(value).dtype
    name = rng.choice(["events", "series", "image", "array", "samples", "alarm", "timestamps"])
    steps = {
        "events": (
            events,
            {"bank/bank_events/event_time_offset": [number * 10 + at for at in range(count)]},
            None,
        ),
        "series": (series, {"T/value": [value]}, (dtype, ())),
        "image": (image, {"camera/value": [number]}, (np.dtype(np.uint16), shape)),
        "array": (array, {"spectrum/signal": [value]}, (dtype, shape[:1])),
        "samples": (samples, {"adc/value": [value] * count}, (dtype, ())),
        "alarm": (alarm, {"T/alarm_message": [f"alarm {number}"]}, None),
        "timestamps": (
            timestamps,
            {"chopper/top_dead_center/time": [number + at for at in range(count)]},
            None,
        ),
    }
    return Step(*steps[name])


def a_bad_send(rng):
    """Return a step that sends something that is refused."""
    error = some_exception(rng)
    bad_text = rng.choice(["run\0 7", "caf\udce9", None, 3, Evil(error)])
    bad_number = rng.choice(
        [None, "text", 1j, [1j], object(), Evil(error), np.ma.masked_equal([1], 1), 2**70]
    )
    return Step(
        rng.choice(
            [
                lambda trigger, player: player.events("events", "bank", events_per_message=3).send(
                    trigger, [1], rng.choice([[-1], [2**31], bad_number, [1, 2]])
                ),
                lambda trigger, player: player.series("logs", "T").send(trigger, bad_number),
                lambda trigger, player: player.image("frames", "camera").send(trigger, bad_number),
                lambda trigger, player: player.alarm("alarms", "T").send(trigger, "MAJOR", bad_text),
                lambda trigger, player: player.alarm("alarms", "T").send(trigger, bad_text),
                lambda trigger, player: player.connection("alarms", "T").send(trigger, bad_text),
                lambda trigger, player: player.timestamps("logs", "chopper").send(trigger, bad_number),
                lambda trigger, player: player.series("logs", "new", unit=bad_text),
                lambda trigger, player: player.series("logs", bad_text),
                lambda trigger, player: player.series(bad_text, "new"),
                lambda trigger, player: player.array("logs", "new", axes=[bad_text]),
                lambda trigger, player: (
                    player.events("events", "bank", events_per_message=3),
                    player.series("logs", "bank"),
                ),
            ]
        ),
        is_refused=True,
    )


def a_script(rng, numbers, *, is_action):
    steps = []
    for _ in range(rng.randint(0, 4)):
        step = a_bad_send(rng) if rng.random() < 0.15 else a_send(rng, next(numbers))
        step.is_caught = rng.random() < 0.3
        step.in_thread = rng.random() < 0.2
        steps.append(step)
    raised = some_exception(rng) if rng.random() < 0.25 else None
    if not is_action or raised is not None or rng.random() < 0.4:
        return Script(steps, raised=raised)
    number = next(numbers)
    values = {"number": rng.choice([number, number, float(number)]), "note": f"note {number}"}
    if rng.random() < 0.1:
        values |= rng.choice([{"note": number}, {"number": "text"}, {"number": [number]}])
    if rng.random() < 0.3:
        error = some_exception(rng)
        bad = rng.choice(
            [
                {"note": "a\0b"},
                {"note": "caf\udce9"},
                {"image": Evil(error)},
                {"playerlog": Evil(error)},
                {"a\0b": 1},
                {"a/b": 1},
                {"": 1},
                {"image": np.zeros((1,) * 32)},
                {"image": np.ma.masked_equal([1], 1)},
                {"complex": 1j},
                {3: 4},
            ]
        )
        return Script(steps, values | bad, is_bad=True)
    return Script(steps, values, values)


class Model:
    """What a run has kept, by a plain list for each column."""

    def __init__(self):
        self.rows = defaultdict(list)
        self.kinds = {}

    def keep(self, script, sending_fails):
        """Take what a script did; return whether that is kept."""
        kept, kinds, failed = [], dict(self.kinds), script.raised is not None or script.is_bad
        for step in script.steps:
            if step.is_refused or not self._fits(kinds, step):
                if not step.is_caught:
                    return False
                continue
            kept.append(step.rows)
        for name, value in script.values.items():
            given = np.asarray(value)
            kind = (np.dtype(object), ()) if isinstance(value, str) else (given.dtype, given.shape)
            if not self._fits(kinds, Step(None, {name: [value]}, kind)):
                return False
        if failed or sending_fails:
            return False
        self.kinds = kinds
        for rows in kept:
            for column, values in rows.items():
                self.rows[column] += values
        for name, value in script.values.items():
            self.rows[name].append(value[0] if isinstance(value, list) else value)
        return True

    @staticmethod
    def _fits(kinds, step):
        """Whether a step is of the type and shape that the first of its stream was of."""
        if step.kind is None:
            return True
        (column,) = step.rows
        (first, first_shape), (dtype, shape) = kinds.setdefault(column, step.kind), step.kind
        if object in (first, dtype):
            return first == dtype
        return first_shape == shape and np.can_cast(dtype, first, "safe")


class Played:
    """A run of one Player, with a Director that is a loop."""

    def __init__(self, folder, seed, file_failures):
        self.rng = rng = random.Random(seed)
        self.numbers = iter(range(1, 10_000))
        self.model = Model()
        self.file_failures = file_failures
        self.plan = {}
        self.player = Player("p")
        self.player.parameters = {"plan": self.plan, "outside": Trigger(1, TIME)}
        rules = [
            {"kind": "duplicate", "rate": 0.2},
            {"kind": "drop", "rate": 0.2},
            {"kind": "delay", "rate": 0.2},
        ]
        self.has_faults = rng.random() < 0.4
        self.folder = folder
        self.settings = {
            "values_topic": "values",
            "file_directory": folder,
            "file_triggers": rng.choice([0, 0, 1, 2]),
            "faults": read_rules(rules) if self.has_faults else (),
        }
        (folder / "script.py").write_text(SCRIPT)
        self.script_runner = ScriptRunner(
            self.player, lambda run: RunOutput("p", run, brokers=["b:1"], **self.settings)
        )
        self.script_runner.loader.load(folder, "script.py")
        self.manifests = []

    def play(self):
        rng, script_runner = self.rng, self.script_runner
        self.run = Run("run", seed=rng.randrange(2**32))
        self.plan["setup"] = setup = a_script(rng, self.numbers, is_action=False)
        self.plan["stop"] = stop = a_script(rng, self.numbers, is_action=False)
        is_set_up = self.model.keep(setup, self._maybe_failing(setup))
        assert self._done(lambda: script_runner.start(self.run)) == is_set_up
        self._nothing_fails()
        if is_set_up:
            self._keep_remainder()
            self._triggers()
        if is_set_up:
            stopped = self.model.keep(stop, self._maybe_failing(stop))
            assert self._done(script_runner.stop) == stopped
        else:
            # It was stopped when its setup failed.
            self.model.keep(stop, False)
        self._nothing_fails()
        self._keep_remainder()

    def _triggers(self):
        rng, script_runner = self.rng, self.script_runner
        policy = rng.choice(["ABORT", "SKIP", "RETRY", "DISABLE"])
        for number in range(1, rng.randint(2, 7)):
            attempts = 3 if policy == "RETRY" else 1
            for attempt in range(1, attempts + 1):
                script = self.plan[number, attempt] = a_script(rng, self.numbers, is_action=True)
                before = self._told()
                done = self.model.keep(script, self._maybe_failing(script))
                trigger = Trigger(number, TIME + number * 1000, attempt)
                assert self._done(lambda: script_runner.trigger(trigger, "run")) == done, vars(script)  # noqa: B023
                self._nothing_fails()
                if done:
                    assert script_runner.answers.last.trigger == number
                    assert script_runner.machine.state is State.STANDBY
                    self.manifests.append(script_runner.answers.last.manifest)
                    break
                assert self._told() == before
                assert script_runner.machine.state is State.ALARM
                assert script_runner.status.startswith(f"trigger {number}: ")
            if not done and policy in {"ABORT", "DISABLE", "RETRY"}:
                break

    def _told(self):
        """What a Player tells of what it did."""
        return self.script_runner.session.counts, self.script_runner.answers.last

    def _done(self, act):
        try:
            act()
        except DonkiError:
            return False
        return True

    def _maybe_failing(self, script):
        """Let Kafka or the file fail at some send of a script; return whether that comes to pass."""
        if self.has_faults or self.rng.random() < 0.7 or not deepcopy(self.model).keep(script, False):
            return False
        # Only where it surely comes to pass: each step sends at least one message.
        sends = [step for step in script.steps if not step.is_refused and step.kind is None]
        if not sends:
            return False
        error = some_exception(self.rng)
        if self.rng.random() < 0.5:
            Kafka.failures.append([self.rng.randrange(len(sends)), self.rng.choice([error, "no room"])])
        else:
            self.file_failures.append([self.rng.randrange(len(sends)), error])
        return True

    def _nothing_fails(self):
        Kafka.failures.clear()
        self.file_failures.clear()

    def _keep_remainder(self):
        self.manifests.append(Manifest.from_dict(self.script_runner.session.output.get("manifest", {})))

    def check(self):
        """Compare what was kept, told and sent."""
        expected = {column: values for column, values in self.model.rows.items() if values}
        assert self._stored() == expected
        measured, sent = defaultdict(list), defaultdict(list)
        for manifest in self.manifests:
            as_measured = manifest.sent if manifest.measured is None else manifest.measured
            for into, tallies in ((sent, manifest.sent), (measured, as_measured)):
                for tally in tallies:
                    into[tally.topic, tally.source] += np.frombuffer(tally.checksums, "<u4").tolist()
        in_kafka = defaultdict(list)
        for topic, messages in Kafka.log.items():
            for key, message in messages:
                in_kafka[topic, key].append(int(crc32c(message)))
        for stream, checksums in sent.items():
            left = iter(in_kafka[stream])
            assert all(checksum in left for checksum in checksums), stream
        assert self._told()[0].messages == sum(map(len, sent.values()))
        self._check_events(measured["events", "bank"])
        assert len(measured["alarms", "T"]) == len(expected.get("T/alarm_message", []))
        assert len(measured["logs", "T"]) == len(expected.get("T/value", []))
        assert len(measured["values", "p/note"]) == len(expected.get("note", []))

    def _check_events(self, checksums):
        """The messages that were delivered are numbered one by one and hold what was kept."""
        if self.has_faults:
            return
        by_checksum = {int(crc32c(message)): message for _, message in Kafka.log["events"]}
        messages = [deserialise_ev44(by_checksum[checksum]) for checksum in checksums]
        assert [message.message_id for message in messages] == list(range(len(messages)))
        tof = [time for message in messages for time in message.time_of_flight.tolist()]
        assert tof == self.model.rows["bank/bank_events/event_time_offset"]

    def _stored(self):
        columns = (
            "bank/bank_events/event_time_offset",
            *(
                "T/value",
                "T/alarm_message",
                "camera/value",
                "spectrum/signal",
                "adc/value",
                "chopper/top_dead_center/time",
            ),
        )
        stored = defaultdict(list)
        for path in self.script_runner.session.files:
            with h5py.File(path) as root:
                for column in columns:
                    if column in root["entry/instrument"]:
                        stored[column] += self._values(root["entry/instrument"][column])
                for name in ("number", "note"):
                    if f"p/{name}" in root:
                        stored[name] += self._values(root["p"][name])
                        assert len(root["p"][name]) == len(root["p"][f"{name}_trigger"])
        return {column: values for column, values in stored.items() if values}

    @staticmethod
    def _values(dataset):
        if dataset.dtype.kind == "O":
            return dataset.asstr()[...].tolist()
        return [row.ravel()[0].item() for row in dataset[...]]


@pytest.mark.parametrize("seed", range(CASES))
def test_whatever_scripts_do_what_was_kept_is_what_was_done(tmp_path, file_failures, seed):
    played = Played(tmp_path, seed, file_failures)
    played.play()
    played.check()
