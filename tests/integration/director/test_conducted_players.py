"""Who else may touch a Player while a Director conducts it, and what becomes of one that is restarted."""

from __future__ import annotations

import subprocess
import sys

import pytest
import tango

from donki.limits import OnError
from donki_client.facility.device_server import DeviceServer
from helpers.run_phases import Acting, Waiting, acted, ended
from helpers.support import refused, wait_until


@pytest.fixture
def orchestra(trio):
    return trio


def retry(orchestra, name, retries=3):
    orchestra.players[name].OnError = OnError.RETRY
    orchestra.players[name].Retries = retries
    orchestra.refresh()


@pytest.fixture(scope="module")
def rival(facility, the_trio):
    """Another Director that wants the same Players."""
    server = DeviceServer.director(
        "rival", PlayerDevices=["donki/player/trio-*"], RunDirectory=str(the_trio.journal.parent)
    )
    (child,) = facility.start_servers(server)
    yield the_trio.proxy(server.device)
    child.kill()


@pytest.mark.parametrize("moment", [Acting, Waiting])
def test_a_player_of_one_director_is_refused_to_another(orchestra, rival, moment):
    moment = moment(orchestra)
    moment.begin()
    for said in (refused(rival.Start), "; ".join(rival.Check())):
        assert f"trio-x: plays run {orchestra.director.RunId} of donki/director/trio; Stop it there" in said
    assert str(rival.state()) == "ON"
    # Nor does a Start by hand take it away.
    assert "plays run" in refused(orchestra.players["y"].Start)
    moment.go_on()
    assert ended(orchestra) == ("ON", "done", 4)
    for name, player in orchestra.players.items():
        wait_until(f"{name} is left", lambda player=player: str(player.state()) == "ON")
    rival.Triggers = 1
    rival.Start()
    wait_until("the other plays", lambda: str(rival.state()) == "ON")
    assert rival.CurrentTrigger == 1


def test_of_two_directors_that_start_at_once_at_most_one_plays_and_each_says_why_not(orchestra, rival):
    orchestra.director.Triggers = rival.Triggers = 3
    for _ in range(8):
        orchestra.notes_file.unlink(missing_ok=True)
        directors = [orchestra.proxy(orchestra.director.dev_name()), orchestra.proxy(rival.dev_name())]
        tickets = [director.command_inout_asynch("Start") for director in directors]
        begun, said = [], []
        for director, ticket in zip(directors, tickets, strict=True):
            try:
                director.command_inout_reply(ticket, timeout=3000)
                begun.append(director)
            except tango.DevFailed as failed:
                said.append(failed.args[0].desc)
        assert all("plays run" in words or "busy" in words for words in said), said
        for director in directors:
            wait_until("it ends", lambda director=director: str(director.state()) in ("ON", "FAULT"))
        finished = [director.RunId for director in begun if str(director.state()) == "ON"]
        for run in finished:
            done = [note["trigger"] for note in orchestra.notes("begin", "x") if note["run"] == run]
            assert done == [1, 2, 3]
        for director in directors:
            if str(director.state()) == "FAULT":
                assert "trio-" in director.LastError
                director.Reset()
        for player in orchestra.players.values():
            wait_until("it is idle", lambda player=player: str(player.state()) != "RUNNING")
            player.Stop()


@pytest.mark.parametrize("request_", ["Stop", "Init"])
def test_a_player_that_is_stopped_by_hand_between_two_triggers_is_named(orchestra, request_):
    moment = Waiting(orchestra)
    moment.begin()
    orchestra.players["x"].command_inout(request_)
    moment.go_on()
    assert ended(orchestra) == ("FAULT", "failed", 2)
    assert "Player trio-x, trigger 3" in orchestra.director.LastError
    assert "stopped or restarted since" in orchestra.director.LastError


@pytest.mark.parametrize("request_", ["Stop", "Init", "Abort"])
@pytest.mark.parametrize("moment", [Waiting, Acting])
def test_a_player_that_leaves_the_run_by_hand_is_set_up_again_where_it_may_be_retried(
    orchestra, moment, request_
):
    retry(orchestra, "x")
    moment = moment(orchestra)
    moment.begin()
    orchestra.players["x"].command_inout(request_)
    moment.go_on()
    assert ended(orchestra) == ("ON", "done", 4)
    turns = acted(orchestra, "x")
    assert sorted(set(turns)) == sorted(turns)
    assert {trigger for trigger, _ in turns} == {1, 2, 3, 4}
    assert len(orchestra.notes("setup", "x")) == 2


def test_a_player_that_is_restarted_before_the_first_trigger_is_set_up_again(orchestra):
    retry(orchestra, "x")
    orchestra.director.Arm()
    wait_until("it is armed", lambda: orchestra.state() == "STANDBY")
    orchestra.director.Triggers = 4
    orchestra.children["x"].kill()
    orchestra.restart("x")
    orchestra.director.Resume()
    assert ended(orchestra) == ("ON", "done", 4)
    assert [trigger for trigger, _ in acted(orchestra, "x")] == [1, 2, 3, 4]


def test_a_player_that_dies_twice_at_one_trigger_gets_it_a_third_time(orchestra):
    retry(orchestra, "x")
    moment = Acting(orchestra)
    moment.begin()
    for attempt in (2, 3):
        orchestra.children["x"].kill()
        orchestra.restart("x")
        wait_until("it acts again", lambda attempt=attempt: (2, attempt) in acted(orchestra, "x"))
    moment.go_on()
    assert ended(orchestra) == ("ON", "done", 4)
    assert acted(orchestra, "x") == [(1, 1), (2, 1), (2, 2), (2, 3), (3, 1), (4, 1)]
    assert acted(orchestra, "y") == [(1, 1), (2, 1), (3, 1), (4, 1)]


def test_a_player_that_dies_while_it_is_told_to_give_up_does_not_keep_the_end(orchestra):
    moment = Acting(orchestra)
    moment.begin()
    orchestra.director.Abort()
    orchestra.children["x"].kill()
    assert ended(orchestra) == ("ON", "aborted", 1)


def test_a_player_that_is_removed_from_the_database_plays_on_to_the_end(orchestra):
    moment = Acting(orchestra)
    moment.begin()
    database = tango.Database(*orchestra.facility.database.tango_host.split(":"))
    device = orchestra.players["x"].dev_name()
    known = database.get_device_info(device)
    database.delete_device(device)
    try:
        wait_until("it is forgotten", lambda: "trio-x" not in orchestra.director.Players)
        assert "unknown" in refused(orchestra.director.SetPriority, [[1], ["trio-x"]])
        moment.go_on()
        assert ended(orchestra) == ("ON", "done", 4)
        assert [trigger for trigger, _ in acted(orchestra, "x")] == [1, 2, 3, 4]
        wait_until("it is left", lambda: str(orchestra.players["x"].state()) == "ON")
    finally:
        info = tango.DbDevInfo()
        info.name, info._class, info.server = device, known.class_name, known.ds_full_name
        database.add_device(info)
        orchestra.children["x"].kill()
        orchestra.restart("x")


def test_a_client_that_dies_while_it_starts_a_run_does_not_end_it(orchestra):
    gate = orchestra.gate("x", "setup")
    director = f"tango://{orchestra.facility.database.tango_host}/{orchestra.director.dev_name()}"
    client = subprocess.Popen(
        [sys.executable, "-c", "import sys, tango; tango.DeviceProxy(sys.argv[1]).Start()", director]
    )
    wait_until("x is set up", lambda: orchestra.notes("setup", "x"))
    client.kill()
    client.wait()
    gate.unlink()
    assert ended(orchestra) == ("ON", "done", 4)
