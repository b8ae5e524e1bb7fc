"""Several Directors that start at once on the same Players: one of them plays, and the others say who."""

from __future__ import annotations

import os
from collections import Counter

import pytest
import tango

from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility
from helpers.orchestra import an_orchestra
from helpers.support import wait_until

#: How often they start together; more by hand: DONKI_ROUNDS=100.
ROUNDS = int(os.environ.get("DONKI_ROUNDS", "4"))

NAMES = ("x", "y", "z")


@pytest.fixture(scope="module")
def orchestra(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("several"), "several", *NAMES, "off") as orchestra:
        for name in NAMES:
            orchestra.set(name)
        orchestra.players["off"].Priority = -1
        yield orchestra


@pytest.fixture(scope="module")
def rivals(orchestra, facility):
    """Two more Directors in the database of the Players."""
    servers = [
        DeviceServer.director(
            f"rival-{number}",
            PlayerDevices=["donki/player/several-*"],
            RunDirectory=str(orchestra.journal.parent),
        )
        for number in range(2)
    ]
    children = facility.start_servers(*servers)
    yield [orchestra.proxy(server.device) for server in servers]
    for child in children:
        child.kill()


@pytest.fixture(scope="module")
def namesake(orchestra, tmp_path_factory):
    """A Director of the first one's name, in another database, with a journal of its own."""
    folder = tmp_path_factory.mktemp("namesake")
    players = [
        f"tango://{orchestra.facility.database.tango_host}/{player.dev_name()}"
        for player in orchestra.players.values()
    ]
    with LocalFacility(folder) as facility:
        facility.start_database()
        server = DeviceServer.director("several", PlayerDevices=players, RunDirectory=str(folder / "runs"))
        facility.start_servers(server)
        yield tango.DeviceProxy(f"tango://{facility.database.tango_host}/{server.device}")


def start_together(directors):
    """Return the Directors that began a run, and by Director why the others did not."""
    fresh = [tango.DeviceProxy(_full(director)) for director in directors]
    tickets = [director.command_inout_asynch("Start") for director in fresh]
    begun, said = [], {}
    for number, ticket in enumerate(tickets):
        try:
            fresh[number].command_inout_reply(ticket, timeout=3000)
            begun.append(number)
        except tango.DevFailed as failed:
            said[number] = failed.args[0].desc
    return begun, said


def _full(director):
    return f"tango://{director.get_db_host()}:{director.get_db_port()}/{director.dev_name()}"


def wait_ready(director):
    wait_until("it has played", lambda: str(director.state()) == "ON", 20)


def check_one_plays(orchestra, directors):
    winners = Counter()
    for director in directors:
        # Long enough that no run has ended before the others have asked.
        director.Triggers = -1
        director.Period = 0.02
    for _ in range(ROUNDS):
        orchestra.notes_file.unlink(missing_ok=True)
        begun, said = start_together(directors)
        assert len(begun) == 1, said
        (winner,) = begun
        winners[winner] += 1
        run = directors[winner].RunId
        for number, words in said.items():
            assert f"plays run {run} of " in words
            assert directors[winner].dev_name() in words
            assert str(directors[number].state()) == "ON"
            assert directors[number].RunId != run
        directors[winner].Stop()
        wait_ready(directors[winner])
        last = directors[winner].CurrentTrigger
        for name in NAMES:
            notes = [(note["run"], note["trigger"]) for note in orchestra.notes("begin", name)]
            assert notes == [(run, trigger) for trigger in range(1, last + 1)]
            assert [note["run"] for note in orchestra.notes("setup", name)] == [run]
            wait_until("it is idle", lambda name=name: str(orchestra.players[name].state()) == "ON")
    # Whoever lost can play now.
    for director in directors:
        director.Triggers = 2
        director.Start()
        wait_ready(director)
        assert director.CurrentTrigger == 2
    return winners


def test_of_two_directors_one_plays(orchestra, rivals):
    check_one_plays(orchestra, [orchestra.director, rivals[0]])


def test_of_four_directors_in_two_databases_one_plays_though_two_have_one_name(orchestra, rivals, namesake):
    check_one_plays(orchestra, [orchestra.director, *rivals, namesake])


def test_a_director_does_not_take_the_players_of_its_namesake_in_another_database(orchestra, namesake):
    orchestra.director.Triggers = -1
    orchestra.director.Start()
    with pytest.raises(tango.DevFailed) as refused:
        namesake.Start()
    assert f"plays run {orchestra.director.RunId} of tango://" in refused.value.args[0].desc
    at = orchestra.director.CurrentTrigger
    wait_until("it goes on", lambda: orchestra.director.CurrentTrigger > at)
    orchestra.director.Stop()
    assert orchestra.ended() == "ON"
