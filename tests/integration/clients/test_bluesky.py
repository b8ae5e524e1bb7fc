"""The orchestra as a detector of bluesky: a real RunEngine, real devices."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
import pytest
from bluesky import RunEngine
from bluesky.utils import FailedStatus, RunEngineInterrupted
from ophyd_async.core import NotConnectedError, init_devices
from ophyd_async.sim import SimMotor
from ophyd_async.tango.core import TangoDevice, tango_signal_r, tango_signal_rw
from tango import DevState

from donki.errors import NotAllowedError
from donki.limits import OnError
from donki_client import Director, SequenceError
from donki_client.bluesky import Orchestra
from helpers.documents import Documents
from helpers.orchestra import an_orchestra, without_database
from helpers.support import wait_until

LIMIT = 30.0


@pytest.fixture(scope="module")
def engine():
    """One RunEngine, whose event loop the devices live in."""
    return RunEngine(context_managers=[])


@pytest.fixture(scope="module")
def the_orchestra(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("bluesky"), "bluesky", "a", "b") as orchestra:
        yield orchestra


@pytest.fixture
def orchestra(the_orchestra):
    the_orchestra.reset()
    the_orchestra.director.Triggers = 7
    the_orchestra.director.StepTriggers = 1
    for player in the_orchestra.players.values():
        player.OnError = "ABORT"
    return the_orchestra


@pytest.fixture
def director(orchestra):
    return Director("donki/director/bluesky", database=orchestra.facility.database)


@pytest.fixture
def detector(engine, orchestra):
    with init_devices():
        detector = Orchestra("donki/director/bluesky", orchestra.facility.database, name="orchestra")
    return detector  # noqa: RET504 - it is connected when the block ends


@pytest.fixture
def motor(engine):
    with init_devices():
        motor = SimMotor(name="motor", instant=True)
    return motor  # noqa: RET504


def test_a_scan_is_one_run_with_as_many_triggers_a_point_as_were_set(
    engine, detector, motor, director, orchestra
):
    documents = Documents()
    engine(bps.mv(detector.step_triggers, 3, detector.period, 0.01, detector.run_title, "scan"))
    engine(bp.scan([detector], motor, 0, 1, 4), documents)
    events = documents.of("event")
    assert [event["data"]["orchestra-current_trigger"] for event in events] == [3, 6, 9, 12]
    [descriptor] = documents.of("descriptor")
    configuration = descriptor["configuration"]["orchestra"]["data"]
    assert configuration["orchestra-run_id"] == director.run_id
    assert (configuration["orchestra-step_triggers"], configuration["orchestra-period"]) == (3, 0.01)
    file = orchestra.journal.parent / f"{director.run_id}.nxs"
    assert configuration["orchestra-master_file"] == str(file)
    wait_until("the master file is there", file.exists, LIMIT)
    assert descriptor["hints"]["orchestra"]["fields"] == ["orchestra-events"]
    assert descriptor["data_keys"]["orchestra-current_trigger"]["source"].endswith("/CurrentTrigger")
    assert documents.of("stop")[0]["exit_status"] == "success"
    assert (director.state, director.current_trigger, director.triggers) == (DevState.ON, 12, 7)
    assert [note["title"] for note in orchestra.notes("setup")] == ["scan", "scan"]
    assert len(orchestra.notes("end")) == 24


def test_a_failure_names_player_and_trigger_and_ends_the_run(engine, detector, director, orchestra):
    orchestra.set("b", fail_at=2)
    documents = Documents()
    with pytest.raises(FailedStatus) as error:
        engine(bp.count([detector], 5), documents)
    cause = error.value.__cause__
    assert isinstance(cause, SequenceError)
    assert (cause.player, cause.trigger) == ("bluesky-b", 2)
    assert "on fire" in cause.reason
    assert documents.of("stop")[0]["exit_status"] == "fail"
    assert (director.state, director.triggers) == (DevState.FAULT, 7)
    orchestra.set("b")
    engine(bp.count([detector], 2))  # the next run needs nothing but to be begun
    assert director.state == DevState.ON


def test_a_player_that_cannot_be_set_up_fails_the_staging(engine, detector, director, orchestra):
    orchestra.set("a", fail_in="setup")
    with pytest.raises(FailedStatus) as error:
        engine(bp.count([detector], 1))
    assert (error.value.__cause__.player, error.value.__cause__.trigger) == ("bluesky-a", 0)
    assert (director.state, director.triggers) == (DevState.FAULT, 7)


def test_a_pause_ends_the_point_which_is_played_again(engine, detector, director, orchestra):
    orchestra.set("a", sleep=0.05)
    orchestra.set("b", sleep=0.05)
    engine(bps.mv(detector.step_triggers, 30))
    documents, before = Documents(), director.run_id

    def plays(trigger):
        return director.run_id != before and director.current_trigger >= trigger

    def pause():
        wait_until("the second point is played", lambda: plays(33), LIMIT)
        engine.request_pause()

    pausing = threading.Thread(target=pause)
    pausing.start()
    with pytest.raises(RunEngineInterrupted):
        engine(bp.count([detector], 3), documents)
    pausing.join()
    wait_until("the run is held", lambda: director.state == DevState.STANDBY, LIMIT)
    held = director.current_trigger
    assert 33 <= held < 60
    engine.resume()
    last = [event["data"]["orchestra-current_trigger"] for event in documents.of("event")]
    assert last == [30, held + 30, held + 60]
    assert documents.of("stop")[0]["exit_status"] == "success"
    assert director.state == DevState.ON


def test_a_point_waits_while_an_operator_has_paused_the_run(engine, detector, director, orchestra):
    orchestra.set("a", sleep=0.05)
    orchestra.set("b", sleep=0.05)
    engine(bps.mv(detector.step_triggers, 40))
    documents, before = Documents(), director.run_id

    def plays(trigger):
        return director.run_id != before and director.current_trigger >= trigger

    def intervene():
        wait_until("it plays", lambda: plays(3), LIMIT)
        director.pause()
        wait_until("it is paused", lambda: director.state == DevState.STANDBY, LIMIT)
        assert not documents.of("event")
        director.resume()

    intervening = threading.Thread(target=intervene)
    intervening.start()
    engine(bp.count([detector], 1), documents)
    intervening.join()
    [event] = documents.of("event")
    assert event["data"]["orchestra-current_trigger"] >= 40
    assert director.state == DevState.ON


def test_a_stop_because_of_trouble_aborts_the_run(engine, detector, director, orchestra):
    for player in "ab":
        orchestra.set(player, sleep=60, listen=True)

    def troubled():
        yield from bps.stage(detector, wait=True)
        status = yield from bps.trigger(detector)
        yield from bps.wait_for([lambda: asyncio.to_thread(acting)])
        yield from bps.wait_for([lambda: detector.stop(success=False)])
        yield from bps.wait_for(
            [lambda: asyncio.to_thread(wait_until, "it is over", lambda: status.done, LIMIT)]
        )
        yield from bps.unstage(detector, wait=True)

    def acting():
        wait_until("both act", lambda: len(orchestra.notes("begin")) == 2, LIMIT)

    engine(troubled())
    assert director.state == DevState.ON
    assert {note["aborted"] for note in orchestra.notes("end")} == {True}


@pytest.mark.parametrize(("how", "status"), [("abort", "abort"), ("stop", "success")])
def test_a_plan_that_is_ended_ends_the_run(engine, detector, director, orchestra, how, status):
    for player in "ab":
        orchestra.set(player, sleep=60, listen=True)
    documents = Documents()

    def pause():
        wait_until("both act", lambda: len(orchestra.notes("begin")) == 2, LIMIT)
        engine.request_pause()

    pausing = threading.Thread(target=pause)
    pausing.start()
    with pytest.raises(RunEngineInterrupted):
        engine(bp.count([detector], 3), documents)
    pausing.join()
    began = time.monotonic()
    getattr(engine, how)()
    wait_until("the run has ended", lambda: not director.snapshot().in_progress, LIMIT)
    assert time.monotonic() - began < 30, "it waited for the actions, which sleep for a minute"
    assert documents.of("stop")[0]["exit_status"] == status
    assert director.triggers == 7
    assert {note["aborted"] for note in orchestra.notes("stop")} == {True}


def test_a_run_of_somebody_else_is_left_alone(engine, detector, director):
    director.configure(-1, 0.02)
    director.start()
    with pytest.raises(FailedStatus) as error:
        engine(bp.count([detector], 1))
    assert "is RUNNING" in str(error.value.__cause__)
    assert (director.state, director.triggers) == (DevState.RUNNING, -1)


def test_a_director_that_dies_fails_the_point(engine, facility, tmp_path):
    with an_orchestra(facility, tmp_path, "dying", "a") as orchestra:
        orchestra.refresh()
        orchestra.set("a", sleep=0.02)
        with init_devices():
            detector = Orchestra("donki/director/dying", facility.database, name="orchestra")
        engine(bps.mv(detector.step_triggers, 1000))

        def kill():
            wait_until("it plays", lambda: len(orchestra.notes("end")) > 3, LIMIT)
            orchestra.children["director"].kill()

        killing = threading.Thread(target=kill)
        killing.start()
        with pytest.raises(FailedStatus) as error:
            engine(bp.count([detector], 1))
        killing.join()
        assert "dying does not answer" in str(error.value.__cause__)


def test_a_client_that_is_killed_leaves_a_run_that_is_held_and_the_number_of_triggers_as_it_was(
    orchestra, director
):
    for player in "ab":
        orchestra.set(player, sleep=0.05)
    scan = f"""
import bluesky.plans as bp
from bluesky import RunEngine
from donki_client.bluesky import Orchestra
from ophyd_async.core import init_devices
engine = RunEngine(context_managers=[])
with init_devices():
    detector = Orchestra("donki/director/bluesky", "{orchestra.facility.database}", name="orchestra")
engine(bp.count([detector], 1000))
"""
    director.step_triggers = 30
    killed = subprocess.Popen([sys.executable, "-c", scan])
    try:
        wait_until("a point is played", lambda: len(orchestra.notes("end", "a")) > 3, LIMIT)
        assert director.triggers == -1
    finally:
        killed.kill()
        killed.wait()
    wait_until("the point has been played", lambda: director.state == DevState.STANDBY, LIMIT)
    assert director.current_trigger % 30 == 0
    with pytest.raises(NotAllowedError, match="STANDBY"):
        director.start()
    director.stop()
    director.wait(LIMIT)
    assert director.triggers == 7
    assert director.run().current_trigger == 7


def test_it_must_be_staged(engine, detector):
    with pytest.raises(FailedStatus, match="stage it before"):
        engine(bps.trigger(detector, wait=True))


@bpp.run_decorator()
def monitored(detector, signal):
    yield from bps.stage(detector, wait=True)
    yield from bps.monitor(signal, name="triggers")
    for _ in range(3):
        yield from bps.trigger(detector, wait=True)
        yield from bps.sleep(0.5)
    yield from bps.unmonitor(signal)
    yield from bps.unstage(detector, wait=True)


def test_a_signal_is_monitored(engine, detector):
    documents = Documents()
    engine(monitored(detector, detector.current_trigger), documents)
    seen = [event["data"]["orchestra-current_trigger"] for event in documents.of("event")]
    assert seen == sorted(seen)
    assert set(seen) >= {1, 2, 3}


def test_a_director_that_is_not_there_is_named(engine, facility):
    with pytest.raises(NotConnectedError, match="nobody is not in that Tango database"), init_devices():
        nobody = Orchestra("donki/director/nobody", facility.database)  # noqa: F841


def test_without_a_database(engine, tmp_path):
    with without_database(tmp_path) as (device, _):
        with init_devices():
            detector = Orchestra(device, name="orchestra")
        documents = Documents()
        engine(bp.count([detector], 3), documents)
        assert [event["data"]["orchestra-current_trigger"] for event in documents.of("event")] == [1, 2, 3]


def test_plain_ophyd_async_reads_and_writes_every_attribute(orchestra):
    """Whoever writes devices of their own needs nothing of ours but the names of attributes."""

    async def use():
        database = orchestra.facility.database
        names = {
            "director": f"tango://{database}/donki/director/bluesky",
            "player": f"tango://{database}/donki/player/bluesky-a",
        }
        devices = {name: TangoDevice(full, support_events=True, name=name) for name, full in names.items()}
        described = {}
        for device in devices.values():
            await device.connect()
            for name, signal in device.children():
                if hasattr(signal, "describe"):
                    described[name] = (await signal.describe())[signal.name]
                    await signal.read()
        await devices["player"].OnError.set("SKIP")
        title = tango_signal_rw(str, f"{names['director']}/RunTitle")
        trigger = tango_signal_r(int, f"{names['director']}/CurrentTrigger")
        await title.connect()
        await trigger.connect()
        await title.set("plain")
        return described, await title.get_value(), await trigger.get_value()

    described, title, trigger = asyncio.run(use())
    assert (title, trigger) == ("plain", orchestra.director.CurrentTrigger)
    assert described["Period"]["units"] == "s"
    assert described["OnError"]["choices"] == ["ABORT", "SKIP", "RETRY", "DISABLE"]
    assert OnError(orchestra.players["a"].OnError) is OnError.SKIP
