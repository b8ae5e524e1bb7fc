"""What the orchestra's documents tell of its data: a real RunEngine, real devices, a real tiled server."""

from __future__ import annotations

import json
import threading
from importlib.util import find_spec
from pathlib import Path

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.utils import FailedStatus, RunEngineInterrupted
from ophyd_async.core import DetectorTrigger, TriggerInfo, init_devices

from donki_client import Director
from donki_client.bluesky import Orchestra
from donki_client.bluesky.data_sets import DataSets
from helpers.documents import Documents
from helpers.orchestra import an_orchestra
from helpers.support import needs, wait_until

LIMIT = 30.0

EVENT_DATA = ("event_id", "event_time_offset", "event_time_zero", "event_index")

#: Other numbers of events at each trigger.
SCRIPT = """
import numpy as np

def setup(player):
    global stream, temperature
    stream = player.events("data", source=player.name)
    temperature = player.series("data", source="temperature")

def action(trigger, player):
    player.wait(player.parameters.get("sleep", 0))
    rng = player.rng(trigger)
    events = int(rng.integers(1, 2000))
    stream.send(trigger, rng.integers(0, 71_000_000, events), rng.integers(1, 100, events))
    temperature.send(trigger, 20.0 + int(trigger))
    return {"number": int(trigger), "image": np.full((2, 3), int(trigger), np.uint16), "text": "no array"}
"""


@pytest.fixture(scope="module")
def engine():
    return RunEngine(context_managers=[])


@pytest.fixture(scope="module")
def orchestra(facility, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    script = folder / "data.py"
    script.write_text(SCRIPT)
    places = {"KafkaBrokers": str(facility.start_broker()), "FileDirectory": str(folder), "FileTriggers": 50}
    with an_orchestra(facility, folder, "data", "a", "b", "idle", script=script, **places) as orchestra:
        orchestra.refresh()
        # It has played, and now takes no part.
        assert orchestra.play(3) == "ON"
        assert orchestra.players["idle"].EventsSent > 0
        orchestra.players["idle"].Priority = -1
        orchestra.refresh()
        yield orchestra


@pytest.fixture
def director(orchestra):
    return Director("donki/director/data", database=orchestra.facility.database)


@pytest.fixture
def detector(engine, orchestra):
    for player in orchestra.players.values():
        player.Parameters = "{}"
    with init_devices():
        detector = Orchestra("donki/director/data", orchestra.facility.database, name="det")
    engine(bps.mv(detector.step_triggers, 1, detector.period, 0.0))
    return detector


def files_of(orchestra, player):
    return [Path(path) for path in orchestra.players[player].Files]


def sent_at_each(orchestra, player):
    """Return how many events the Player's files have of each trigger."""
    counts = []
    for path in files_of(orchestra, player):
        with h5py.File(path) as file:
            events = file[f"entry/instrument/data-{player}/data-{player}_events"]
            counts += np.diff([*events["event_index"], len(events["event_id"])]).tolist()
    return counts


def by_point(counts, triggers):
    return np.reshape(counts, (-1, triggers)).sum(axis=1).tolist()


def test_each_point_has_the_events_of_those_who_take_part(engine, detector, orchestra):
    documents = Documents()
    engine(bps.mv(detector.step_triggers, 5))
    engine(bp.count([detector], 3), documents)
    events = documents.events("primary")
    for player in "ab":
        told = [event[f"det-data-{player}_events"] for event in events]
        assert told == by_point(sent_at_each(orchestra, player), 5)
    together = np.add(sent_at_each(orchestra, "a"), sent_at_each(orchestra, "b"))
    assert [event["det-events"] for event in events] == by_point(together, 5)
    assert not [key for key in documents.of("descriptor")[0]["data_keys"] if "idle" in key]


def test_a_monitored_orchestra_has_a_document_for_each_trigger(engine, detector, orchestra):
    documents = Documents()
    engine(bps.mv(detector.step_triggers, 40))
    plan = bpp.monitor_during_wrapper(bp.count([detector], 2), [detector.each_trigger])
    engine(plan, documents)
    events = documents.events("det-each_trigger_monitor")
    assert [event["det-each_trigger-number"] for event in events] == list(range(1, 81))
    for player in "ab":
        told = [event[f"det-each_trigger-data-{player}_events"] for event in events]
        assert told == sent_at_each(orchestra, player)
    both = [event["det-each_trigger-events"] for event in events]
    assert both == np.add(sent_at_each(orchestra, "a"), sent_at_each(orchestra, "b")).tolist()
    assert [event["det-events"] for event in documents.events("primary")] == by_point(both, 40)


def test_a_pause_loses_no_trigger_and_counts_none_twice(engine, detector, orchestra, director):
    orchestra.players["a"].Parameters = json.dumps({"sleep": 0.05})
    engine(bps.mv(detector.step_triggers, 20))
    documents, before = Documents(), director.run_id

    def pause():
        wait_until("it plays", lambda: director.run_id != before and director.current_trigger > 3, LIMIT)
        engine.request_pause()

    pausing = threading.Thread(target=pause)
    pausing.start()
    with pytest.raises(RunEngineInterrupted):
        engine(bpp.monitor_during_wrapper(bp.count([detector], 1), [detector.each_trigger]), documents)
    pausing.join()
    engine.resume()
    [event] = documents.events("primary")
    last = event["det-current_trigger"]
    assert last > 20
    told = documents.events("det-each_trigger_monitor")
    assert [trigger["det-each_trigger-number"] for trigger in told] == list(range(1, last + 1))
    assert event["det-data-a_events"] == sum(sent_at_each(orchestra, "a")[-20:])


@bpp.run_decorator()
def flight(detector, triggers, period):
    yield from bps.prepare(detector, TriggerInfo(number_of_events=triggers, livetime=period), wait=True)
    yield from bps.declare_stream(detector, name="primary", collect=True)
    yield from bps.kickoff(detector, wait=True)
    yield from bps.collect_while_completing([detector], [detector], flush_period=0.1, stream_name="primary")


def test_a_flight_has_an_event_for_each_trigger(engine, detector, orchestra, director):
    documents = Documents()
    engine(bpp.stage_wrapper(flight(detector, 60, 0.01), [detector]), documents)
    assert (director.step_triggers, director.period, director.current_trigger) == (1, 0.01, 60)
    events = documents.events("primary")
    assert [event["det-current_trigger"] for event in events] == list(range(1, 61))
    for player in "ab":
        assert [event[f"det-data-{player}_events"] for event in events] == sent_at_each(orchestra, player)
    pages = documents.of("event_page")
    assert len(pages) > 2, "nothing was told before the end"
    named = [each["indices"] for each in documents.of("stream_datum")]
    assert {"start": 0, "stop": len(pages[0]["seq_num"])} in named
    assert max(indices["stop"] for indices in named) == 60
    assert documents.of("stop")[0]["num_events"] == {"primary": 60}


@pytest.mark.filterwarnings("ignore:.*rewind:UserWarning")
def test_a_flight_that_was_paused_is_played_again(engine, detector, orchestra, director):
    documents, before = Documents(), director.run_id

    def pause():
        wait_until("it flies", lambda: director.run_id != before and director.current_trigger > 20, LIMIT)
        engine.request_pause()

    pausing = threading.Thread(target=pause)
    pausing.start()
    with pytest.raises(RunEngineInterrupted):
        engine(bpp.stage_wrapper(flight(detector, 100, 0.02), [detector]), documents)
    pausing.join()
    held = director.current_trigger
    assert 20 < held < 100
    engine.resume()
    triggers = [event["det-current_trigger"] for event in documents.events("primary")]
    assert triggers[-100:] == list(range(triggers[-100], triggers[-100] + 100))
    assert triggers[-100] > held
    sent = [event["det-data-a_events"] for event in documents.events("primary")[-100:]]
    assert sent == sent_at_each(orchestra, "a")[-100:]


def test_runs_of_one_staging_name_the_data_each(engine, detector, orchestra):
    documents = Documents()

    def twice():
        yield from bps.stage(detector, wait=True)
        for _ in range(2):
            yield from bpp.run_wrapper(bps.trigger_and_read([detector]))
        yield from bps.unstage(detector, wait=True)

    engine(twice(), documents)
    assert [event["indices"] for event in documents.of("stream_datum")] == (
        [{"start": 0, "stop": 1}] * len(documents.of("stream_datum"))
    )
    first, second = (start["uid"] for start in documents.of("start"))
    runs = [resource["run_start"] for resource in documents.of("stream_resource")]
    assert 0 < runs.count(first) == runs.count(second)
    assert [event["data"]["det-data-a_events"] for event in documents.of("event")] == sent_at_each(
        orchestra, "a"
    )


def test_files_that_cannot_be_read_are_left_out_by_name(engine, detector, orchestra, caplog):
    engine(bp.count([detector], 1))
    player = orchestra.players["a"]
    data_sets = DataSets("det", {"data-a": f"tango://{orchestra.facility.database}/{player.dev_name()}"})
    assert "det-data-a-data-a_events-event_id" in data_sets.describe()
    [path] = files_of(orchestra, "a")
    hidden = path.rename(path.with_suffix(".hidden"))
    try:
        assert data_sets.describe() == data_sets.describe() == {}
        assert list(data_sets.documents(1)) == []
    finally:
        hidden.rename(path)
    [said] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said.startswith(f"Player data-a: {path} is left out of the documents")


@pytest.mark.parametrize(
    "wrong",
    [
        {"number_of_events": 0},
        {"collections_per_event": 2},
        {"exposures_per_collection": 2},
        {"trigger": DetectorTrigger.EXTERNAL_EDGE, "deadtime": 0.1},
    ],
)
def test_a_flight_that_cannot_be_is_refused(engine, detector, wrong):
    with pytest.raises(FailedStatus, match="one internal trigger each") as error:
        engine(bps.prepare(detector, TriggerInfo(**wrong), wait=True))
    assert next(iter(wrong)) in str(error.value)


def test_what_was_not_prepared_is_not_kicked_off(engine, detector):
    with pytest.raises(FailedStatus, match="prepare it before"):
        engine(bpp.run_wrapper(bps.kickoff(detector, wait=True)))


def test_what_was_not_kicked_off_does_not_complete(engine, detector):
    with pytest.raises(FailedStatus, match="kick it off before"):
        engine(bps.complete(detector, wait=True))


@pytest.fixture(scope="module")
def tiled(tmp_path_factory, orchestra):
    """Return a client of a tiled server that may read the Players' files."""
    needs("tiled", find_spec("tiled"), "pip install 'donkiorchestra[tiled]'")
    from tiled.client import from_uri
    from tiled.server import SimpleTiledServer

    with SimpleTiledServer(tmp_path_factory.mktemp("tiled"), readable_storage=orchestra.folder) as server:
        yield from_uri(server.uri)


@pytest.fixture
def written(tiled):
    """Subscribe tiled's writer; return what gives the primary stream of the run that it wrote last."""
    from bluesky.callbacks.tiled_writer import TiledWriter

    return TiledWriter(tiled), lambda: tiled.values().last()["primary"]


def in_files(orchestra, player, path):
    """Return a data set as h5py reads it from all files of a Player, one after the other."""
    parts = []
    for name in files_of(orchestra, player):
        with h5py.File(name) as file:
            parts.append(file[path][:])
    return np.concatenate(parts)


def check_served(stream, orchestra):
    for player in "ab":
        events = f"data-{player}/data-{player}_events"
        for key, path in {
            **{f"data-{player}_events-{name}": f"entry/instrument/{events}/{name}" for name in EVENT_DATA},
            "temperature-time": "entry/instrument/temperature/time",
            "temperature-value": "entry/instrument/temperature/value",
            "number": f"data-{player}/number",
            "image": f"data-{player}/image",
        }.items():
            expected, served = in_files(orchestra, player, path), stream[f"det-data-{player}-{key}"]
            assert (served.shape, served.dtype) == (expected.shape, expected.dtype), key
            np.testing.assert_array_equal(served.read(), expected, key)


#: What tiled's writer says as it learns how many rows there are, and as it calls tiled 0.2.20 the old way.
WARNINGS = "ignore:Fixing:UserWarning", "ignore:The order of arguments has changed:DeprecationWarning"


@pytest.mark.filterwarnings(*WARNINGS)
@pytest.mark.timeout(300)  # on a busy machine tiled takes a minute to start
def test_tiled_serves_the_data_of_a_scan(engine, detector, orchestra, written):
    writer, stream = written
    engine(bps.mv(detector.step_triggers, 20))
    engine(bp.count([detector], 4), writer)
    assert len(files_of(orchestra, "a")) == 2
    check_served(stream(), orchestra)
    told = stream()["det-data-a_events"].read().tolist()
    assert told == by_point(sent_at_each(orchestra, "a"), 20)
    first, last = np.cumsum(told)[[0, 1]]
    np.testing.assert_array_equal(
        stream()["det-data-a-data-a_events-event_id"][first:last],
        in_files(orchestra, "a", "entry/instrument/data-a/data-a_events/event_id")[first:last],
    )


@pytest.mark.filterwarnings(*WARNINGS)
@pytest.mark.timeout(300)  # on a busy machine tiled takes a minute to start
def test_tiled_serves_the_events_of_a_flight(engine, detector, orchestra, written):
    writer, stream = written
    engine(bpp.stage_wrapper(flight(detector, 120, 0.005), [detector]), writer)
    assert len(files_of(orchestra, "a")) == 3
    for player in "ab":
        for name in EVENT_DATA:
            path = f"entry/instrument/data-{player}/data-{player}_events/{name}"
            served = stream()[f"det-data-{player}-data-{player}_events-{name}"].read()
            np.testing.assert_array_equal(served, in_files(orchestra, player, path), name)
    assert stream()["det-data-a_events"].read().tolist() == sent_at_each(orchestra, "a")
