"""ophyd-async's own Tango devices, with nothing of ours, set a sequence, read it back and play it."""

from __future__ import annotations

import asyncio

import pytest
from ophyd_async.core import SignalR, SignalRW, TriggerableCommand, wait_for_value
from ophyd_async.tango.core import TangoDevice
from tango.asyncio_executor import set_global_executor

from helpers.orchestra import an_orchestra

LIMIT = 30.0


class DirectorDevice(TangoDevice):
    """What somebody declares who wants a Director's sequence, and no more."""

    Triggers: SignalRW[int]
    Period: SignalRW[float]
    CurrentTrigger: SignalR[int]
    RunId: SignalR[str]
    Start: TriggerableCommand


@pytest.fixture(scope="module")
def orchestra(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("ophyd"), "ophyd", "a", "b") as orchestra:
        yield orchestra


@pytest.fixture(scope="module")
def runner():
    """One event loop: PyTango's executor keeps the first that it was used in, also that of tests before."""
    set_global_executor(None)
    with asyncio.Runner() as runner:
        yield runner
    set_global_executor(None)


@pytest.mark.parametrize("kind", [TangoDevice, DirectorDevice])
@pytest.mark.parametrize("support_events", [True, False], ids=["events", "polled"])
def test_a_tango_device_sets_a_sequence_and_plays_it(runner, orchestra, kind, support_events):
    orchestra.reset()
    device = kind(
        f"tango://{orchestra.facility.database}/donki/director/ophyd",
        support_events=support_events,
        auto_fill_signals=kind is TangoDevice,
        name="director",
    )
    before, triggers = orchestra.director.RunId, orchestra.director.Triggers + 3

    async def play():
        await device.connect()
        await device.Triggers.set(triggers)
        await device.Period.set(1 / 14)
        read = [await signal.get_value() for signal in (device.Triggers, device.Period)]
        await device.Start.trigger()
        await wait_for_value(device.CurrentTrigger, triggers, LIMIT)
        return read, await device.RunId.get_value()

    read, run_id = runner.run(play())
    assert read == [triggers, 0.071428571]
    assert read == [orchestra.director.Triggers, orchestra.director.Period]
    assert orchestra.ended() == "ON"
    assert run_id == orchestra.director.RunId != before
    ended = [(note["player"], int(note["trigger"])) for note in orchestra.notes("end")]
    names = [orchestra.name(player) for player in "ab"]
    assert sorted(ended) == [(name, number) for name in names for number in range(1, triggers + 1)]
