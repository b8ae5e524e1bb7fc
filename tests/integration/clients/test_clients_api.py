"""The Python API as scripts and notebooks use it, blocking and with asyncio, against real devices."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest
from tango import DevState

from donki.errors import InputError, NotAllowedError
from donki_client import AsyncDirector, Director, IfInterrupted, SequenceError, UnreachableError
from donki_client.api.proxy import Proxy
from helpers.orchestra import an_orchestra, without_database
from helpers.support import took, wait_until

LIMIT = 30.0


@pytest.fixture(scope="module")
def the_orchestra(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("api2"), "api2", "a", "b") as orchestra:
        yield orchestra


@pytest.fixture
def orchestra(the_orchestra):
    the_orchestra.reset()
    return the_orchestra


@pytest.fixture
def director(orchestra):
    return Director("donki/director/api2", database=orchestra.facility.database)


@pytest.fixture
def async_director(orchestra):
    return AsyncDirector("donki/director/api2", database=orchestra.facility.database)


def idle(director):
    wait_until("the Director is idle", lambda: not director.snapshot().in_progress, LIMIT)
    return True


def test_a_run_is_played_with_its_progress_told(director, orchestra):
    told = []
    end = director.run(
        12, 0.05, title="ice", metadata={"sample": "ice"}, timeout=LIMIT, on_progress=told.append
    )
    assert (end.state, end.current_trigger, end.run_id) == (DevState.ON, 12, director.run_id)
    triggers = [snapshot.current_trigger for snapshot in told]
    assert triggers == sorted(triggers)
    assert triggers[-1] == 12
    assert len(set(triggers)) > 3
    assert {snapshot.triggers for snapshot in told} == {12}
    assert any(snapshot.remaining_time > 0 and snapshot.trigger_rate > 0 for snapshot in told)
    setup = orchestra.notes("setup")[0]
    assert (setup["title"], setup["metadata"]) == ("ice", {"sample": "ice"})


def test_a_run_without_a_period_is_not_slowed_by_the_wait(director):
    director.run(1, 0, timeout=LIMIT)
    began = time.monotonic()
    for _ in range(5):
        director.run(timeout=LIMIT)
    assert took(began) < 5


def test_a_failure_names_player_trigger_and_reason(director, orchestra):
    orchestra.set("b", fail_at=3)
    with pytest.raises(SequenceError) as error:
        director.run(5, timeout=LIMIT)
    assert (error.value.player, error.value.trigger) == ("api2-b", 3)
    assert "the detector of api2-b is on fire" in error.value.reason


def test_a_set_up_that_fails_names_the_player(director, orchestra):
    orchestra.set("a", fail_in="setup")
    with pytest.raises(SequenceError, match="no detector") as error:
        director.run(5, timeout=LIMIT)
    assert (error.value.player, error.value.trigger) == ("api2-a", 0)
    assert director.state == DevState.FAULT


def test_a_second_run_is_refused_and_changes_nothing_of_the_first(director, orchestra):
    other = Director("donki/director/api2", database=orchestra.facility.database)
    director.configure(-1, 0.02, title="first")
    director.start()
    with pytest.raises(NotAllowedError, match=r"is RUNNING, at trigger \d+ of run"):
        other.run(3, title="second")
    with pytest.raises(NotAllowedError), other:
        other.start()
    assert (director.state, director.triggers, director.run_title) == (DevState.RUNNING, -1, "first")


@pytest.mark.parametrize(
    ("policy", "after"),
    [
        (IfInterrupted.ABORT, DevState.ON),
        (IfInterrupted.STOP, DevState.ON),
        (IfInterrupted.GO_ON, DevState.RUNNING),
    ],
)
def test_what_becomes_of_a_run_whose_wait_is_left(director, policy, after):
    with pytest.raises(TimeoutError, match=r"still RUNNING after 0\.3 s"):
        director.run(-1, 0.02, timeout=0.3, if_interrupted=policy)
    assert director.state == after


def test_an_exception_of_the_progress_callback_aborts_the_run(director):
    def broken(snapshot):
        raise ZeroDivisionError("a plot that fails")

    with pytest.raises(ZeroDivisionError):
        director.run(-1, 0.02, on_progress=broken, timeout=LIMIT)
    assert director.state == DevState.ON


def test_a_block_left_by_an_exception_aborts_its_run(director):
    director.configure(-1, 0.02)
    director.start()
    with pytest.raises(ZeroDivisionError), director:
        raise ZeroDivisionError
    assert director.state == DevState.ON


def test_a_block_left_in_order_lets_its_run_go_on(director):
    director.configure(-1, 0.02)
    with director:
        director.start()
    assert director.state == DevState.RUNNING


def test_a_block_left_by_an_exception_leaves_another_s_run_alone(director, orchestra):
    director.configure(-1, 0.02)
    director.start()
    other = Director("donki/director/api2", database=orchestra.facility.database)
    with pytest.raises(ZeroDivisionError), other:
        raise ZeroDivisionError
    assert director.state == DevState.RUNNING


def test_ctrl_c_in_a_script_aborts_its_run(director, orchestra):
    script = f"""
from donki_client import Director
director = Director("donki/director/api2", database="{orchestra.facility.database}")
director.run(-1, 0.02, on_progress=lambda snapshot: print("trigger", flush=True))
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "trigger\n"
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=LIMIT)
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert director.state == DevState.ON


def test_an_armed_sequence_plays_step_by_step(director, orchestra):
    director.configure(-1, 0.01)
    director.step_triggers = 3
    try:
        director.arm()
        wait_until("it is armed", lambda: director.state == DevState.STANDBY)
        assert (director.current_trigger, len(orchestra.notes("setup"))) == (0, 2)
        for done in (3, 6):
            director.step()
            wait_until("it is paused again", lambda: director.state == DevState.STANDBY)
            assert director.current_trigger == done
        director.stop()
        assert director.wait(LIMIT).current_trigger == 6
        assert len(orchestra.notes("end", "a")) == 6
    finally:
        director.step_triggers = 1


def test_a_value_out_of_range_says_what_is_accepted(director):
    with pytest.raises(InputError, match=r"Period: -3 is out of range\. From trigger to trigger"):
        director.period = -3


def test_what_an_earlier_version_does_not_tell_is_empty(director):
    assert director.file_writer_state == ()
    proxy = Proxy(director.device)
    assert proxy.has("FileWriterState")
    assert not proxy.has("AttributeOfALaterVersion")


def test_a_wait_ends_when_the_director_is_started_anew(facility, tmp_path):
    with an_orchestra(facility, tmp_path, "anew", "a") as orchestra:
        orchestra.refresh()
        director = Director("donki/director/anew", database=facility.database)
        director.configure(-1, 0.05)
        director.start()
        killed = orchestra.children["director"]

        def restart(snapshot):
            # The script sleeps, as a laptop does, while the server is killed and starts again.
            killed.kill()
            orchestra.restart("director")

        with pytest.raises((SequenceError, UnreachableError), match=r"restarted|does not answer"):
            director.wait(LIMIT, on_progress=restart)


def test_without_a_database_all_is_the_same(tmp_path):
    with without_database(tmp_path) as (device, player):
        director = Director(device)
        assert director.run(3, 0, timeout=LIMIT).current_trigger == 3
        assert [(status.name, status.device) for status in director.players] == [("solo", player)]


def test_asyncio_plays_with_progress(async_director):
    async def play():
        told = []
        async with async_director as director:
            end = await director.run(12, 0.05, title="async", timeout=LIMIT, on_progress=told.append)
            assert {player.name for player in await director.players()} == {"api2-a", "api2-b"}
            findings = await director.check()
            # A busy machine may be slower than the period.
            assert [line for line in findings if not line.startswith("warning: a Period")] == []
        return end, told

    end, told = asyncio.run(play())
    assert (end.current_trigger, end.state) == (12, DevState.ON)
    assert told[-1] == end
    assert len(told) > 3


def test_asyncio_pauses_steps_resumes_stops(async_director):
    async def play():
        director = async_director
        await director.configure(-1, 0.02, seed=7)
        await director.start()
        seen = []
        async for snapshot in director.watch(0.02):
            seen.append(snapshot)
            if len(seen) == 2:
                await director.pause()
            elif snapshot.state == DevState.STANDBY and len(seen) < 20:
                await (director.step() if len(seen) % 2 else director.resume())
            elif len(seen) >= 20:
                if snapshot.state == DevState.STANDBY:
                    await director.resume()
                await director.stop()
                break
        return await director.wait(LIMIT)

    assert asyncio.run(play()).state == DevState.ON


@pytest.mark.parametrize(
    ("policy", "after"), [(IfInterrupted.ABORT, DevState.ON), (IfInterrupted.GO_ON, DevState.RUNNING)]
)
def test_a_cancelled_task_waits_no_longer(async_director, director, policy, after):
    async def play():
        moving = asyncio.Event()
        task = asyncio.create_task(
            async_director.run(-1, 0.02, on_progress=lambda _: moving.set(), if_interrupted=policy)
        )
        await asyncio.wait_for(moving.wait(), LIMIT)
        task.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    assert asyncio.run(play()) < 5
    assert director.state == after


def test_a_task_cancelled_while_players_are_set_up_aborts(async_director, director, orchestra):
    orchestra.set("a", setup_sleep=1.0)

    async def play():
        task = asyncio.create_task(async_director.run(-1, 0.02))
        await asyncio.to_thread(
            wait_until, "the set-up has begun", lambda: orchestra.notes("setup", "a"), LIMIT
        )
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(play())
    assert idle(director)


def test_the_event_loop_is_never_blocked_by_a_director_that_hangs(facility, tmp_path):
    """Ten clients wait for a Director that is stopped; others are served, the loop turns."""
    with an_orchestra(facility, tmp_path, "hangs", "a") as orchestra:
        hung = [AsyncDirector("donki/director/hangs", database=facility.database) for _ in range(10)]
        pid = orchestra.children["director"].pid

        async def play():
            for one in hung:
                await one.snapshot()
            os.kill(pid, signal.SIGSTOP)
            try:
                tasks = [asyncio.create_task(one.snapshot()) for one in hung]
                longest = 0.0
                for _ in range(20):
                    began = time.monotonic()
                    await asyncio.sleep(0.02)
                    longest = max(longest, time.monotonic() - began)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            finally:
                os.kill(pid, signal.SIGCONT)
            return longest

        assert asyncio.run(play()) < 1


def test_asyncio_says_who_does_not_answer(facility):
    async def ask():
        async with AsyncDirector("donki/director/nobody", database=facility.database):
            pass

    with pytest.raises(UnreachableError, match="donki/director/nobody is not in that Tango database"):
        asyncio.run(ask())
